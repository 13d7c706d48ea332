"""The database: one engine per running app, and sessions on it."""

import logging
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy import Engine, Executable, create_engine, event, text
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlmodel import Session
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection

from backoffice.core.dependencies import reads
from backoffice.core.errors import SetupError, Unavailable
from backoffice.core.settings import Settings, urls
from backoffice.core.settings import settings as app_settings
from backoffice.core.singletons import singleton
from backoffice.core.sqlite_driver import SQLiteDriver

log: logging.Logger = logging.getLogger(__name__)

ASYNC_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}
SYNC_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}
#: The engines' logger is `sqlalchemy.engine.Engine.backoffice`.
LOGGING_NAME = "backoffice"


class Database:
    """An engine for the app's database and the sessions on it.

    `url` is a SQLAlchemy URL of SQLite or PostgreSQL; `timeout` (seconds) bounds waiting for a
    lock on SQLite and for a connection on PostgreSQL; `pool_size` counts connections.
    """

    def __init__(self, url: str, *, timeout: float = 5.0, pool_size: int = 10) -> None:
        self.url: URL = parsed(url)
        self._timeout = timeout
        self._pool_size = pool_size
        _keep_values_out_of_logs()
        engine_url = with_driver(self.url, ASYNC_DRIVERS)
        with _driver_errors(engine_url):
            self.engine: AsyncEngine = create_async_engine(engine_url, **self._options(engine_url))
        self._closed = False
        self._only_reads = False
        _prepare(self.engine.sync_engine, timeout, lambda: self._only_reads)
        event.listen(self.engine.sync_engine, "do_connect", self._open_for_reading)
        event.listen(self.engine.sync_engine, "do_connect", self._refuse_once_closed)
        #: Of all its sessions, and of no others: SQLAlchemy's events are listened to here.
        self.session_class: type[Session] = type("Session", (Session,), {})
        self._sessions = self._maker(AsyncSession)

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.url.get_backend_name()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """A session; what was not committed is rolled back. Unavailable if nothing answers."""
        with _unavailable():
            async with self._sessions() as opened:
                yield opened

    # Any: SQLAlchemy 2.0 and 2.1 name the types of a row differently.
    async def read(self, statement: Executable) -> Sequence[Any]:
        """The rows of one SELECT; on PostgreSQL two round trips less than in a session."""
        with _unavailable():
            async with self.engine.connect() as connection:
                if self.dialect == "postgresql":  # no BEGIN, and no ROLLBACK
                    await connection.execution_options(isolation_level="AUTOCOMMIT")
                return (await connection.execute(statement)).all()

    @cached_property
    def sync_engine(self) -> Engine:
        """A second, synchronous engine on the same database, for `def` routes and scripts."""
        url = with_driver(self.url, SYNC_DRIVERS)
        with _driver_errors(url):
            engine = create_engine(url, **self._options(url))
        _prepare(engine, self._timeout, lambda: self._only_reads)
        event.listen(engine, "do_connect", self._open_for_reading)
        event.listen(engine, "do_connect", self._refuse_once_closed)
        return engine

    @contextmanager
    def sync_session(self) -> Iterator[Session]:
        """The synchronous sister of `session`."""
        with (
            _unavailable(),
            self.session_class(self.sync_engine, expire_on_commit=False) as opened,
        ):
            yield opened

    def rehearse(self) -> None:
        """Commit nothing from now on: what sessions do is tried in earnest, and taken back."""
        self._sessions = self._maker(_Rehearsed)
        event.listen(self.engine.sync_engine, "commit", _refuse_to_commit)

    def only_read(self) -> None:
        """Open it for reading from now on, before anything else has; whatever writes is refused.

        Leave to write is not needed, neither that of PostgreSQL nor that of a file system.
        """
        self._only_reads = True
        self.engine = self.engine.execution_options(postgresql_readonly=True)
        self._sessions.configure(bind=self.engine)

    async def ping(self) -> None:
        """Ask the database for one row; raises Unavailable when it does not answer."""
        with _unavailable():
            async with self.engine.connect() as connection:
                await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close every connection of both engines, for good."""
        self._closed = True
        await self.engine.dispose()
        if "sync_engine" in self.__dict__:
            self.sync_engine.dispose()

    def _maker(self, kind: type[AsyncSession]) -> async_sessionmaker[AsyncSession]:
        return async_sessionmaker(
            self.engine,
            class_=kind,
            expire_on_commit=False,
            sync_session_class=self.session_class,
        )

    def _refuse_once_closed(self, *_: object) -> None:
        # A task that outlived its run would open a connection, and a thread, that nobody closes.
        if self._closed:
            raise Unavailable(
                "The database is closed: this run of the app has ended.",
                code="database_unavailable",
                headers={"Retry-After": "5"},
            )

    def _open_for_reading(self, _: object, __: object, where: list[Any], how: Any) -> None:
        in_memory = self.dialect != "sqlite" or how.get("uri") or where[0] in ("", ":memory:")
        if not self._only_reads or in_memory:
            return
        file = Path(where[0]).resolve()
        # A file that nobody can write beside needs no log, and could have none.
        alone = not os.access(file.parent, os.W_OK) and not Path(f"{file}-wal").exists()
        where[0] = f"{file.as_uri()}?mode=ro{'&immutable=1' if alone else ''}"
        how["uri"] = True

    def _options(self, url: URL) -> dict[str, Any]:
        # Parameters hold addresses and password hashes: a statement's error does not repeat them.
        options: dict[str, Any] = {"hide_parameters": True, "logging_name": LOGGING_NAME}
        if self.dialect == "postgresql":
            options |= {
                "pool_size": self._pool_size,
                "pool_timeout": self._timeout,
                "pool_pre_ping": True,
                # A database's own default may be stricter, and then refuses what races.
                "isolation_level": "READ COMMITTED",
                "connect_args": _patience(url, self._timeout),
            }
        elif url.get_driver_name() == "aiosqlite":
            options["module"] = SQLiteDriver()
        return options


class _Rehearsed(AsyncSession):
    """A session whose changes end with it."""

    async def commit(self) -> None:
        await self.flush()


def _refuse_to_commit(_: Connection) -> None:
    # Whatever goes past the sessions is not taken back, and so must not be done.
    raise SetupError("this is a rehearsal, in which nothing is committed; use database.session()")


def _keep_values_out_of_logs() -> None:
    """Also at the level DEBUG, which SQLAlchemy and aiosqlite take over from the root logger."""
    logging.getLogger(f"sqlalchemy.engine.Engine.{LOGGING_NAME}").addFilter(_is_no_row)
    logging.getLogger("aiosqlite").addFilter(_without_parameters)


def _is_no_row(record: logging.LogRecord) -> bool:
    return not str(record.msg).endswith("Row %r")


def _without_parameters(record: logging.LogRecord) -> bool:
    """A call is logged as a partial of a method, a statement and its parameters."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            partial(each.func, *each.args[:1]) if isinstance(each, partial) else each
            for each in record.args
        )
    return True


def parsed(url: str) -> URL:
    """A URL of SQLite or PostgreSQL; SetupError says what is wrong without repeating it."""
    try:
        return urls.database(url)
    except ValueError as error:
        raise SetupError(f"BACKOFFICE_DATABASE_URL {error}") from None


def with_driver(url: URL, drivers: dict[str, str]) -> URL:
    """The same URL for the driver that fits; a driver that the user named is kept."""
    unfit = _ASYNC_ONLY if drivers is SYNC_DRIVERS else _SYNC_ONLY
    if "+" in url.drivername and url.drivername not in unfit:
        return url
    return url.set(drivername=drivers[url.get_backend_name()])


def _patience(url: URL, timeout: float) -> dict[str, int]:
    """How long to wait for a server that takes a connection and says nothing; seconds.

    libpq takes no less than 2. What the URL says itself holds.
    """
    name = "timeout" if url.get_driver_name() in ("asyncpg", "pg8000") else "connect_timeout"
    return {} if name in url.query else {name: max(2, round(timeout))}


_ASYNC_ONLY = {"sqlite+aiosqlite", "postgresql+asyncpg"}
_SYNC_ONLY = {"sqlite+pysqlite", "postgresql+psycopg2", "postgresql+pg8000"}


def _prepare(engine: Engine, timeout: float, only_reads: Callable[[], bool]) -> None:
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _pragmas(timeout, only_reads))
        event.listen(engine, "savepoint", _begin_before_savepoint)


def _pragmas(timeout: float, only_reads: Callable[[], bool]) -> Any:
    def connect(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout = {round(timeout * 1000)}",
            "query_only = ON" if only_reads() else "journal_mode = WAL",
            "foreign_keys = ON",
            "synchronous = NORMAL",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return connect


def _begin_before_savepoint(connection: Connection, _: str) -> None:
    """Python's sqlite3 opens a transaction only at the first write: without one, releasing a
    savepoint would commit it, and a later rollback could not take it back."""
    driver: Any = connection.connection.driver_connection
    if not driver.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextmanager
def _driver_errors(url: URL) -> Iterator[None]:
    try:
        yield
    except (ImportError, NoSuchModuleError) as error:
        raise SetupError(
            f"the driver {url.drivername} is not installed ({error}); "
            "for PostgreSQL install fastapi-backoffice[postgres]"
        ) from None


#: What SQLite says when it, and not the statement, is at fault.
_SQLITE_FAULTS = ("locked", "unable to open", "disk", "readonly", "busy")
_UNDEFINED_TABLE = "42P01"
_READ_ONLY = "25006"
_NO_RIGHT = "42501"


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except (DBAPIError, PoolTimeoutError) as error:
        refusal = unavailable(error)
        if refusal is None:
            raise
        raise refusal from error


def unavailable(error: DBAPIError | PoolTimeoutError) -> Unavailable | None:
    """What to tell where the database is at fault, which is logged; None where a statement is."""
    if _lacks_table(error):
        return Unavailable(
            "The database lacks tables of this version; run `backoffice migrate up`.",
            code="not_migrated",
        )
    if _lacks_rights(error):
        log.error("the database refused a statement", exc_info=error)
        return Unavailable(
            "The database refuses this to the account that it was opened with; GRANT it the "
            "right, or open it with another account.",
            code="database_refuses",
        )
    if not _does_not_answer(error):
        return None
    log.error("the database did not answer", exc_info=error)
    return Unavailable(
        "The database does not answer; try again in a moment.",
        code="database_unavailable",
        headers={"Retry-After": "5"},
    )


def _does_not_answer(error: DBAPIError | PoolTimeoutError) -> bool:
    if isinstance(error, PoolTimeoutError | InterfaceError) or _takes_no_writes(error):
        return True
    if isinstance(error, ProgrammingError) and error.statement is None:
        return True  # while connecting: the URL has an option that there is not
    if not isinstance(error, OperationalError):
        return False
    # SQLite calls a mistyped statement an operational error too: that one is a programmer's.
    sqlite = isinstance(error.orig, sqlite3.Error)
    return not sqlite or any(fault in str(error.orig) for fault in _SQLITE_FAULTS)


def _takes_no_writes(error: DBAPIError) -> bool:
    """A standby, while it takes over."""
    return getattr(error.orig, "sqlstate", None) == _READ_ONLY


def _lacks_rights(error: DBAPIError | PoolTimeoutError) -> bool:
    return getattr(getattr(error, "orig", None), "sqlstate", None) == _NO_RIGHT


def _lacks_table(error: DBAPIError | PoolTimeoutError) -> bool:
    original = getattr(error, "orig", None)
    if isinstance(original, sqlite3.Error):
        return str(original).startswith("no such table")
    return getattr(original, "sqlstate", None) == _UNDEFINED_TABLE


@singleton
async def database(
    settings: Annotated[Settings, Depends(app_settings)],
) -> AsyncIterator[Database]:
    """The app's database, opened with the app and closed with it."""
    opened = Database(
        settings.database_url.get_secret_value(),
        timeout=settings.database_timeout,
        pool_size=settings.database_pool_size,
    )
    try:
        yield opened
    finally:
        await opened.close()


@database.health(timeout=3)
async def _answers(database: Database) -> None:
    await database.ping()


@reads(database)
async def session(connection: HTTPConnection) -> AsyncIterator[AsyncSession]:
    """A request's session: `Annotated[AsyncSession, Depends(session)]`; commit is yours."""
    async with database.of(connection).session() as opened:
        yield opened


@reads(database)
async def sync_session(connection: HTTPConnection) -> AsyncIterator[Session]:
    """A request's synchronous session, for `def` routes."""
    with database.of(connection).sync_session() as opened:
        try:
            yield opened
        finally:
            # Closing may roll back, which waits for the database: not on the event loop.
            await run_in_threadpool(opened.close)
