"""The database: one engine per run, and sessions that keep what was promised."""

import logging
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.concurrency import run_in_threadpool

from backoffice.core import Database, SetupError, Unavailable, session, singletons, sync_session

pytestmark = pytest.mark.anyio


async def test_what_is_not_committed_is_rolled_back(database_url: str) -> None:
    database = Database(database_url)
    async with database.session() as opened:
        connection = await opened.connection()
        await connection.execute(text("CREATE TABLE book (title VARCHAR(20))"))
        await opened.commit()
        await connection.close()
    async with database.session() as opened:
        await (await opened.connection()).execute(text("INSERT INTO book VALUES ('Dune')"))
    async with database.engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM book"))).scalar() == 0
    await database.close()


async def test_a_released_savepoint_can_still_be_rolled_back(database_url: str) -> None:
    database = Database(database_url)
    async with database.engine.begin() as connection:
        await connection.execute(text("CREATE TABLE book (title VARCHAR(20))"))
    async with database.session() as opened:
        async with opened.begin_nested():
            await (await opened.connection()).execute(text("INSERT INTO book VALUES ('Dune')"))
        await opened.rollback()
    async with database.engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM book"))).scalar() == 0
    await database.close()


async def test_sqlite_waits_keeps_a_log_and_minds_foreign_keys(tmp_path: object) -> None:
    database = Database(f"sqlite:///{tmp_path}/x.db", timeout=7)
    async with database.engine.connect() as connection:
        found = {
            name: (await connection.execute(text(f"PRAGMA {name}"))).scalar()
            for name in ("journal_mode", "foreign_keys", "busy_timeout")
        }
    assert found == {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 7000}
    await database.close()


async def test_parameters_are_hidden_in_errors(database_url: str) -> None:
    database = Database(database_url)
    with pytest.raises(Exception, match="no_such_table") as failed:
        async with database.engine.connect() as connection:
            await connection.execute(text("SELECT :x FROM no_such_table"), {"x": "hunter2"})
    assert "hunter2" not in str(failed.value)
    await database.close()


@pytest.mark.parametrize(
    ("url", "match"),
    [
        ("nonsense", "sqlite:///file.db"),
        ("", "sqlite:///file.db"),
        ("mysql://user:hunter2@host/db", "another database"),
        ("oracle+x://user:hunter2@host/db", "another database"),
        ("postgresql://user:password@host:hunter2/db", "sqlite:///file.db"),
        ("sqlite://hunter2/file.db", "sqlite:///file.db"),
        ("sqlite:///hunter2\0.db", "sqlite:///file.db"),
    ],
)
def test_an_unusable_url_says_what_to_write_and_hides_the_password(url: str, match: str) -> None:
    with pytest.raises(SetupError, match=match) as refused:
        Database(url)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("url", ["postgres://h/db", "postgresql://h/db"])
def test_the_short_names_of_postgresql_get_the_driver(url: str) -> None:
    assert Database(url).engine.url.drivername == "postgresql+psycopg"


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("sqlite+pysqlite:///x.db", "sqlite+aiosqlite"),
        ("postgresql+psycopg2://h/db", "postgresql+psycopg"),
    ],
)
def test_a_driver_that_would_block_the_event_loop_gives_way(url: str, driver: str) -> None:
    assert Database(url).engine.url.drivername == driver


async def test_a_closed_database_opens_no_connection_any_more(database_url: str) -> None:
    """A task that outlives its run would leave one, and its thread, that nobody closes."""
    database = Database(database_url)
    await database.ping()
    await run_in_threadpool(ask, database)
    await database.close()
    with pytest.raises(Unavailable, match="is closed"):
        await database.ping()
    with pytest.raises(Unavailable, match="is closed"):
        await run_in_threadpool(ask, database)


def ask(database: Database) -> None:
    with database.sync_session() as opened:
        opened.connection().execute(text("SELECT 1"))


async def test_a_database_that_does_not_answer_is_unavailable(
    tmp_path: object, caplog: pytest.LogCaptureFixture
) -> None:
    for url in (
        "postgresql://user:hunter2@127.0.0.1:1/none",
        "postgresql://user:hunter2@127.0.0.1:1/none?nonsense=hunter2",
        f"sqlite:///{tmp_path}/no/such/folder/x.db",
    ):
        database = Database(url, timeout=2)
        with caplog.at_level(logging.ERROR), pytest.raises(Unavailable) as refused:
            await database.ping()
        assert refused.value.status_code == 503
        assert "hunter2" not in caplog.text
        await database.close()


async def test_routes_take_a_session_of_either_kind(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_url)
    app = FastAPI(lifespan=singletons())

    @app.get("/async")
    async def by_async(opened: Annotated[AsyncSession, Depends(session)]) -> int:
        found: int = (await (await opened.connection()).execute(text("SELECT 1"))).scalar_one()
        return found

    @app.get("/sync")
    def by_sync(opened: Annotated[Session, Depends(sync_session)]) -> int:
        found: int = opened.connection().execute(text("SELECT 2")).scalar_one()
        return found

    with TestClient(app) as client:
        assert client.get("/async").json() == 1
        assert client.get("/sync").json() == 2


async def test_a_session_on_a_dead_database_answers_503(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", "postgresql://127.0.0.1:1/none")
    app = FastAPI(lifespan=singletons())

    @app.get("/")
    async def ask(opened: Annotated[AsyncSession, Depends(session)]) -> int:
        found: int = (await (await opened.connection()).execute(text("SELECT 1"))).scalar_one()
        return found

    with TestClient(app) as client:
        response = client.get("/")
    assert (response.status_code, response.json()["detail"]["code"]) == (
        503,
        "database_unavailable",
    )
    assert response.headers["retry-after"] == "5"


async def test_a_missing_table_says_to_migrate(database_url: str) -> None:
    database = Database(database_url)
    with pytest.raises(Unavailable, match="backoffice migrate up") as refused:
        async with database.session() as opened:
            await (await opened.connection()).execute(text("SELECT * FROM nowhere"))
    assert refused.value.code == "not_migrated"
    await database.close()


async def test_a_mistyped_statement_is_not_blamed_on_the_database(database_url: str) -> None:
    database = Database(database_url)
    with pytest.raises(DBAPIError):
        async with database.session() as opened:
            await (await opened.connection()).execute(text("SELEKT 1"))
    await database.close()
