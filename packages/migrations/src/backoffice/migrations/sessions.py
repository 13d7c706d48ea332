"""Makes whatever connection an env.py opens fit for migrating, and keeps it from the app's pool.

An env.py may wrap all in one transaction, take a lock in a transaction that nobody commits, keep
foreign keys enforced while a table is copied, or wait for a lock for ever. Here its connection gets
what the connections of our own have: a transaction for each revision, a bounded wait, and what
`connections.py` does for SQLite.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

from sqlalchemy import Connection, NestedTransaction, RootTransaction, Transaction, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from backoffice.core.errors import Unavailable
from backoffice.migrations.connections import begin_immediately
from backoffice.migrations.errors import unanswered
from backoffice.migrations.locks import POLL_SECONDS
from backoffice.migrations.patience import Patience
from backoffice.migrations.settings import MigrationSettings

#: Held by the connection that migrates, which a killed process leaves behind for as long as
#: its last statement takes.
WORKING = 0x6261636B6F666677

Tell = Callable[[str], None]


class Sessions:
    """The connections by which one run migrates, one after the other."""

    def __init__(self, limits: MigrationSettings, tell: Tell) -> None:
        self.patience = Patience(limits.lock_patience, tell)
        self._limits = limits
        self._tell = tell
        self._working: Connection | None = None
        self._restoring = ExitStack()

    def fit(self, connection: Connection) -> None:
        """Make it fit: bounded waits, no transaction of others, and nobody at work on it still."""
        self._release()
        try:
            _end_transaction(connection)
            self._keep(connection)
            if connection.dialect.name == "sqlite":
                self._fit_sqlite(connection)
            elif connection.dialect.name == "postgresql":
                self._fit_postgresql(connection)
        except _driver_error(connection) as error:
            raise unanswered(error) from error

    def settle(self, connection: Connection) -> None:
        """End what env.py has begun since the connection was made fit: `with connection.begin():`
        around the run, of which Alembic knows nothing."""
        _end_transaction(connection)

    def hold(self, connection: Connection) -> None:
        """Work goes on by this connection, which was made fit before another one was."""
        if connection.dialect.name != "postgresql" or self._working is connection:
            return
        self._release()
        try:
            self._hold(connection)
        except _driver_error(connection) as error:
            raise unanswered(error) from error

    def __enter__(self) -> "Sessions":
        return self

    def __exit__(self, *_: object) -> None:
        """Give the connections that are still open back as they were."""
        self._release()
        self._restoring.close()

    def _keep(self, connection: Connection) -> None:
        """A pool that gets it back would hand it to the app: with our locks, with foreign keys
        off, with the path of a tenant. So it is closed then."""
        handed, pool = connection.connection.dbapi_connection, connection.engine.pool

        def close(returned: Any, entry: ConnectionPoolEntry) -> None:
            if returned is handed:
                entry.invalidate()

        event.listen(pool, "checkin", close)
        self._restoring.callback(event.remove, pool, "checkin", close)

    def _fit_sqlite(self, connection: Connection) -> None:
        if getattr(connection.connection.driver_connection, "isolation_level", "") is None:
            connection.execution_options(isolation_level="SERIALIZABLE")
        timeout = round(self._limits.lock_timeout * 1000)
        for pragma, value in (("foreign_keys", 0), ("busy_timeout", timeout)):
            before = _raw(connection, f"PRAGMA {pragma}")
            if before != value:
                _raw(connection, f"PRAGMA {pragma} = {value}")
                self._restore(connection, f"PRAGMA {pragma} = {before}")
        begin = begin_immediately(self.patience)

        def last(beginning: Connection) -> None:
            if beginning is connection:
                begin(beginning)

        # After those of env.py, which may begin it too, as SQLAlchemy's documentation has it: what
        # is heard on the connection comes first.
        event.listen(connection.engine, "begin", last)
        self._restoring.callback(event.remove, connection.engine, "begin", last)

    def _fit_postgresql(self, connection: Connection) -> None:
        if getattr(connection.connection.dbapi_connection, "autocommit", False) is True:
            connection.execution_options(isolation_level="READ COMMITTED")
        # One that the app has set for its role, or env.py for its connection, is meant.
        if _raw(connection, "SELECT setting FROM pg_settings WHERE name = 'lock_timeout'") == "0":
            _raw(connection, f"SET lock_timeout = {round(self._limits.lock_timeout * 1000)}")
            connection.connection.commit()
            self._restore(connection, "SET lock_timeout = 0")
        self._hold(connection)

    def _hold(self, connection: Connection) -> None:
        """Wait until the server has done with what a killed process had asked for last: it may
        commit that after the lock of the process is free."""
        deadline = time.monotonic() + self._limits.wait
        told = False
        while _raw(connection, f"SELECT pg_try_advisory_lock({WORKING})") is not True:
            connection.connection.commit()
            if time.monotonic() >= deadline:
                raise Unavailable(
                    "the last statement of a migration that was interrupted is still running in "
                    "the database; try again, or end it by pg_terminate_backend",
                    code="migrations_locked",
                )
            if not told:
                self._tell("a migration that was interrupted is ending; waiting for it\n")
                told = True
            time.sleep(POLL_SECONDS)
        connection.connection.commit()
        self._working = connection

    def _release(self) -> None:
        if self._working is not None:
            _quietly(self._working, f"SELECT pg_advisory_unlock({WORKING})")
            self._working = None

    def _restore(self, connection: Connection, statement: str) -> None:
        self._restoring.callback(_quietly, connection, statement)


def _end_transaction(connection: Connection) -> None:
    """Commit what env.py has begun, which Alembic would not commit, or only all at the end."""
    if not connection.in_transaction():
        return
    kept = _local_settings(connection)
    begun = (connection.get_nested_transaction(), connection.get_transaction())
    connection.commit()
    for each in begun:
        if kind := _ENDED.get(type(each)):
            setattr(each, "__class__", kind)  # noqa: B010 - mypy has it that classes stay
    # It was `with connection.begin():`, which ends with env.py; what is done until then is ours.
    connection._trans_context_manager = None
    for name, value in kept.items():
        quoted = value.replace("'", "''")
        _raw(connection, f"SELECT set_config('{name}', '{quoted}', false)")
    if kept:
        connection.connection.commit()


class _Ended(Transaction):
    """What env.py had begun, and may still commit: an error then would deny what was done."""

    __slots__ = ()

    def _do_commit(self) -> None:
        pass

    def _do_rollback(self) -> None:
        pass

    def _do_close(self) -> None:
        pass


class _EndedRoot(_Ended, RootTransaction):
    __slots__ = ()


class _EndedNested(_Ended, NestedTransaction):
    __slots__ = ()


_ENDED: dict[type, type[Transaction]] = {
    RootTransaction: _EndedRoot,
    NestedTransaction: _EndedNested,
}


def _local_settings(connection: Connection) -> dict[str, str]:
    """What `SET LOCAL` may have set, and would be lost with the transaction."""
    if connection.dialect.name != "postgresql":
        return {}
    names = ("search_path", "role", "lock_timeout", "statement_timeout")
    return {name: _raw(connection, f"SELECT current_setting('{name}')") for name in names}


def _driver_error(connection: Connection) -> type[BaseException]:
    driver = connection.dialect.dbapi
    return driver.Error if driver is not None else DBAPIError


def _quietly(connection: Connection, statement: str) -> None:
    if connection.closed or connection.invalidated:
        return
    try:
        if connection.in_transaction():
            connection.rollback()
        _raw(connection, statement)
        connection.connection.commit()
    except (SQLAlchemyError, _driver_error(connection)):
        # Left open by an env.py whose event loop has ended, or gone: nobody uses it any more.
        with suppress(SQLAlchemyError):
            connection.detach()


def _raw(connection: Connection, statement: str) -> Any:
    """The first value of the answer, asked for beneath SQLAlchemy, which begins no transaction."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(statement)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None
    finally:
        cursor.close()
