"""Rate limits as dependencies: in memory by default, in Redis for many processes."""

from backoffice.ratelimit.addresses import client_address, client_network
from backoffice.ratelimit.decisions import Decision, Standing
from backoffice.ratelimit.dependencies import RateLimit
from backoffice.ratelimit.limiter import Limiter, limiter
from backoffice.ratelimit.limits import Limit, limits
from backoffice.ratelimit.memory import MemoryStore
from backoffice.ratelimit.settings import RateLimitSettings, ratelimit_settings

__all__ = [
    "Decision",
    "Limit",
    "Limiter",
    "MemoryStore",
    "RateLimit",
    "RateLimitSettings",
    "Standing",
    "client_address",
    "client_network",
    "limiter",
    "limits",
    "ratelimit_settings",
]
