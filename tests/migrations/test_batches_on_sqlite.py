"""A job leaves SQLite's connections, and what went wrong with them, as they are."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from backoffice.migrations.batches import Pace, batched_delete, batched_update

FAST = Pace(size=7, pause=0)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    """A database of twenty books with a page each."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/shop.db")
    with engine.begin() as connection:
        for statement in (
            "CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT)",
            "CREATE TABLE page (id INTEGER PRIMARY KEY, "
            "book_id INTEGER REFERENCES book ON DELETE CASCADE)",
            "INSERT INTO book WITH RECURSIVE n(i) AS "
            "(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20) SELECT i, '' FROM n",
            "INSERT INTO page SELECT id, id FROM book",
        ):
            connection.exec_driver_sql(statement)
    yield engine
    engine.dispose()


def pages(engine: sa.Engine) -> int:
    with engine.connect() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM page").scalar() or 0)


def test_a_connection_of_the_pool_waits_as_long_as_before(engine: sa.Engine) -> None:
    batched_update(engine, "book", {"title": "x"}, name="titles", pace=FAST)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 5000
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 0


def test_an_engine_that_begins_by_itself_is_taken(engine: sa.Engine) -> None:
    """As SQLAlchemy's recipe for savepoints has it."""

    def leave_to_us(connection: Any, _: object) -> None:
        connection.isolation_level = None

    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    engine.dispose()
    sa.event.listen(engine, "connect", leave_to_us)
    sa.event.listen(engine, "begin", begin)
    assert batched_delete(engine, "book", where="id > 5", name="gone", pace=FAST) == 15
    assert pages(engine) == 5


def test_batches_stay_as_large_where_others_write(engine: sa.Engine) -> None:
    writer = engine.connect()
    refused: list[object] = []
    statements: list[str] = []

    def write_first(_: Any, __: Any, statement: str, *___: Any) -> None:
        statements.append(statement.partition(" SET ")[0])
        if statements.count("BEGIN IMMEDIATE") == 1 and not writer.in_transaction():
            writer.exec_driver_sql("INSERT INTO page VALUES (99, 1)")

    def let_go(context: sa.ExceptionContext) -> None:
        refused.append(context)
        if len(refused) == 4:
            writer.close()

    sa.event.listen(engine, "before_cursor_execute", write_first)
    sa.event.listen(engine, "handle_error", let_go)
    pace = Pace(size=10, hold=9, pause=0, lock_timeout=0.01)
    assert batched_update(engine, "book", {"title": "x"}, name="titles", pace=pace) == 20
    assert (len(refused), statements.count("UPDATE book")) == (4, 2)


def test_a_full_disk_is_told_as_such(engine: sa.Engine) -> None:
    def small(connection: Any, _: object) -> None:
        connection.execute("PRAGMA max_page_count = 8")

    engine.dispose()
    sa.event.listen(engine, "connect", small)
    with pytest.raises(sa.exc.OperationalError, match="disk is full"):
        batched_update(engine, "book", {"title": "x" * 4000}, name="titles", pace=FAST)
