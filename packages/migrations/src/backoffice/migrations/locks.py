"""One migration at a time, however many processes start at once."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, text

from backoffice.core.errors import SetupError, Unavailable
from backoffice.migrations.connections import sqlite_file

#: Any number, as long as it is always the same: PostgreSQL's advisory locks are per database.
KEY = 0x6261636B6F66666D
POLL_SECONDS = 0.1

Tell = Callable[[str], None]


@contextmanager
def migration_lock(engine: Engine, wait: float, tell: Tell) -> Iterator[None]:
    """Hold the lock on the engine's database; Unavailable after `wait` seconds without it."""
    held = _file_lock if engine.dialect.name == "sqlite" else _advisory_lock
    with held(engine, wait, tell):
        yield


@contextmanager
def _advisory_lock(engine: Engine, wait: float, tell: Tell) -> Iterator[None]:
    # Tried again and again, never waited for: a session that waits inside a statement holds a
    # snapshot, for which CREATE INDEX CONCURRENTLY of the holder waits in turn, for ever. And on
    # a connection of its own, in autocommit: a lock taken on the migrating connection begins
    # a transaction that Alembic does not own and so never commits.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        attempt = text("SELECT pg_try_advisory_lock(:key)").bindparams(key=KEY)
        _poll(lambda: bool(connection.scalar(attempt)), wait, tell)
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)").bindparams(key=KEY))


@contextmanager
def _file_lock(engine: Engine, wait: float, tell: Tell) -> Iterator[None]:
    path = lock_file(engine)
    try:
        file = path.open("a")
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}") from None
    # The file stays: whoever removed it would take the lock away from the one who waits for it.
    with file:
        _poll(lambda: _flocked(file.fileno()), wait, tell)
        yield


def lock_file(engine: Engine) -> Path:
    """The file that is locked for an SQLite database; SetupError for one in memory."""
    database = sqlite_file(engine.url)
    if database is None:
        raise SetupError(
            "a database in memory ends with the process that opened it, so there is nothing to "
            "migrate; set BACKOFFICE_DATABASE_URL to sqlite:///file.db or postgresql://..."
        )
    return database.with_name(f"{database.name}.migrate-lock")


def _flocked(descriptor: int) -> bool:
    import fcntl  # not on Windows, where PostgreSQL needs none of this

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _poll(attempt: Callable[[], bool], wait: float, tell: Tell) -> None:
    if attempt():
        return
    tell("another process is migrating this database; waiting for it\n")
    deadline = time.monotonic() + wait
    while not attempt():
        if time.monotonic() >= deadline:
            raise Unavailable(
                f"another process has been migrating this database for over {wait:g} s; "
                "try again, or wait longer by BACKOFFICE_MIGRATIONS__WAIT",
                code="migrations_locked",
            )
        time.sleep(POLL_SECONDS)
