"""What a storm of sign-ins does to everybody else: ours beside fastapi-users.

    python benchmarks/login_storm.py [--rounds 5] [--seconds 8] [--quick]

Each app runs behind uvicorn in a process of its own. Somebody asks an unrelated route every few
milliseconds, first alone, then while four clients sign in without a pause; the apps take turns.
What counts is the ratio of the two, for it is of one app and one moment: other load on the machine
falls on both. Each client signs in with a password that is right.
"""

import argparse
import asyncio
import os
import socket
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).parent.parent))

import uvicorn
from fastapi import FastAPI
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin
from fastapi_users.authentication import AuthenticationBackend, BearerTransport, JWTStrategy
from fastapi_users.password import PasswordHelper

from backoffice.auth import Auth, User
from backoffice.auth.user_manager import UserTable
from backoffice.core import Database, Run, Settings
from backoffice.migrations import upgrade

SECRET = "benchmark secret of 32 bytes, at least"
EMAIL, PASSWORD = "ann@example.com", "correct horse battery"
CLIENTS, PAUSE, PATIENCE = 4, 0.004, 30.0
FORM = urlencode({"username": EMAIL, "password": PASSWORD}).encode()
PING = b"GET /ping HTTP/1.1\r\nHost: shop\r\n\r\n"


def ours() -> FastAPI:
    auth, app = Auth(), pinged()
    app.include_router(auth.router, prefix="/auth")
    return app


def fastapi_users() -> FastAPI:
    """As its documentation has it, its own hashing included, but on our table of users."""
    database = Database(Settings().database_url.get_secret_value())

    class Manager(UUIDIDMixin, BaseUserManager[User, uuid.UUID]):
        pass

    async def manager() -> AsyncIterator[Manager]:
        async with database.session() as session:
            yield Manager(UserTable(session))

    def strategy() -> JWTStrategy[User, uuid.UUID]:
        return JWTStrategy(secret=SECRET, lifetime_seconds=3600)

    backend = AuthenticationBackend[User, uuid.UUID](
        name="jwt", transport=BearerTransport(tokenUrl="auth/login"), get_strategy=strategy
    )
    app = pinged()
    users = FastAPIUsers[User, uuid.UUID](manager, [backend])
    app.include_router(users.get_auth_router(backend), prefix="/auth")
    return app


def pinged() -> FastAPI:
    app = FastAPI()

    @app.get("/ping")
    async def ping() -> dict[str, int]:
        return {"v": 1}

    return app


APPS: dict[str, Callable[[], FastAPI]] = {"ours": ours, "fastapi-users": fastapi_users}


@dataclass
class Figures:
    """Of one app, a figure a round: milliseconds, and sign-ins a second."""

    idle: list[tuple[float, float]] = field(default_factory=list)
    storm: list[tuple[float, float]] = field(default_factory=list)
    sign_ins: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """How much longer the slowest hundredth of requests takes in a storm."""
        return median(storm[1] / idle[1] for storm, idle in zip(self.storm, self.idle, strict=True))


class Connected:
    """A client with one connection."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> "Connected":
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def ask(self, request: bytes) -> None:
        """One request; an answer that is not 200 ends the benchmark."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"answered {head.decode()}")
        lines = head.lower().split(b"\r\n")
        length = next(each for each in lines if each.startswith(b"content-length:"))
        await self._reader.readexactly(int(length.partition(b":")[2]))


def sign_in() -> bytes:
    head = (
        "POST /auth/login HTTP/1.1\r\nHost: shop\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(FORM)}\r\n\r\n"
    )
    return head.encode() + FORM


async def pings(port: int, seconds: float) -> tuple[float, float]:
    """The median and the 99th percentile of an unrelated route, in milliseconds."""
    times, until = [], time.perf_counter() + seconds
    async with Connected(port) as client:
        while (started := time.perf_counter()) < until:
            await client.ask(PING)
            times.append((time.perf_counter() - started) * 1e3)
            await asyncio.sleep(PAUSE)
    return median(times), quantiles(times, n=100)[98]


async def signing_in(port: int, done: list[float]) -> None:
    async with Connected(port) as client:
        while True:
            await client.ask(sign_in())
            done.append(time.perf_counter())


async def one_round(port: int, seconds: float, figures: Figures) -> None:
    figures.idle.append(await pings(port, seconds))
    done: list[float] = []
    storm = [asyncio.create_task(signing_in(port, done)) for _ in range(CLIENTS)]
    await asyncio.sleep(0.3)
    done.clear()
    figures.storm.append(await pings(port, seconds))
    figures.sign_ins.append(len(done) / seconds)
    for each in storm:
        each.cancel()
    outcomes = await asyncio.gather(*storm, return_exceptions=True)
    if failed := [each for each in outcomes if isinstance(each, SystemExit)]:
        raise failed[0]
    await asyncio.sleep(0.5)  # what was under way is hashed to the end


@contextmanager
def serving(name: str) -> Iterator[int]:
    """The port of the app, served."""
    processes = get_context("spawn")
    here, there = processes.Pipe()
    process = processes.Process(target=_serve, args=(name, there), daemon=True)
    process.start()
    try:
        if not here.poll(PATIENCE):
            raise SystemExit(f"{name} did not start")
        yield here.recv()
    finally:
        process.terminate()
        process.join(PATIENCE)


def _serve(name: str, pipe: Connection) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        APPS[name](), loop="uvloop", http="httptools", log_level="warning", access_log=False
    )
    pipe.send(listening.getsockname()[1])
    uvicorn.Server(config).run(sockets=[listening])


async def accounts() -> None:
    """The account that signs in, with a hash of ours."""
    auth, app = Auth(), FastAPI()
    app.include_router(auth.router)
    async with Run(app) as run:
        await (await run.open(auth.services)).users.create(EMAIL, PASSWORD, actor="benchmark")


async def theirs(url: str) -> None:
    """Give the account the hash that fastapi-users makes itself."""
    database = Database(url)
    async with database.session() as session:
        user = await UserTable(session).get_by_email(EMAIL)
        assert user is not None
        user.hashed_password = PasswordHelper().hash(PASSWORD)
        session.add(user)
        await session.commit()
    await database.close()


@contextmanager
def all_serving(folder: Path) -> Iterator[dict[str, int]]:
    """The port of each app, with a database of its own."""
    os.environ |= {
        "BACKOFFICE_SECRET_KEY": SECRET,
        "BACKOFFICE_AUTH__SIGN_IN_LIMIT": "1000000/minute",
    }
    with ExitStack() as stack:
        ports = {}
        for name in APPS:
            url = f"sqlite:///{folder / name}.db"
            os.environ["BACKOFFICE_DATABASE_URL"] = url
            upgrade(url)
            asyncio.run(accounts())
            if name == "fastapi-users":
                asyncio.run(theirs(url))
            ports[name] = stack.enter_context(serving(name))
        yield ports


def measured(rounds: int, seconds: float) -> dict[str, Figures]:
    """The figures of each app, which take turns."""
    figures = {name: Figures() for name in APPS}
    with tempfile.TemporaryDirectory() as folder, all_serving(Path(folder)) as ports:
        for turn in range(rounds):
            for name in list(APPS)[:: 1 if turn % 2 else -1]:
                asyncio.run(one_round(ports[name], seconds, figures[name]))
    return figures


def main() -> None:
    """Print the table."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--seconds", type=float, default=8.0)
    arguments.add_argument("--quick", action="store_true", help="two rounds of three seconds")
    given = arguments.parse_args()
    rounds, seconds = (2, 3.0) if given.quick else (given.rounds, given.seconds)
    figures = measured(rounds, seconds)
    print(f"{CLIENTS} clients sign in without a pause; an unrelated route is asked (ms, medians)")
    names = ("idle p50", "p99", "storm p50", "p99", "p99 ratio", "sign-ins/s")
    print(" " * 15 + "".join(f"{each:>11}" for each in names))
    for name, found in figures.items():
        idle, storm = (
            [median(each[part] for each in of) for part in (0, 1)]
            for of in (found.idle, found.storm)
        )
        print(
            f"{name:<15}{idle[0]:>11.2f}{idle[1]:>11.1f}{storm[0]:>11.2f}{storm[1]:>11.1f}"
            f"{found.ratio:>11.1f}{median(found.sign_ins):>11.1f}"
        )


if __name__ == "__main__":
    main()
