"""While a column has two names: old code and new code at once, and when the older one may go."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, event

from backoffice.core.errors import BackofficeError
from backoffice.migrations.errors import RevisionWaits
from tests.migrations.fixes.renamed import OP, RENAMES, App, plain
from tests.migrations.fixes.revisions import revision
from tests.migrations.fixes.test_running import Killed, Killer
from tests.migrations.projects import Look
from tests.services.postgres import PostgresServer

SINCE = """
DO $$ BEGIN EXECUTE format('COMMENT ON FUNCTION zz_book_title_name_both() IS %L', jsonb_set(
    obj_description('zz_book_title_name_both'::regproc)::jsonb, '{since}',
    to_jsonb(now() - interval '2 hours'))); END $$
"""
OLDER = "book.title stays beside name as long as the release before may run"


@pytest.fixture
def app(postgres_server: PostgresServer, tmp_path: Path) -> Iterator[App]:
    """An app with a table on which much hangs, with rows."""
    with postgres_server.database() as url:
        yield App(url, tmp_path)


@pytest.fixture
def between(app: App) -> App:
    """The same with both names of the column."""
    app.write(plain(OP, "title", "name"))
    app.up()
    return app


@pytest.mark.parametrize(
    ("written", "held"),
    [
        ("INSERT INTO book (title) VALUES ('a')", "a"),
        ("INSERT INTO book (name) VALUES ('a')", "a"),
        ("INSERT INTO book (pages) VALUES (4)", "no: title's"),
        ("INSERT INTO book (title, name) VALUES ('a', 'b')", "b"),
        ("UPDATE book SET title = 'a' WHERE id = 9", "a"),
        ("UPDATE book SET name = 'a' WHERE id = 9", "a"),
        ("UPDATE book SET title = 'a', name = 'b' WHERE id = 9", "b"),
        ("UPDATE book SET pages = 4 WHERE id = 9", "t 9"),
        ("INSERT INTO book (id, title) VALUES (9, 'a') ON CONFLICT (id) DO UPDATE SET"
         " title = excluded.title", "a"),
        ("INSERT INTO book (id, name) VALUES (9, 'a') ON CONFLICT (id) DO UPDATE SET"
         " name = excluded.name", "a"),
    ],
)  # fmt: skip
def test_whichever_name_is_written_both_have_it(written: str, held: str, between: App) -> None:
    sql = f"{written} RETURNING title, name"
    with psycopg.connect(between.url.replace("+psycopg", "")) as connection:
        assert connection.execute(sql.encode()).fetchall() == [(held, held)]


@pytest.mark.parametrize("given", ["pages", "leaves"])
@pytest.mark.parametrize("value", ["NULL", "7", "8"])
def test_what_is_written_holds_against_a_default(given: str, value: str, app: App) -> None:
    app.write(plain(*RENAMES["pages"]))
    app.up()
    sql = f"INSERT INTO book ({given}) VALUES ({value}) RETURNING pages, leaves"
    with psycopg.connect(app.url.replace("+psycopg", "")) as connection:
        expected = None if value == "NULL" else int(value)
        assert connection.execute(sql.encode()).fetchall() == [(expected, expected)]


class Writer(threading.Thread):
    """Code of one release: writes and reads rows of its own by its name of the column."""

    def __init__(self, app: App, name: str, ids: range) -> None:
        super().__init__()
        self.app, self.column, self.ids = app, name, ids
        self.done = threading.Event()
        self.last: dict[int, str] = {}
        self.faults: list[object] = []

    def run(self) -> None:
        url = self.app.url.replace("+psycopg", "")
        with psycopg.connect(url, autocommit=True) as connection:
            turn = 0
            while not self.done.is_set():
                turn += 1
                id_ = self.ids[turn % len(self.ids)]
                value = f"{self.column} {turn}"
                try:
                    self._turn(connection, id_, value)
                except psycopg.Error as error:
                    self.faults.append(error)
                    return

    def _turn(self, connection: psycopg.Connection[tuple[str]], id_: int, value: str) -> None:
        named = f"INSERT INTO book (id, {self.column}) VALUES (%s, %s) ON CONFLICT (id)"
        put = f"{named} DO UPDATE SET {self.column} = excluded.{self.column}"
        connection.execute(put.encode(), (id_, value))
        self.last[id_] = value
        asked = f"SELECT {self.column} FROM book WHERE id = %s"
        found = connection.execute(asked.encode(), (id_,)).fetchone()
        if found != (value,):
            self.faults.append((id_, value, found))

    def end(self) -> None:
        """Stop, and say whether anything went wrong."""
        self.done.set()
        self.join()
        assert self.faults == []
        assert self.last


def test_old_code_and_new_code_run_at_once(app: App) -> None:
    old = Writer(app, "title", range(2900, 3400))
    old.start()
    app.write(plain(OP, "title", "name"))
    app.up()
    new = Writer(app, "name", range(1, 500))
    new.start()
    while len(new.last) < 300:
        assert new.is_alive()
    old.end()
    app.up(contract=True)
    while_alone = len(new.last)
    assert while_alone
    new.end()
    rows = dict(Look(app.url).rows("SELECT id, name FROM book"))
    assert {id_: rows[id_] for id_ in old.last} == old.last
    assert {id_: rows[id_] for id_ in new.last} == new.last
    assert rows[1500] == "t 1500"


def test_the_older_name_stays_in_the_run_that_brings_the_newer_one(app: App) -> None:
    app.write(plain(OP, "title", "name"))
    told = app.up()
    assert OLDER in told
    assert {"column book.title", "column book.name"} <= app.held()[0].keys()


def test_it_stays_while_a_connection_is_older(app: App) -> None:
    with psycopg.connect(app.url.replace("+psycopg", "")):
        app.write(plain(OP, "title", "name"))
        app.up()
        assert "1 connections are older than name" in app.up()


def test_it_stays_for_an_hour_and_then_goes(between: App) -> None:
    assert "for less than an hour" in between.up()
    between.change(SINCE)
    assert "waits" not in between.up()
    assert "column book.title" not in between.held()[0]


def test_on_an_empty_table_it_goes_at_once(app: App) -> None:
    app.change("DELETE FROM book")
    app.write(plain(OP, "title", "name"))
    assert "waits" not in app.up()
    assert "column book.title" not in app.held()[0]


def test_what_stands_on_its_going_is_told_of(between: App) -> None:
    (second,) = between.versions.glob("second_contract.py")
    down = second.read_text().partition('revision = "')[2][:12]
    later = revision("pass", "pass", "stock_0003", down)
    (between.versions / "third.py").write_text(later)
    with pytest.raises(RevisionWaits, match="What comes after it waits as well: stock_0003"):
        between.up()


def broken_off(work: Callable[[], object], after: int) -> bool:
    """Whether the connection was lost after so many statements."""
    killer = Killer(after)
    event.listen(Engine, "after_cursor_execute", killer)
    try:
        work()
    except (Killed, BackofficeError):
        if killer.left > 0:
            raise
    finally:
        event.remove(Engine, "after_cursor_execute", killer)
    return killer.left <= 0


@pytest.mark.parametrize("way", ["up", "back"])
def test_it_goes_on_wherever_it_was_broken_off(
    way: str, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    template = postgres_server.create()
    app = App(postgres_server.url(template), tmp_path)
    app.write(plain(OP, "title", "name"))
    if way == "back":
        app.up(contract=True)
    wanted, after = None, 9  # what comes before is our own look at the database
    while True:
        with postgres_server.database(template) as url:
            app.url = url
            go = (lambda: app.up(contract=True)) if way == "up" else app.down
            lost = broken_off(go, after if wanted else 10_000)
            if lost:
                go()
            elif wanted:
                break
            found = app.held()
            wanted = wanted or found
            assert found == wanted, f"after statement {after}"
        after += 29
    assert after > 90
    postgres_server.drop(template)
