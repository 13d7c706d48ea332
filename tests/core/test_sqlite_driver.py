"""SQLite on the event loop: one trip to its thread for each statement, and all that it tells."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from backoffice.core import Database

pytestmark = pytest.mark.anyio

INSERT = text("INSERT INTO book (title) VALUES (:title)")
TITLES = [{"title": "Dune"}, {"title": "Emma"}, {"title": "Ulysses"}]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(f"sqlite:///{tmp_path}/x.db")
    async with opened.engine.begin() as connection:
        table = "CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT UNIQUE)"
        await connection.execute(text(table))
        await connection.execute(INSERT, TITLES)
    yield opened
    await opened.close()


async def test_a_statement_is_one_trip(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    async with database.engine.connect() as connection:
        caplog.set_level(logging.DEBUG, "aiosqlite")
        rows = (await connection.execute(text("SELECT title FROM book ORDER BY id"))).all()
        trips = [each for each in caplog.messages if each.startswith("executing")]
        caplog.set_level(logging.INFO, "aiosqlite")
    assert [title for (title,) in rows] == ["Dune", "Emma", "Ulysses"]
    assert len(trips) == 1


async def test_reading_takes_no_trip_to_end(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """And writing does: what was not committed is taken back."""
    async with database.session() as session:
        connection = await session.connection()
        caplog.set_level(logging.DEBUG, "aiosqlite")
        await connection.execute(text("SELECT title FROM book"))
        await session.rollback()
        caplog.set_level(logging.INFO, "aiosqlite")
        assert len([each for each in caplog.messages if each.startswith("executing")]) == 1
        await (await session.connection()).execute(text("DELETE FROM book"))
        await session.rollback()
        kept = await (await session.connection()).execute(text("SELECT count(*) FROM book"))
        assert kept.scalar_one() == 3


async def test_a_statement_that_was_left_is_taken_back(database: Database) -> None:
    async with database.engine.connect() as connection:
        waiting = asyncio.create_task(connection.execute(text("DELETE FROM book")))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    async with database.engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM book"))).scalar_one() == 3


async def test_a_statement_that_was_left_for_good_leaves_no_task_behind(database: Database) -> None:
    """Who is cancelled by anyio is cancelled again while the connection closes."""
    count = (
        "INSERT INTO book (title) WITH RECURSIVE n(x) AS "
        "(SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 300000) SELECT max(x) FROM n"
    )
    before = asyncio.all_tasks()
    async with database.engine.connect() as connection:
        with anyio.CancelScope() as scope:
            asyncio.get_running_loop().call_soon(scope.cancel)
            await connection.execute(text(count))
    assert scope.cancelled_caught
    # Only when what was left has ended does somebody else get to write.
    async with database.engine.begin() as connection:
        await connection.execute(INSERT, {"title": "It"})
        assert (await connection.execute(text("SELECT count(*) FROM book"))).scalar_one() == 4
    left = asyncio.all_tasks() - before
    assert not left or not (await asyncio.wait(left, timeout=60))[1]


async def test_a_statement_tells_its_rows_and_how_many_it_changed(database: Database) -> None:
    async with database.engine.begin() as connection:
        made = await connection.execute(text("INSERT INTO book (title) VALUES ('It') RETURNING id"))
        assert made.scalar_one() == 4
        changed = await connection.execute(text("UPDATE book SET title = title || '!'"))
        assert changed.rowcount == 4


async def test_a_stream_goes_on_where_it_was(database: Database) -> None:
    async with database.engine.connect() as connection:
        found = await connection.stream(text("SELECT title FROM book ORDER BY id"))
        assert await found.fetchone() == ("Dune",)
        assert [title async for (title,) in found] == ["Emma", "Ulysses"]


async def test_a_refused_statement_leaves_the_connection_usable(database: Database) -> None:
    async with database.engine.begin() as connection:
        with pytest.raises(IntegrityError):
            await connection.execute(INSERT, TITLES[0])
        assert (await connection.execute(text("SELECT count(*) FROM book"))).scalar_one() == 3
