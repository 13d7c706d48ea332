import sqlite3
from collections.abc import Callable
from contextlib import closing

import psycopg
from sqlalchemy.engine import make_url

from tests.services.databases import Databases, PostgresDatabases, Prepare
from tests.services.postgres import PostgresServer

Copies = Callable[[str, Prepare], str]


def execute(url: str, statement: str) -> list[tuple[object, ...]]:
    """Run one statement on a connection of its own, with no SQLAlchemy in between."""
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(address.database))) as connection, connection:
            return connection.execute(statement).fetchall()
    libpq = address.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(libpq) as server_connection:
        cursor = server_connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_a_test_gets_an_empty_database(databases: Databases) -> None:
    """What one test leaves behind is not seen by the next one."""
    with databases.empty() as first:
        execute(first, "CREATE TABLE leftover (id INTEGER)")
    with databases.empty() as second:
        execute(second, "CREATE TABLE leftover (id INTEGER)")
        assert execute(second, "SELECT * FROM leftover") == []


def test_a_template_is_prepared_once_and_copied_for_each(
    database_from_template: Copies, databases: Databases
) -> None:
    """A change of one copy shows neither in the template nor in another copy."""
    prepared: list[str] = []

    def prepare(url: str) -> None:
        prepared.append(url)
        execute(url, "CREATE TABLE book (id INTEGER)")
        execute(url, "INSERT INTO book VALUES (1)")

    first = database_from_template("books", prepare)
    execute(first, "DELETE FROM book")
    second = database_from_template("books", prepare)
    assert execute(second, "SELECT id FROM book") == [(1,)]
    assert len(prepared) == 1


def test_a_template_whose_preparation_fails_is_not_kept(
    database_from_template: Copies,
) -> None:
    """The next test prepares it anew."""

    def break_off(url: str) -> None:
        execute(url, "CREATE TABLE book (id INTEGER)")
        raise LookupError

    def prepare(url: str) -> None:
        execute(url, "CREATE TABLE author (id INTEGER)")

    try:
        database_from_template("broken", break_off)
    except LookupError:
        url = database_from_template("broken", prepare)
    assert execute(url, "SELECT * FROM author") == []


def test_a_database_in_use_is_dropped_all_the_same(
    postgres_server: PostgresServer, postgres_databases: PostgresDatabases
) -> None:
    """A connection that a test forgot does not stop the clean-up."""
    with postgres_databases.empty() as url:
        name = str(make_url(url).database)
        forgotten = psycopg.connect(postgres_server.admin_url, dbname=name)
    with psycopg.connect(postgres_server.admin_url) as connection:
        names = connection.execute("SELECT datname FROM pg_database").fetchall()
    forgotten.close()
    assert (name,) not in names
