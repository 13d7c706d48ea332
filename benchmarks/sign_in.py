"""What knowing the caller costs: ours beside fastapi-users and beside a bare route.

One process, ASGI called directly, SQLite; every variant in turn in each round, so that a machine
that slows down slows all of them. CPU time per request, medians, and ratios to the bare route.

    python benchmarks/sign_in.py [rounds]
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from fastapi_users import FastAPIUsers
from fastapi_users.authentication import AuthenticationBackend, BearerTransport, JWTStrategy
from sqlmodel import SQLModel, create_engine

from backoffice.auth import Auth, Principal, Services, User
from backoffice.auth.passwords import Passwords
from backoffice.auth.sessions import TOKEN, Client
from backoffice.auth.user_manager import UserManager
from backoffice.core import Clock, Database
from backoffice.core.singletons import STATE

SECRET = "benchmark secret of 32 bytes, at least"
EMAIL, PASSWORD = "ann@example.com", "correct horse battery"
REQUESTS = 200


def ours() -> tuple[FastAPI, Auth]:
    """A bare route and a protected one."""
    auth = Auth()
    app = FastAPI()
    app.include_router(auth.router, prefix="/auth")

    @app.get("/bare")
    async def bare() -> dict[str, int]:
        return {"v": 1}

    @app.get("/protected")
    async def protected(who: Annotated[Principal, auth.require("books:read")]) -> dict[str, int]:
        return {"v": 1}

    return app, auth


def theirs(database: Database) -> tuple[FastAPI, JWTStrategy[User, uuid.UUID]]:
    """The same route behind fastapi-users, as its documentation writes it."""
    strategy = JWTStrategy[User, uuid.UUID](secret=SECRET, lifetime_seconds=3600)

    passwords = Passwords()

    async def manager() -> AsyncIterator[UserManager]:
        async with database.session() as session:
            yield UserManager(session, passwords, Clock())

    def get_strategy() -> JWTStrategy[User, uuid.UUID]:
        return strategy

    backend = AuthenticationBackend[User, uuid.UUID](
        name="jwt", transport=BearerTransport(tokenUrl="login"), get_strategy=get_strategy
    )
    current = FastAPIUsers[User, uuid.UUID](manager, [backend]).current_user(active=True)
    app = FastAPI()

    @app.get("/protected")
    async def protected(user: Annotated[User, Depends(current)]) -> dict[str, int]:
        return {"v": 1}

    return app, strategy


async def call(app: Any, path: str, headers: dict[str, str]) -> int:
    """One request, without a server; the status."""
    status = 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "headers": raw,
        "query_string": b"", "scheme": "http", "server": ("test", 80), "client": ("127.0.0.1", 1),
        "http_version": "1.1", "root_path": "", "asgi": {"version": "3.0"},
    }  # fmt: skip
    await app(scope, receive, send)
    return status


async def measure(rounds: int) -> dict[str, list[float]]:
    """CPU microseconds per request of each variant, one figure a round."""
    app, auth = ours()
    async with app.router.lifespan_context(app) as opened:
        state = dict(opened or {})

        async def asgi(scope: Any, receive: Any, send: Any) -> None:
            await app(scope | {"state": dict(state)}, receive, send)

        services = state[STATE].values[auth.services]
        variants = await prepared(asgi, services)
        times: dict[str, list[float]] = {name: [] for name in variants}
        for _ in range(rounds):
            for name, (target, path, headers) in variants.items():
                started = time.process_time()
                for _ in range(REQUESTS):
                    status = await call(target, path, headers)
                    assert status == 200, (name, status)
                times[name].append((time.process_time() - started) / REQUESTS * 1e6)
    return times


async def prepared(asgi: Any, services: Services) -> dict[str, Any]:
    """Each variant's app, path and headers, with an account behind them."""
    user = await services.users.create(EMAIL, PASSWORD, actor="benchmark")
    await services.roles.create("reader", ["books:read"], actor="benchmark")
    await services.roles.grant(user.id, "reader", actor="benchmark")
    _, session = await services.sign_in.with_password(EMAIL, PASSWORD, TOKEN, Client())
    _, key = await services.keys.create(user, "benchmark", actor="benchmark")
    other, strategy = theirs(services.database)
    return {
        "bare route": (asgi, "/bare", {}),
        "ours, JWT": (
            asgi,
            "/protected",
            {"Authorization": f"Bearer {services.sessions.tokens(session).access_token}"},
        ),
        "ours, API key": (asgi, "/protected", {"X-API-Key": key}),
        "fastapi-users, JWT": (
            other,
            "/protected",
            {"Authorization": f"Bearer {await strategy.write_token(user)}"},
        ),
    }


def main() -> None:
    """Print the table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'benchmark.db'}"
        os.environ |= {"BACKOFFICE_DATABASE_URL": url, "BACKOFFICE_SECRET_KEY": SECRET}
        engine = create_engine(url)
        SQLModel.metadata.create_all(engine)
        engine.dispose()
        times = asyncio.run(measure(rounds))
    floor = statistics.median(times["bare route"])
    print(f"{'CPU per request':<22}{'median us':>12}{'min':>8}{'max':>8}{'x bare':>9}")
    for name, found in times.items():
        median = statistics.median(found)
        print(
            f"{name:<22}{median:>12.0f}{min(found):>8.0f}{max(found):>8.0f}{median / floor:>9.2f}"
        )


if __name__ == "__main__":
    main()
