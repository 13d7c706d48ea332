"""Where the shop's database is, and a request's session on it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlmodel import Session
from sqlmodel.ext.asyncio.session import AsyncSession


class Settings(BaseSettings):
    """`BACKOFFICE_DATABASE_URL` says where the tables are."""

    model_config = SettingsConfigDict(env_prefix="BACKOFFICE_")

    database_url: str = "sqlite:///bookshop.db"


@dataclass(frozen=True)
class Database:
    """One database, seen from `async def` routes and from plain `def` ones."""

    engine: AsyncEngine
    sync_engine: Engine


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Database]:
    """The database at `url`, until the block ends."""
    engine = create_async_engine(with_driver(url, sqlite="aiosqlite"), hide_parameters=True)
    sync_engine = connect(url)
    guard(engine.sync_engine)
    try:
        yield Database(engine, sync_engine)
    finally:
        await engine.dispose()
        sync_engine.dispose()


def connect(url: str) -> Engine:
    """A synchronous engine on the database at `url`."""
    engine = create_engine(with_driver(url, sqlite="pysqlite"), hide_parameters=True)
    guard(engine)
    return engine


def with_driver(url: str, *, sqlite: str) -> URL:
    """`url` with a driver: psycopg speaks both ways, SQLite has one driver for each."""
    parsed = make_url(url)
    drivers = {"sqlite": sqlite, "postgresql": "psycopg"}
    backend = parsed.get_backend_name()
    if backend not in drivers:
        raise ValueError(f"BACKOFFICE_DATABASE_URL: {backend!r} is neither sqlite nor postgresql")
    return parsed.set(drivername=f"{backend}+{drivers[backend]}")


def guard(engine: Engine) -> None:
    """Have SQLite enforce foreign keys, and wait for another writer instead of failing."""
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def pragmas(connection: Any, _: object) -> None:  # Any: no type names every driver's connection
        cursor = connection.cursor()
        for pragma in ("foreign_keys = ON", "journal_mode = WAL", "busy_timeout = 5000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()


async def session(request: Request) -> AsyncIterator[AsyncSession]:
    """A request's session, for `async def` routes; commit is theirs."""
    async with AsyncSession(request.state.database.engine, expire_on_commit=False) as opened:
        yield opened


def sync_session(request: Request) -> Iterator[Session]:
    """A request's session, for `def` routes: made and closed in their worker thread."""
    with Session(request.state.database.sync_engine, expire_on_commit=False) as opened:
        yield opened


AsyncDatabase = Annotated[AsyncSession, Depends(session)]
SyncDatabase = Annotated[Session, Depends(sync_session)]
