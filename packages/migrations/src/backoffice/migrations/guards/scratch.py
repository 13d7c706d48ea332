"""Temporary databases: a file for SQLite; for PostgreSQL, one beside the configured database."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import DBAPIError

from backoffice.core.database import Database, parsed
from backoffice.core.errors import SetupError
from backoffice.migrations.errors import reason

_PREFIX = "backoffice_check_"


@contextmanager
def scratch(database_url: str) -> Iterator[str]:
    """The URL of an empty database of the same kind, which is gone afterwards.

    SetupError where the account may not make one.
    """
    url = parsed(database_url)
    lent = _sqlite() if url.get_backend_name() == "sqlite" else _postgresql(url)
    with lent as found:
        yield found


@contextmanager
def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as folder:
        yield f"sqlite:///{Path(folder, 'check.db')}"


@contextmanager
def _postgresql(url: URL) -> Iterator[str]:
    name = f"{_PREFIX}{uuid4().hex[:12]}"
    try:
        # Of template0, so that nothing is in it that a server's administrator has put into every
        # new database, and of the encoding and collation that the configured one has.
        _execute(url, _creation(url, name))
    except DBAPIError as error:
        raise SetupError(
            f"a temporary database could not be made beside this one ({reason(error)}): give the "
            "account CREATEDB, or point BACKOFFICE_DATABASE_URL at a server for tests"
        ) from error
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        _execute(url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _creation(url: URL, name: str) -> str:
    with _connected(url) as connection:
        encoding, collate, kind = connection.execute(
            text(
                "SELECT pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database "
                "WHERE datname = current_database()"
            )
        ).one()
    return (
        f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' "
        f"LC_COLLATE '{collate}' LC_CTYPE '{kind}'"
    )


def _execute(url: URL, statement: str) -> None:
    with _connected(url) as connection:
        connection.exec_driver_sql(statement)


@contextmanager
def _connected(url: URL) -> Iterator[Connection]:
    engine = Database(url.render_as_string(hide_password=False)).sync_engine
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            yield connection
    finally:
        engine.dispose()
