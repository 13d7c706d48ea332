"""What a rate limit costs a request: ours, slowapi's and fastapi-limiter's against none.

    python benchmarks/ratelimit.py [--rounds 15]

One process calls the apps in turn, so that what else the machine does falls on all alike, and
starts a Redis of its own. The figure to quote is the ratio of CPU time to the bare route's.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from operator import truediv
from pathlib import Path
from statistics import median
from typing import Any

import redis.asyncio
import uvloop
from fastapi import Depends, FastAPI, Request
from fastapi_limiter.depends import RateLimiter
from pyrate_limiter import Limiter, Rate, RedisBucket
from slowapi import Limiter as SlowLimiter
from slowapi.util import get_remote_address

from backoffice.core import serve, singletons
from backoffice.ratelimit import RateLimit

sys.path.insert(0, str(Path(__file__).parent.parent))

BARE = "no limit"
HOUR = 3600 * 1000
NEVER_SPENT = 10_000_000
WARM_UP, ALONE, TOGETHER, AT_ONCE = 20, 100, 400, 50

App = Callable[[dict[str, Any], Callable[..., Any], Callable[..., Any]], Awaitable[None]]
Figures = tuple[list[float], list[float], list[float]]


def bare() -> FastAPI:
    app = FastAPI()

    @app.get("/quote")
    async def quote() -> dict[str, str]:
        return {"quote": "So it goes."}

    return app


def behind(*dependencies: Any) -> FastAPI:
    """The same route behind these dependencies."""
    app = FastAPI(lifespan=singletons(), dependencies=dependencies)
    app.get("/quote")(_quote)
    return app


async def _quote() -> dict[str, str]:
    return {"quote": "So it goes."}


async def nothing() -> None:
    """What a dependency costs that does nothing."""


def slowapi(storage: str) -> FastAPI:
    app = FastAPI()
    limiter = SlowLimiter(get_remote_address, storage_uri=storage, headers_enabled=False)
    app.state.limiter = limiter

    @app.get("/quote")
    @limiter.limit(f"{NEVER_SPENT}/hour")
    async def quote(request: Request) -> dict[str, str]:
        return {"quote": "So it goes."}

    return app


@asynccontextmanager
async def fastapi_limiter(url: str | None) -> AsyncIterator[FastAPI]:
    rate = Rate(NEVER_SPENT, HOUR)
    async with AsyncExitStack() as stack:
        bucket: Any = rate
        if url is not None:
            # The library's own pool fails above its bound; a blocking one compares like with like.
            pool = redis.asyncio.BlockingConnectionPool.from_url(url, max_connections=16)
            client = await stack.enter_async_context(redis.asyncio.Redis.from_pool(pool))
            bucket = await RedisBucket.init([rate], client, "fastapi-limiter")
        limiter = stack.enter_context(Limiter(bucket))
        yield behind(Depends(RateLimiter(limiter=limiter)))


@asynccontextmanager
async def contestants(url: str) -> AsyncIterator[dict[str, App]]:
    """Every app, with its lifespan running."""
    ours, three = f"{NEVER_SPENT}/hour", ("9999999/minute", "9999999/hour", "9999999/day")
    async with AsyncExitStack() as stack:
        os.environ.pop("BACKOFFICE_REDIS_URL", None)
        apps: dict[str, FastAPI] = {
            BARE: bare(),
            "a dependency that does nothing": behind(Depends(nothing)),
            "Backoffice, memory": behind(RateLimit(ours)),
            "Backoffice, memory, refused": behind(RateLimit("1/day")),
            "slowapi, memory": slowapi("memory://"),
            "fastapi-limiter, memory": await stack.enter_async_context(fastapi_limiter(None)),
        }
        served = {name: await stack.enter_async_context(serve(app)) for name, app in apps.items()}
        os.environ["BACKOFFICE_REDIS_URL"] = url
        apps = {
            "Backoffice, Redis": behind(RateLimit(ours)),
            "Backoffice, Redis, three limits": behind(RateLimit(*three)),
            "slowapi, Redis": slowapi(url),
            "fastapi-limiter, Redis": await stack.enter_async_context(fastapi_limiter(url)),
        }
        yield served | {
            name: await stack.enter_async_context(serve(app)) for name, app in apps.items()
        }


async def ask(app: App) -> int:
    """One request, without a server or a client around it; its status."""
    status = 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/quote",
        "raw_path": b"/quote",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"shop")],
        "client": ("203.0.113.9", 50000),
        "server": ("shop", 80),
    }
    await app(scope, receive, send)
    return status


async def several(app: App, requests: int, at_once: int) -> None:
    """That many requests, through `at_once` clients."""

    async def client() -> None:
        for _ in range(requests // at_once):
            await ask(app)

    await asyncio.gather(*[client() for _ in range(at_once)])


async def timed(app: App, requests: int, at_once: int) -> tuple[float, float]:
    """Microseconds of wall clock and of CPU for one of them."""
    wall, cpu = time.perf_counter(), time.process_time()
    await several(app, requests, at_once)
    cpu = time.process_time() - cpu
    return (time.perf_counter() - wall) * 1e6 / requests, cpu * 1e6 / requests


async def warm_up(name: str, app: App) -> None:
    statuses = {await ask(app) for _ in range(WARM_UP)}
    if statuses != ({200, 429} if name.endswith("refused") else {200}):
        raise SystemExit(f"{name} answered {statuses}")


async def measure(url: str, rounds: int) -> dict[str, Figures]:
    async with contestants(url) as apps:
        found: dict[str, Figures] = {name: ([], [], []) for name in apps}
        for name, app in apps.items():
            await warm_up(name, app)
        for _ in range(rounds):
            for name, app in apps.items():
                wall, alone = await timed(app, ALONE, 1)
                _, together = await timed(app, TOGETHER, AT_ONCE)
                for column, figure in zip(found[name], (wall, alone, together), strict=True):
                    column.append(figure)
    return found


def table(found: dict[str, Figures]) -> str:
    """Medians, and of each round's ratio to the bare route in that round."""
    lines = [f"{'microseconds a request':32} | wall | CPU        x | CPU, {AT_ONCE} at once   x"]
    for name, figures in found.items():
        wall, alone, together = map(median, figures)
        times = [
            median(map(truediv, mine, its)) for mine, its in zip(figures, found[BARE], strict=True)
        ]
        cells = (
            f"{wall:4.0f}",
            f"{alone:3.0f} {times[1]:8.2f}",
            f"{together:8.0f} {times[2]:10.2f}",
        )
        lines.append(" | ".join((f"{name:32}", *cells)))
    return "\n".join(lines)


def main() -> None:
    from tests.services.redis import redis_server

    parser = argparse.ArgumentParser(description="What a rate limit costs a request.")
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    with redis_server() as server, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(table(runner.run(measure(server.fresh_url(), rounds))))


if __name__ == "__main__":
    main()
