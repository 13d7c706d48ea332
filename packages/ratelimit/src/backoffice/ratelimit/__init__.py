"""Rate limits as dependencies: in memory by default, in Redis for many processes."""

from backoffice.ratelimit.addresses import client_address, client_network
from backoffice.ratelimit.charges import Charge, Standing, Verdict
from backoffice.ratelimit.decisions import Decision
from backoffice.ratelimit.dependencies import RateLimit
from backoffice.ratelimit.judgements import Check
from backoffice.ratelimit.limiter import Limiter, limiter
from backoffice.ratelimit.limits import Limit, limits
from backoffice.ratelimit.memory import MemoryStore
from backoffice.ratelimit.middleware import RateLimitMiddleware
from backoffice.ratelimit.reservations import Reservation, Reserve
from backoffice.ratelimit.settings import RateLimitSettings, ratelimit_settings
from backoffice.ratelimit.visits import reservation

__all__ = [
    "Charge",
    "Check",
    "Decision",
    "Limit",
    "Limiter",
    "MemoryStore",
    "RateLimit",
    "RateLimitMiddleware",
    "RateLimitSettings",
    "Reservation",
    "Reserve",
    "Standing",
    "Verdict",
    "client_address",
    "client_network",
    "limiter",
    "limits",
    "ratelimit_settings",
    "reservation",
]
