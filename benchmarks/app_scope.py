"""What one object of the app's scope costs a request, by every usual way to get at it.

    python benchmarks/app_scope.py [--rounds 60] [--requests 200] [--server]

One process calls every app in turn, in a new order each round, so that what else the machine does
falls on all alike; CPU time of the process, its threads included, and no server or client around.
Then: how many instances 1000 simultaneous first requests make; what a look-up costs by itself; with
`--server`, the CPU time of uvicorn, each app in a process of its own.
"""

import argparse
import asyncio
import gc
import json
import random
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from fastapi import FastAPI
from starlette.requests import Request

from backoffice.core import Run, serve, singleton
from backoffice.core.singletons import STATE
from benchmarks.injection import server
from benchmarks.injection.contestants import (
    AGAIN,
    ASYNC_DEPENDS,
    ASYNC_ON_REQUEST,
    BY_DEPENDS,
    CONTESTANTS,
    DIRECT,
    LAZY,
    OF,
    OF_INCLUDED,
    OURS_LATE,
)
from benchmarks.injection.values import App, Factory, Value

WARM_UP, AT_ONCE, OPENING = 50, 1000, 0.01
LOOK_UPS = 20_000
#: Microseconds that may separate two figures of the same thing: see the row "again".
NOISE = 0.5
SERVER_ROUNDS, SERVER_REQUESTS = 15, 480

Figures = dict[str, list[float]]


async def ask(app: App) -> bytes:
    """One request, without a server or a client around it; what it answers."""
    body = b""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal body
        body += message.get("body", b"")

    await app(scope(), receive, send)
    return body


def scope() -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"shop")],
        "client": ("203.0.113.9", 50000),
        "server": ("shop", 80),
    }


async def cost(rounds: int, requests: int) -> Figures:
    """CPU microseconds for a request of each contestant, one figure a round."""
    async with AsyncExitStack() as stack:
        apps = {
            name: await stack.enter_async_context(serve(each.app(Factory())))
            for name, each in CONTESTANTS.items()
        }
        for name, app in apps.items():
            answers = {await ask(app) for _ in range(WARM_UP)}
            if [json.loads(answer) for answer in answers] != [{"v": 1}]:
                raise SystemExit(f"{name} answered {answers}")
        gc.collect()
        gc.freeze()
        found: Figures = {name: [] for name in apps}
        for _ in range(rounds):
            for name in random.sample(list(apps), len(apps)):
                found[name].append(await timed(apps[name], requests))
    return found


async def timed(app: App, requests: int) -> float:
    started = time.process_time()
    for _ in range(requests):
        await ask(app)
    return (time.process_time() - started) / requests * 1e6


async def instances() -> dict[str, int]:
    """How many values each way makes when its first requests all come at once."""
    found: dict[str, int] = {}
    for name, running in LAZY.items():
        factory = Factory(seconds=OPENING)
        async with running(factory) as app:
            await asyncio.gather(*[ask(app) for _ in range(AT_ONCE)])
        found[name] = factory.made
    return found


async def look_ups(rounds: int) -> Figures:
    """CPU nanoseconds of each look-up by itself, one figure a round."""
    value = singleton(Value)
    app = FastAPI()
    app.state.value = Value()
    async with Run(app) as run:
        await run.open(value)
        request = Request({**scope(), "app": app, "state": {STATE: run, "value": Value()}})
        ways: dict[str, Callable[[], Coroutine[Any, Any, float]]] = {
            "x.of(request)": lambda: repeated(lambda: value.of(request)),
            "await x(request)": lambda: awaited(lambda: value(request)),
            "request.state.x": lambda: repeated(lambda: request.state.value),
            "request.app.state.x": lambda: repeated(lambda: request.app.state.value),
        }
        found: Figures = {name: [] for name in ways}
        for _ in range(rounds):
            empty = await repeated(lambda: None)
            for name, way in ways.items():
                found[name].append(await way() - empty)
    return found


async def repeated(look_up: Callable[[], object]) -> float:
    started = time.process_time()
    for _ in range(LOOK_UPS):
        look_up()
    return (time.process_time() - started) / LOOK_UPS * 1e9


async def awaited(look_up: Callable[[], Coroutine[Any, Any, object]]) -> float:
    started = time.process_time()
    for _ in range(LOOK_UPS):
        await look_up()
    return (time.process_time() - started) / LOOK_UPS * 1e9


def added(found: Figures, name: str, floor: str) -> float:
    """Microseconds above the floor: the median of what separates the two in each round."""
    pairs = zip(found[name], found[floor], strict=True)
    return median(mine - its for mine, its in pairs)


def cost_table(found: Figures) -> Iterator[str]:
    yield f"{'CPU microseconds a request':38} median    min    max  x global  + its floor"
    for name, each in found.items():
        floor = CONTESTANTS[name].floor
        yield (
            f"{name:38} {median(each):6.1f} {min(each):6.1f} {max(each):6.1f}"
            f" {median(each) / median(found[DIRECT]):9.2f} {added(found, name, floor):12.1f}"
        )


def verdicts(found: Figures, made: dict[str, int]) -> Iterator[str]:
    """The targets, and whether this run meets them."""
    again = added(found, AGAIN, DIRECT)
    yield f"noise: the same app measured twice differs by {again:+.1f}; {NOISE} counts as the same"
    for name in (OF, OF_INCLUDED):
        above = added(found, name, CONTESTANTS[name].floor)
        yield f"{met(above <= 3)}: {name} is within 3 us of its floor: {above:+.1f}"
    for other in (ASYNC_DEPENDS, ASYNC_ON_REQUEST):
        dearer = added(found, BY_DEPENDS, other)
        yield f"{met(dearer <= NOISE)}: {BY_DEPENDS} is no dearer than {other}: {dearer:+.1f}"
    late = made[OURS_LATE]
    yield f"{met(late == 1)}: {AT_ONCE} simultaneous first requests make one instance: {late}"


def met(target: bool) -> str:
    return "met" if target else "MISSED"


def libraries() -> str:
    names = ("fastapi", "dishka", "wireup", "that-depends", "svcs", "fastapi-singleton")
    python = ".".join(map(str, sys.version_info[:3]))
    return ", ".join([f"Python {python}", *(f"{name} {version(name)}" for name in names)])


def main() -> None:
    parser = argparse.ArgumentParser(description="What an object of the app's scope costs.")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--requests", type=int, default=200, help="of each app in each round")
    parser.add_argument("--server", action="store_true", help="measure uvicorn's processes too")
    options = parser.parse_args()
    if min(options.rounds, options.requests) < 1:
        parser.error("count rounds and requests from 1")
    print(libraries())
    print(
        f"{options.rounds} rounds of {options.requests} requests; CPU time, as wall time is noisy\n"
    )
    found = asyncio.run(cost(options.rounds, options.requests))
    print("in process", *cost_table(found), sep="\n")
    if options.server:
        print("\nbehind uvicorn, CPU of the server's process")
        served = asyncio.run(server.cost(SERVER_ROUNDS, SERVER_REQUESTS))
        print(*cost_table(served), sep="\n")
    print(f"\ninstances made by {AT_ONCE} simultaneous first requests")
    made = asyncio.run(instances())
    print(*(f"{name:38} {count:6}" for name, count in made.items()), sep="\n")
    print("\nCPU nanoseconds of a look-up                median    min    max")
    for name, each in asyncio.run(look_ups(options.rounds)).items():
        print(f"{name:38} {median(each):11.0f} {min(each):6.0f} {max(each):6.0f}")
    print("", *verdicts(found, made), sep="\n")


if __name__ == "__main__":
    main()
