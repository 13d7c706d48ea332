"""Connections fit for migrating: transactions hold schema changes, and locks are waited for
a bounded time only."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, event
from sqlalchemy.exc import DBAPIError, OperationalError

from backoffice.core.database import Database
from backoffice.migrations.errors import unanswered
from backoffice.migrations.patience import Patience

NO_PATIENCE = Patience(0, lambda _: None)


@contextmanager
def migrating(url: str, lock_timeout: float, patience: Patience | None = None) -> Iterator[Engine]:
    """An engine on the database, with what a migration needs; closed at the end."""
    engine = Database(url).sync_engine
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _unguarded(lock_timeout))
        event.listen(engine, "begin", begin_immediately(patience or NO_PATIENCE))
    else:
        event.listen(engine, "connect", _impatient(lock_timeout))
    try:
        with answering():
            yield engine
    finally:
        engine.dispose()


@contextmanager
def reading(url: str) -> Iterator[Engine]:
    """An engine for looking only; closed at the end."""
    engine = Database(url).sync_engine
    try:
        with answering():
            yield engine
    finally:
        engine.dispose()


def sqlite_file(url: URL) -> Path | None:
    """The file of an SQLite database; None for one in memory."""
    name = (url.database or "").removeprefix("file:").partition("?")[0]
    return None if name in ("", ":memory:") else Path(name)


def file_missing(url: URL) -> bool:
    """Whether connecting would create the database, which looking at it should not do."""
    file = sqlite_file(url) if url.get_backend_name() == "sqlite" else None
    return file is not None and not file.exists()


def same_database(one: URL, other: URL) -> bool:
    """Whether two URLs lead to one database, as far as can be told from them."""
    return _place(one) == _place(other)


def _place(url: URL) -> tuple[Any, ...]:
    backend = url.get_backend_name()
    if backend == "sqlite":
        return backend, str(Path(url.database or "").resolve())
    host = "localhost" if url.host in (None, "", "127.0.0.1", "::1") else url.host
    return backend, host, url.port or 5432, url.database or url.username


@contextmanager
def answering() -> Iterator[None]:
    """Turn a database that cannot be reached, or refuses us, into Unavailable."""
    try:
        yield
    except DBAPIError as error:
        raise unanswered(error) from error


def _unguarded(lock_timeout: float) -> Any:
    """Batch mode copies a table and drops the old one: with foreign keys enforced, that would
    delete or empty the rows that refer to it. They are checked afterwards instead."""

    def connect(connection: Any, _: object) -> None:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(f"PRAGMA busy_timeout = {round(lock_timeout * 1000)}")

    return connect


def begin_immediately(patience: Patience) -> Callable[[Connection], None]:
    """Begins transactions on SQLite, trying again while others write.

    Python's sqlite3 opens a transaction before INSERT, UPDATE and DELETE only: without this,
    a revision that fails half-way would leave the tables that it had made.
    """

    def begin(connection: Connection) -> None:
        driver = connection.connection.driver_connection
        if _autocommit(connection) or getattr(driver, "in_transaction", False):
            return
        while True:
            try:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            except OperationalError as error:
                if not patience.again(error):
                    raise
            else:
                patience.renew()
                return

    return begin


def _autocommit(connection: Connection) -> bool:
    return connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT"


def _impatient(lock_timeout: float) -> Any:
    def connect(connection: Any, _: object) -> None:
        connection.execute(f"SET lock_timeout = {round(lock_timeout * 1000)}")
        connection.commit()

    return connect


def broken_references(connection: Connection) -> Counter[tuple[str, str]]:
    """How many rows of a table point at nothing, by (table, table pointed at); SQLite only."""
    if connection.dialect.name != "sqlite":
        return Counter()
    try:
        rows = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    except OperationalError as error:  # a foreign key that points at no column that could be one
        return Counter({(str(error.orig), ""): 1})
    return Counter((child, parent) for child, _, parent, _ in rows)
