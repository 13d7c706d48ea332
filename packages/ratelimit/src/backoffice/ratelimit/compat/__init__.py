"""For apps that come from fastapi-limiter: its names, counted by our limiter.

    from backoffice.ratelimit.compat import FastAPILimiter, RateLimiter

In place of `from fastapi_limiter import FastAPILimiter` and `from fastapi_limiter.depends import
RateLimiter`; nothing else changes, whether the app was written for 0.1.6 or for 0.2.0. For
pyrate-limiter's own `Limiter` there is a bucket in `backoffice.ratelimit.compat.pyrate`.
"""

from backoffice.ratelimit.compat.answers import (
    default_callback,
    default_identifier,
    http_default_callback,
    skip_limiter,
    ws_default_callback,
)
from backoffice.ratelimit.compat.fastapi_limiter import (
    FastAPILimiter,
    RateLimiter,
    WebSocketRateLimiter,
)

__all__ = [
    "FastAPILimiter",
    "RateLimiter",
    "WebSocketRateLimiter",
    "default_callback",
    "default_identifier",
    "http_default_callback",
    "skip_limiter",
    "ws_default_callback",
]
