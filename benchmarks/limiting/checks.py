"""One check of a limit, by us and by what people use today, beside a PING."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import limits
import limits.aio
import redis.asyncio
import throttled.asyncio
from pyrate_limiter import (
    BucketFactory,
    Limiter,
    Rate,
    RateItem,
    RedisBucket,
    RedisStateStore,
    StateBucket,
    WallClock,
)

import backoffice.ratelimit
from backoffice.core import Run

#: Takes the number of a caller; a contestant that can tell callers apart does.
Check = Callable[[int], Awaitable[object]]
Opened = Callable[[str, AsyncExitStack], Awaitable[Check]]

PING = "PING, redis-py"
OURS, THREE = "Backoffice", "Backoffice, three limits"
CALLERS = 1000
NEVER_SPENT = 10_000_000
HOUR = 3600 * 1000


async def _client(url: str, stack: AsyncExitStack) -> redis.asyncio.Redis:
    # Its default pool fails above 100 at once; one that waits compares like with like.
    pool = redis.asyncio.BlockingConnectionPool.from_url(url, max_connections=50)
    return await stack.enter_async_context(redis.asyncio.Redis.from_pool(pool))


async def ping(url: str, stack: AsyncExitStack) -> Check:
    client = await _client(url, stack)
    # Any: redis-py types a reply for its sync client as well.
    asked: Any = client.ping
    return lambda _: asked()


def ours(*written: str, memory: bool = False) -> Opened:
    async def opened(url: str, stack: AsyncExitStack) -> Check:
        os.environ.pop("BACKOFFICE_REDIS_URL", None)
        if not memory:
            os.environ["BACKOFFICE_REDIS_URL"] = url
            # A check that was counted here instead would be no check of Redis.
            os.environ["BACKOFFICE_RATELIMIT__REDIS_TIMEOUT"] = "5"
        run = await stack.enter_async_context(Run())
        limiter = await run.open(backoffice.ratelimit.limiter)
        found = backoffice.ratelimit.limits(*written)
        return lambda caller: limiter.check("bench", f"caller:{caller}", found)

    return opened


def limits_aio(strategy: type[limits.aio.strategies.RateLimiter]) -> Opened:
    async def opened(url: str, stack: AsyncExitStack) -> Check:
        pool = redis.asyncio.BlockingConnectionPool.from_url(url, max_connections=50)
        storage = limits.aio.storage.RedisStorage(
            f"async+{url}",
            implementation="redispy",
            key_prefix=strategy.__name__,
            connection_pool=pool,  # type: ignore[arg-type]
        )
        stack.push_async_callback(pool.aclose)
        limiter, item = strategy(storage), limits.RateLimitItemPerHour(NEVER_SPENT)
        return lambda caller: limiter.hit(item, str(caller))

    return opened


def slowapi(headers: bool) -> Opened:
    """What slowapi asks of `limits` for a request: it blocks the event loop."""

    async def opened(url: str, stack: AsyncExitStack) -> Check:
        storage = limits.storage.RedisStorage(url, key_prefix="slowapi")
        limiter = limits.strategies.FixedWindowRateLimiter(storage)
        item = limits.RateLimitItemPerHour(NEVER_SPENT)

        async def check(caller: int) -> None:
            limiter.hit(item, str(caller))
            if headers:
                limiter.get_window_stats(item, str(caller))

        return check

    return opened


async def fastapi_limiter(url: str, stack: AsyncExitStack) -> Check:
    """What fastapi-limiter 0.2.0 asks of pyrate-limiter: one bucket for all callers."""
    client = await _client(url, stack)
    # Any: awaitable for an async client only.
    made: Any = RedisBucket.init([Rate(NEVER_SPENT, HOUR)], client, "fastapi-limiter")
    limiter = stack.enter_context(Limiter(await made))
    return lambda caller: limiter.try_acquire_async(str(caller), blocking=False)


class _ByCaller(BucketFactory):
    """A bucket of constant state for each caller."""

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._client, self._clock = client, WallClock()
        self._buckets: dict[str, StateBucket] = {}

    def wrap_item(self, name: str, weight: int = 1) -> RateItem:
        return RateItem(name, self._clock.now(), weight)

    def get(self, item: RateItem) -> StateBucket:
        if item.name not in self._buckets:
            store = RedisStateStore(self._client, f"pyrate:{item.name}")
            self._buckets[item.name] = StateBucket([Rate(NEVER_SPENT, HOUR)], store=store)
        return self._buckets[item.name]


async def pyrate_limiter(url: str, stack: AsyncExitStack) -> Check:
    limiter = stack.enter_context(Limiter(_ByCaller(await _client(url, stack))))
    return lambda caller: limiter.try_acquire_async(str(caller), blocking=False)


def throttled_py(using: str) -> Opened:
    async def opened(url: str, stack: AsyncExitStack) -> Check:
        options = {"CONNECTION_POOL_CLASS": "redis.asyncio.BlockingConnectionPool"}
        store = throttled.asyncio.RedisStore(server=url, options=options)
        quota = throttled.asyncio.per_hour(NEVER_SPENT)
        limiter = throttled.asyncio.Throttled(using=using, quota=quota, store=store)
        return lambda caller: limiter.limit(str(caller))

    return opened


#: With what each is called in the table.
CONTESTANTS: dict[str, Opened] = {
    PING: ping,
    OURS: ours(f"{NEVER_SPENT}/hour"),
    THREE: ours("9999999/minute", "9999999/hour", "9999999/day"),
    "Backoffice, strict": ours(f"{NEVER_SPENT}/hour;strict"),
    "Backoffice, calendar": ours(f"{NEVER_SPENT}/hour;calendar"),
    "Backoffice, memory": ours(f"{NEVER_SPENT}/hour", memory=True),
    "fastapi-limiter 0.2.0": fastapi_limiter,
    "pyrate-limiter, GCRA": pyrate_limiter,
    "slowapi": slowapi(headers=False),
    "slowapi, with headers": slowapi(headers=True),
    "limits, fixed window": limits_aio(limits.aio.strategies.FixedWindowRateLimiter),
    "limits, moving window": limits_aio(limits.aio.strategies.MovingWindowRateLimiter),
    "limits, sliding window": limits_aio(limits.aio.strategies.SlidingWindowCounterRateLimiter),
    "throttled-py, fixed window": throttled_py("fixed_window"),
    "throttled-py, sliding window": throttled_py("sliding_window"),
    "throttled-py, token bucket": throttled_py("token_bucket"),
    "throttled-py, GCRA": throttled_py("gcra"),
}


@asynccontextmanager
async def contestants(url: str) -> AsyncIterator[dict[str, Check]]:
    """All of them, each with its connections."""
    async with AsyncExitStack() as stack:
        yield {name: await opened(url, stack) for name, opened in CONTESTANTS.items()}
