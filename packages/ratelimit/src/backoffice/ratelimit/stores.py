"""Where the limits of a run are counted."""

from backoffice.core import Clock, Settings, SetupError
from backoffice.ratelimit.charges import Store
from backoffice.ratelimit.local import LocalStore
from backoffice.ratelimit.memory import MemoryStore
from backoffice.ratelimit.settings import RateLimitSettings
from backoffice.ratelimit.workers import warn_of_several, workers


async def stores(
    settings: Settings, own: RateLimitSettings, clock: Clock
) -> tuple[Store, LocalStore | None]:
    """Where limits are counted, and where while that does not answer."""
    if settings.redis_url is None:
        warn_of_several(own.workers or workers())
        return MemoryStore(own.memory_size, clock), None
    try:
        from backoffice.ratelimit.redis import RedisStore
    except ModuleNotFoundError:
        raise SetupError(
            "BACKOFFICE_REDIS_URL is set, but redis is not installed; "
            "install fastapi-backoffice-ratelimit[redis]"
        ) from None
    store = RedisStore(settings.redis_url.get_secret_value(), timeout=own.redis_timeout)
    await store.open()
    return store, LocalStore(own.memory_size, own.workers or workers(), clock)
