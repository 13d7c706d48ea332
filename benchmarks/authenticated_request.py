"""What an authenticated request costs: ours beside what people use today.

    python benchmarks/authenticated_request.py [--rounds 9] [--seconds 0.6] [--sqlite]
    python benchmarks/authenticated_request.py --in-process

Each contestant behind uvicorn (uvloop, httptools) in a process of its own, all in turn, in a new
order each round, so that what else the machine does falls on all alike; 16 clients keep it busy,
and the CPU time of its process is counted: not the client's, not PostgreSQL's. On SQLite, then on
PostgreSQL. A turn is longer than the quarter of a second for which our view of revocations is
trusted, so that its renewal is in every figure. Ours is measured with the route declared before
our router is included, and after it: FastAPI tries routes in order, and the second floor shows what
that alone costs.

`--in-process` calls the ASGI apps directly, without a server: quicker and steadier, for profiling;
its ratios are higher, as the bare request is cheaper by what the server costs.
"""

import argparse
import asyncio
import gc
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack, ExitStack, contextmanager
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from backoffice.core import serve
from backoffice.migrations import upgrade
from benchmarks.authentication import rest_framework
from benchmarks.authentication.account import SECRET, Credentials, created
from benchmarks.authentication.contestants import (
    BARE,
    FLOOR,
    JWT,
    KEY,
    ROUTER_FIRST,
    Contestant,
    contestants,
)
from benchmarks.authentication.server import serving
from tests.services.databases import Databases, PostgresDatabases, SQLiteDatabases
from tests.services.postgres import postgres_server

Figures = dict[str, list[float]]

#: What each is measured against, and how much of it it may cost at most.
TARGETS = {JWT: (BARE, 1.35), ROUTER_FIRST: (FLOOR, 1.35), KEY: (BARE, 1.4)}
#: The first of the contestants are FastAPI's, which can share a process.
IN_PROCESS, WARM_UP, REQUESTS = 8, 50, 2000


async def served(found: dict[str, Contestant], rounds: int, seconds: float) -> Figures:
    """CPU microseconds of the server for a request of each contestant, one figure a round."""
    with ExitStack() as stack:
        servers = {name: stack.enter_context(serving(each)) for name, each in found.items()}
        for server in servers.values():
            await server.cost(seconds)
        figures: Figures = {name: [] for name in servers}
        for _ in range(rounds):
            for name in random.sample(list(servers), len(servers)):
                figures[name].append(await servers[name].cost(seconds))
    return figures


async def called(found: dict[str, Contestant], rounds: int) -> Figures:
    """CPU microseconds for a call of each app, one figure a round."""
    async with AsyncExitStack() as stack:
        apps = {
            name: await stack.enter_async_context(serve(each.app()))
            for name, each in list(found.items())[:IN_PROCESS]
        }
        for name, app in apps.items():
            await timed(app, found[name], WARM_UP)
        gc.collect()
        gc.freeze()
        figures: Figures = {name: [] for name in apps}
        for _ in range(rounds):
            for name in random.sample(list(apps), len(apps)):
                figures[name].append(await timed(apps[name], found[name], REQUESTS))
    return figures


async def timed(app: Any, contestant: Contestant, requests: int) -> float:
    started = time.process_time()
    for _ in range(requests):
        await ask(app, contestant)
    return (time.process_time() - started) / requests * 1e6


async def ask(app: Any, contestant: Contestant) -> None:
    """One request, without a server or a client around it."""
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
        "path": contestant.path,
        "raw_path": contestant.path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"shop"), *contestant.headers],
        "client": ("203.0.113.9", 50000),
        "server": ("shop", 80),
    }
    await app(scope, receive, send)
    if status != 200:
        raise SystemExit(f"a contestant answered {status}")


def table(figures: Figures, found: dict[str, Contestant]) -> Iterator[str]:
    yield f"{'CPU microseconds a request':36}median    min    max  x bare  x its floor"
    for name, each in figures.items():
        bare, floor = (ratio(figures, name, other) for other in (BARE, found[name].floor))
        yield (
            f"{name:36}{median(each):6.0f} {min(each):6.0f} {max(each):6.0f}"
            f" {bare:7.2f} {floor:12.2f}"
        )


def ratio(figures: Figures, name: str, other: str) -> float:
    return median(figures[name]) / median(figures[other])


def verdicts(figures: Figures) -> Iterator[str]:
    """The targets, and whether this run meets them."""
    for name, (floor, most) in TARGETS.items():
        found = ratio(figures, name, floor)
        met = "met" if found <= most else "MISSED"
        yield f"{met}: {name}: {found:.2f} x {floor}, at most {most}"


@contextmanager
def databases(kind: str) -> Iterator[Databases]:
    if kind == "PostgreSQL":
        with postgres_server() as server:
            yield PostgresDatabases(server)
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield SQLiteDatabases(Path(folder))


@contextmanager
def prepared(kind: str) -> Iterator[tuple[Credentials, str]]:
    """Our account on a database of its own, and the address of another, empty one."""
    with databases(kind) as source, source.empty() as url, source.empty() as other:
        os.environ |= {"BACKOFFICE_DATABASE_URL": url, "BACKOFFICE_SECRET_KEY": SECRET}
        upgrade(url)
        yield asyncio.run(created()), other


def django_token(url: str) -> str:
    """Of Django's own user, made in another process: it is configured once for each."""
    os.environ[rest_framework.DATABASE] = url
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(rest_framework.prepared).result()


def run(kind: str, options: argparse.Namespace) -> None:
    with prepared(kind) as (credentials, other):
        token = None if options.in_process else django_token(other)
        found = asyncio.run(contestants(credentials, token))
        if options.in_process:
            print(f"\nin process, {kind}")
            figures = asyncio.run(called(found, options.rounds))
            print(*table(figures, found), sep="\n")
            return
        print(f"\nbehind uvicorn, {kind}")
        figures = asyncio.run(served(found, options.rounds, options.seconds))
        print(*table(figures, found), *verdicts(figures), sep="\n")


def libraries() -> str:
    names = ["fastapi", "uvicorn", "sqlalchemy", "pyjwt", "fastapi-users", "litestar", "django"]
    names += ["djangorestframework", "djangorestframework-simplejwt"]
    python = ".".join(map(str, sys.version_info[:3]))
    return ", ".join([f"Python {python}", *(f"{name} {version(name)}" for name in names)])


def main() -> None:
    parser = argparse.ArgumentParser(description="What an authenticated request costs.")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.6, help="of each turn")
    parser.add_argument("--sqlite", action="store_true", help="leave PostgreSQL out")
    parser.add_argument("--in-process", action="store_true", help="without servers; SQLite")
    options = parser.parse_args()
    if options.rounds < 1 or options.seconds < 0.3:
        parser.error("count rounds from 1, and seconds from 0.3")
    print(libraries())
    run("SQLite", options)
    if not (options.sqlite or options.in_process):
        run("PostgreSQL", options)


if __name__ == "__main__":
    main()
