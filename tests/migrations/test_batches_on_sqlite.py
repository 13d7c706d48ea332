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


def test_a_full_disk_is_told_as_such(engine: sa.Engine) -> None:
    def small(connection: Any, _: object) -> None:
        connection.execute("PRAGMA max_page_count = 8")

    engine.dispose()
    sa.event.listen(engine, "connect", small)
    with pytest.raises(sa.exc.OperationalError, match="disk is full"):
        batched_update(engine, "book", {"title": "x" * 4000}, name="titles", pace=FAST)
