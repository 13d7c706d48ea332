"""One trivial route, behind each of the limiters: each app is made in a process of its own."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import redis.asyncio
import slowapi.util
import throttled.asyncio
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi_limiter.depends import RateLimiter
from pyrate_limiter import Limiter, Rate, RedisBucket
from slowapi import Limiter as SlowLimiter

from backoffice.core import singletons
from backoffice.ratelimit import RateLimit, RateLimitMiddleware
from benchmarks.limiting.checks import HOUR, NEVER_SPENT

#: Made from the address of a Redis.
Made = Callable[[str], FastAPI]

BARE = "no limit"
DEPENDENCY, IN_REDIS = "dependency, memory", "dependency, Redis"
LAYER, LAYER_IN_REDIS = "middleware, memory", "middleware, Redis"
REFUSED, REFUSED_IN_REDIS = "middleware, memory, refused", "middleware, Redis, refused"
OURS, NEVER = f"{NEVER_SPENT}/hour", "1/day"


@dataclass(frozen=True)
class Contestant:
    """An app, and what it answers but for the first requests."""

    made: Made
    status: int = 200
    fields: bool = False


def bare(_: str) -> FastAPI:
    return limited()


def limited(*dependencies: Any, **more: Any) -> FastAPI:
    app = FastAPI(dependencies=dependencies, **more)

    @app.get("/quote")
    async def quote() -> dict[str, str]:
        return {"quote": "So it goes."}

    return app


def count_in(url: str) -> None:
    """In Redis, and in nothing else, however long a busy machine keeps it from answering."""
    os.environ["BACKOFFICE_REDIS_URL"] = url
    os.environ["BACKOFFICE_RATELIMIT__REDIS_TIMEOUT"] = "5"


def dependency(url: str) -> FastAPI:
    return limited(RateLimit(OURS), lifespan=singletons())


def dependency_in_redis(url: str) -> FastAPI:
    count_in(url)
    return dependency(url)


def middleware(_: str, limit: str = OURS) -> FastAPI:
    app = limited(lifespan=singletons())
    app.add_middleware(RateLimitMiddleware, limits=(limit,))
    return app


def middleware_in_redis(url: str) -> FastAPI:
    count_in(url)
    return middleware(url)


def refused(url: str) -> FastAPI:
    return middleware(url, NEVER)


def refused_in_redis(url: str) -> FastAPI:
    count_in(url)
    return middleware(url, NEVER)


def fastapi_limiter(_: str) -> FastAPI:
    return limited(Depends(RateLimiter(limiter=Limiter(Rate(NEVER_SPENT, HOUR)))))


def fastapi_limiter_in_redis(url: str) -> FastAPI:
    # Its bucket is made by a coroutine, which an app has no place for but its lifespan.
    limiter = RateLimiter(limiter=Limiter(Rate(NEVER_SPENT, HOUR)))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        pool = redis.asyncio.BlockingConnectionPool.from_url(url, max_connections=50)
        # Any: awaitable for an async client only.
        made: Any = RedisBucket.init(
            [Rate(NEVER_SPENT, HOUR)], redis.asyncio.Redis.from_pool(pool), "fastapi-limiter"
        )
        limiter.limiter = Limiter(await made)
        yield

    return limited(Depends(limiter), lifespan=lifespan)


def slow(url: str, headers: bool = False) -> FastAPI:
    app = FastAPI()
    address = slowapi.util.get_remote_address
    limiter = SlowLimiter(address, storage_uri=url, headers_enabled=headers)
    app.state.limiter = limiter

    @app.get("/quote")
    @limiter.limit(f"{NEVER_SPENT}/hour")
    async def quote(request: Request, response: Response) -> dict[str, str]:
        return {"quote": "So it goes."}

    return app


def slow_with_headers(url: str) -> FastAPI:
    return slow(url, headers=True)


def throttled_py(url: str) -> FastAPI:
    options = {"CONNECTION_POOL_CLASS": "redis.asyncio.BlockingConnectionPool"}
    limiter = throttled.asyncio.Throttled(
        using="gcra",
        quota=throttled.asyncio.per_hour(NEVER_SPENT),
        store=throttled.asyncio.RedisStore(server=url, options=options),
    )

    async def check(request: Request) -> None:
        assert request.client is not None
        if (await limiter.limit(request.client.host)).limited:
            raise HTTPException(429)

    return limited(Depends(check))


CONTESTANTS: dict[str, Contestant] = {
    BARE: Contestant(bare),
    DEPENDENCY: Contestant(dependency, fields=True),
    IN_REDIS: Contestant(dependency_in_redis, fields=True),
    LAYER: Contestant(middleware, fields=True),
    LAYER_IN_REDIS: Contestant(middleware_in_redis, fields=True),
    REFUSED: Contestant(refused, 429, fields=True),
    REFUSED_IN_REDIS: Contestant(refused_in_redis, 429, fields=True),
    "fastapi-limiter 0.2.0, memory": Contestant(fastapi_limiter),
    "fastapi-limiter 0.2.0, Redis": Contestant(fastapi_limiter_in_redis),
    "slowapi, Redis": Contestant(slow),
    "slowapi, Redis, with headers": Contestant(slow_with_headers),
    "throttled-py, Redis": Contestant(throttled_py),
}
