"""Many rows are changed batch by batch, by any key, each row once."""

import threading
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from backoffice.core import Conflict, InvalidInput, Unavailable
from backoffice.migrations.batches import (
    Pace,
    batched_delete,
    batched_insert,
    batched_update,
    forget,
)
from tests.migrations.projects import Look, sync_url

ROWS = 50
SMALL = Pace(size=7, pause=0)

KEYS: dict[str, list[tuple[sa.types.TypeEngine[Any], list[Any]]]] = {
    "integer": [(sa.Integer(), list(range(-5, ROWS - 5)))],
    "text": [(sa.String(40), [f"it's {each} %s :x \\" for each in range(ROWS)])],
    "uuid": [(sa.Uuid(), [UUID(int=each * 7**40 % 2**128) for each in range(ROWS)])],
    "decimal": [(sa.Numeric(20, 4), [each / 8 for each in range(ROWS)])],
    "composite": [
        (sa.String(9), [f"tenant {each % 3}" for each in range(ROWS)]),
        (sa.Integer(), list(range(ROWS))),
    ],
}


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(sync_url(database_url))
    yield engine
    engine.dispose()


def fill(engine: sa.Engine, kind: str = "integer", name: str = "book") -> None:
    """A table of fifty rows, walked by one kind of key."""
    columns = [
        sa.Column(f"key_{place}", each, primary_key=True, autoincrement=False)
        for place, (each, _) in enumerate(KEYS[kind])
    ]
    table = sa.Table(
        name,
        sa.MetaData(),
        *columns,
        sa.Column("read", sa.Integer, nullable=False),
        sa.Column("title", sa.String(40)),
    )
    values = [values for _, values in KEYS[kind]]
    rows = [
        {f"key_{place}": each for place, each in enumerate(keys)} | {"read": 0}
        for keys in zip(*values, strict=True)
    ]
    with engine.begin() as connection:
        table.create(connection)
        connection.execute(sa.insert(table), rows)


@pytest.mark.parametrize("kind", KEYS)
def test_every_row_is_changed_once_by_any_key(engine: sa.Engine, look: Look, kind: str) -> None:
    fill(engine, kind)
    values = {"read": sa.text("read + 1")}
    assert batched_update(engine, "book", values, name="reads", pace=SMALL) == ROWS
    assert look.rows("SELECT read, count(*) FROM book GROUP BY read") == [(1, ROWS)]


def test_only_rows_that_fit_are_changed(engine: sa.Engine, look: Look) -> None:
    fill(engine)
    changed = batched_update(
        engine, "book", {"title": "old"}, where="key_0 < 0", name="titles", pace=SMALL
    )
    assert changed == 5
    assert look.rows("SELECT key_0 FROM book WHERE title = 'old' ORDER BY 1") == [
        (each,) for each in range(-5, 0)
    ]


@pytest.mark.parametrize(
    "where",
    [
        sa.text("key_0 = 0 OR key_0 = 40"),
        "key_0 = 0 OR key_0 = 40 -- both",
        sa.or_(sa.column("key_0") == 0, sa.column("key_0") == 40),
        sa.literal_column("key_0 = 0 OR key_0 = 40", sa.Boolean),
        "key_0 IN (0, 40) AND ' :x' = ' :x'",
    ],
)
def test_a_condition_holds_for_the_rows_of_a_batch_alone(
    engine: sa.Engine, look: Look, where: Any
) -> None:
    fill(engine)
    values = {"read": sa.text("read + 1")}
    assert batched_update(engine, "book", values, where=where, name="reads", pace=SMALL) == 2
    assert look.rows("SELECT key_0 FROM book WHERE read = 1 ORDER BY 1") == [(0,), (40,)]


def test_a_table_of_sqlalchemys_is_walked_by_a_key_of_any_type(
    engine: sa.Engine, look: Look
) -> None:
    fill(engine, "uuid")
    table = sa.Table("book", sa.MetaData(), sa.Column("key_0", sa.Uuid), sa.Column("read"))
    values = {"read": sa.text("read + 1")}
    assert batched_update(engine, table, values, name="reads", pace=SMALL) == ROWS
    assert look.rows("SELECT DISTINCT read FROM book") == [(1,)]


@pytest.mark.parametrize("kind", ["uuid", "composite"])
def test_a_function_changes_rows_one_by_one(engine: sa.Engine, look: Look, kind: str) -> None:
    fill(engine, kind)

    def even(row: sa.Row[Any]) -> dict[str, Any] | None:
        return {"title": f"{row.key_0}", "read": row.read + 1} if number(row) % 2 == 0 else None

    def number(row: sa.Row[Any]) -> int:
        return row.key_1 if kind == "composite" else UUID(str(row.key_0)).int

    assert 0 < batched_update(engine, "book", even, name="even", pace=SMALL) < ROWS
    assert look.rows("SELECT count(*) FROM book WHERE (title IS NULL) <> (read = 0)") == [(0,)]


def test_a_function_may_give_the_key_as_it_is_alone(engine: sa.Engine, look: Look) -> None:
    fill(engine)

    def same(row: sa.Row[Any]) -> dict[str, Any]:
        return {"key_0": row.key_0}

    def other(row: sa.Row[Any]) -> dict[str, Any]:
        return {"key_0": row.key_0 + 100}

    assert batched_update(engine, "book", same, name="same") == ROWS
    with pytest.raises(InvalidInput, match="would be met again"):
        batched_update(engine, "book", other, name="other")
    assert look.rows("SELECT max(key_0) FROM book") == [(ROWS - 6,)]


def test_rows_are_copied_into_another_table(engine: sa.Engine, look: Look) -> None:
    fill(engine)
    look.execute("CREATE TABLE archive (id INTEGER PRIMARY KEY, title VARCHAR(40))")
    look.execute("INSERT INTO archive VALUES (3, 'kept')")
    values = {"id": sa.column("key_0"), "title": "moved"}
    copied = batched_insert(
        engine, "archive", values, source="book", skip=True, name="copy", pace=SMALL
    )
    assert copied == ROWS - 1
    assert look.rows("SELECT title, count(*) FROM archive GROUP BY title ORDER BY 1") == [
        ("kept", 1),
        ("moved", ROWS - 1),
    ]


def test_rows_are_not_copied_into_the_table_that_is_walked(engine: sa.Engine) -> None:
    fill(engine)
    with pytest.raises(InvalidInput, match="meet the rows that it writes"):
        batched_insert(engine, "book", ["read"], source="book", name="copy", pace=SMALL)


def test_rows_are_deleted(engine: sa.Engine, look: Look) -> None:
    fill(engine)
    assert batched_delete(engine, "book", where="key_0 >= 0", name="gone", pace=SMALL) == ROWS - 5
    assert look.rows("SELECT count(*) FROM book") == [(5,)]


def test_a_job_that_is_done_is_not_done_again(engine: sa.Engine, look: Look) -> None:
    fill(engine)
    for _ in range(2):
        assert batched_update(engine, "book", {"read": sa.text("read + 1")}, name="reads") == ROWS
    assert look.rows("SELECT DISTINCT read FROM book") == [(1,)]


def test_a_job_that_is_forgotten_begins_anew_and_leaves_no_table(
    engine: sa.Engine, look: Look
) -> None:
    fill(engine)
    batched_update(engine, "book", {"read": sa.text("read + 1")}, name="reads")
    forget(engine, "reads")
    assert look.tables() == {"book"}
    batched_update(engine, "book", {"read": sa.text("read + 1")}, name="reads")
    assert look.rows("SELECT DISTINCT read FROM book") == [(2,)]


def test_a_job_goes_on_where_it_failed(engine: sa.Engine, look: Look) -> None:
    fill(engine)
    seen: list[int] = []

    def fails_once(row: sa.Row[Any]) -> dict[str, Any]:
        seen.append(row.key_0)
        if row.key_0 == 20 and seen.count(20) == 1:
            raise ZeroDivisionError
        return {"read": row.read + 1}

    with pytest.raises(ZeroDivisionError):
        batched_update(engine, "book", fails_once, name="reads", pace=SMALL)
    assert 0 < look.rows("SELECT count(*) FROM book WHERE read = 1")[0][0] < ROWS
    assert batched_update(engine, "book", fails_once, name="reads", pace=SMALL) == ROWS
    assert look.rows("SELECT DISTINCT read FROM book") == [(1,)]
    assert seen.count(-5) == 1


def test_a_job_is_not_finished_with_other_values(engine: sa.Engine) -> None:
    fill(engine)
    batched_update(engine, "book", {"read": 1}, name="reads")
    with pytest.raises(Conflict, match=r"other values.*forget\(engine, 'reads'\)"):
        batched_update(engine, "book", {"read": 2}, name="reads")


def test_rows_that_come_behind_the_walk_are_met_by_walking_again(
    engine: sa.Engine, look: Look
) -> None:
    fill(engine)
    late = "INSERT INTO book (key_0, read) VALUES (-6, 0)"

    def add_one_behind(row: sa.Row[Any]) -> dict[str, Any]:
        if row.key_0 == 20 and engine.dialect.name == "postgresql":
            look.execute(late)
        return {"title": "told"}

    if engine.dialect.name == "sqlite":  # which has one writer, so it comes from the job itself
        look.execute(
            "CREATE TRIGGER late AFTER UPDATE ON book WHEN NEW.key_0 = 20 BEGIN "
            "INSERT OR IGNORE INTO book (key_0, read) VALUES (-6, 0); END"
        )
    batched_update(
        engine, "book", add_one_behind, where="title IS NULL", repeat=True, name="x", pace=SMALL
    )
    assert look.rows("SELECT title, count(*) FROM book GROUP BY title") == [("told", ROWS + 1)]


def test_walking_again_is_refused_where_it_would_never_end(engine: sa.Engine, look: Look) -> None:
    fill(engine)
    with pytest.raises(InvalidInput, match="never end"):
        batched_update(engine, "book", {"read": 1}, where="key_0 > 0", repeat=True, name="x")
    assert look.rows("SELECT DISTINCT read FROM book") == [(0,)]


def test_threads_that_start_at_once_share_the_work(engine: sa.Engine, look: Look) -> None:
    fill(engine)
    failures: list[Exception] = []

    def work() -> None:
        try:
            batched_update(engine, "book", {"read": sa.text("read + 1")}, name="r", pace=SMALL)
        except Exception as error:  # noqa: BLE001  # told below, from the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failures == []
    assert look.rows("SELECT read, count(*) FROM book GROUP BY read") == [(1, ROWS)]


def test_a_row_that_the_app_holds_is_waited_for_within_bounds(
    engine: sa.Engine, look: Look
) -> None:
    fill(engine)
    pace = Pace(size=10, lock_timeout=0.05, patience=0.3)
    with engine.connect() as app:
        app.execute(sa.text("UPDATE book SET read = 0 WHERE key_0 = 30"))
        with pytest.raises(Unavailable, match="run it again"):
            batched_update(engine, "book", {"read": sa.text("read + 1")}, name="r", pace=pace)
        app.rollback()
    assert batched_update(engine, "book", {"read": sa.text("read + 1")}, name="r") == ROWS
    assert look.rows("SELECT DISTINCT read FROM book") == [(1,)]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"table": "shelf"}, "no table shelf"),
        ({"table": "plain"}, "no primary key"),
        ({"key": "title"}, "no two rows share"),
        ({"values": {"pages": 1}}, "no column pages"),
        ({"name": None}, "needs a name"),
        ({"table": "gaps", "key": "number"}, "is NULL in some rows"),
        ({"values": {}}, "names no column"),
        ({"values": {"key_0": sa.text("key_0 + 100")}}, "would be met again"),
        ({"name": "x" * 201}, "at most 200 characters"),
    ],
)
def test_what_cannot_be_walked_is_refused_with_the_reason(
    engine: sa.Engine, look: Look, options: dict[str, Any], told: str
) -> None:
    fill(engine)
    look.execute("CREATE TABLE plain (read INTEGER)")
    look.execute(
        "CREATE TABLE gaps (number INTEGER UNIQUE, read INTEGER)",
        "INSERT INTO gaps VALUES (NULL, 0)",
    )
    asked = {"table": "book", "values": {"read": 1}, "name": "x"} | options
    with pytest.raises(InvalidInput, match=told):
        batched_update(engine, asked.pop("table"), asked.pop("values"), **asked)
    assert "backoffice_batches" not in look.tables()
