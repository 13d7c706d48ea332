"""A singleton replaced in a test, and opened outside HTTP, keeps its type.

Type-checked by mypy and pyright, both strict; not run.
"""

from collections.abc import AsyncIterator
from typing import assert_type

from fastapi import FastAPI
from httpx2 import ASGITransport

from backoffice.core import Database, Run, database, serve, singleton


class Mailer:
    async def send(self, to: str) -> None: ...


class FakeMailer(Mailer):
    pass


@singleton
async def mailer() -> AsyncIterator[Mailer]:
    yield Mailer()


def replaced() -> None:
    with mailer.override(FakeMailer()) as fake:
        assert_type(fake, Mailer)
    with mailer.override(Mailer()), database.override(Database("sqlite://")):
        pass
    with mailer.override("fake"):  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        pass
    with mailer.override(FakeMailer):  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        pass


def replaced_in_fastapis_own_way(app: FastAPI) -> None:
    app.dependency_overrides[mailer] = FakeMailer


async def outside_http(app: FastAPI) -> None:
    async with Run() as run:
        assert_type(run, Run)
        assert_type(await run.open(mailer), Mailer)
        assert_type(await run.open(database), Database)
        await run.open(Mailer)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    async with Run(app) as run:
        assert_type(await run.find(Mailer), Mailer | None)
        await run.find(mailer)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def in_an_async_test(app: FastAPI) -> None:
    async with serve(app) as asgi:
        ASGITransport(asgi)
