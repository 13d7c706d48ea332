"""SQLite on the event loop: what a statement takes is one trip to the thread that runs it.

SQLAlchemy's own cursors take four: to be made, to execute, to fetch and to be closed. A trip costs
more than most statements do, in CPU time as well.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import aiosqlite
import anyio
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_dbapi,
)
from sqlalchemy.util import await_only
from sqlalchemy.util.concurrency import in_greenlet
from starlette.concurrency import run_in_threadpool


class SQLiteDriver(AsyncAdapt_aiosqlite_dbapi):
    """aiosqlite for SQLAlchemy: `create_async_engine(..., module=SQLiteDriver())`."""

    def __init__(self) -> None:
        super().__init__(aiosqlite, sqlite3)

    def connect(self, *arguments: Any, **options: Any) -> "SQLiteConnection":
        """A connection, with a thread of its own."""
        opened: Any = await_only(_connected(*arguments, **options))
        return SQLiteConnection(self, opened)


class SQLiteConnection(AsyncAdapt_aiosqlite_connection):
    """A connection whose statements are one trip each, but those that stream."""

    __slots__ = ()

    # Any: SQLAlchemy 2.0 and 2.1 name the types of cursors differently.
    def cursor(self, server_side: bool = False) -> Any:
        """A cursor; one at the server's side fetches its rows as they are asked for."""
        return super().cursor(server_side=True) if server_side else _Cursor(self)

    def rollback(self) -> None:
        """Nothing, and no trip, after what only read: that begins no transaction here."""
        driver: Any = self._connection
        # Of a statement that somebody did not wait for, SQLAlchemy closes the connection.
        if driver._connection and driver.in_transaction:
            super().rollback()

    def terminate(self) -> None:
        """Close it as soon as the statement has ended that nobody waits for any more."""
        # aiosqlite's own `close`, once it is left too, waits without end for a thread that is gone.
        closed = self._connection.stop()
        if closed is not None and in_greenlet():
            await_only(asyncio.shield(closed))


class _Cursor:
    """What SQLAlchemy asks of a cursor; it has all rows as soon as it has executed."""

    __slots__ = ("_connection", "_rows", "arraysize", "description", "lastrowid", "rowcount")

    server_side = False

    def __init__(self, connection: SQLiteConnection) -> None:
        self._connection = connection
        self._rows: deque[Any] = deque()
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    def execute(self, operation: Any, parameters: Any = None) -> "_Cursor":
        """Execute, and fetch."""
        return self._away("execute", operation, () if parameters is None else parameters)

    def executemany(self, operation: Any, seq_of_parameters: Any) -> "_Cursor":
        """The same statement once for each of the parameters."""
        return self._away("executemany", operation, seq_of_parameters)

    def fetchone(self) -> Any:
        """The next row, or None."""
        return self._rows.popleft() if self._rows else None

    def fetchmany(self, size: int | None = None) -> Sequence[Any]:
        """So many of the next rows."""
        count = min(self.arraysize if size is None else size, len(self._rows))
        return [self._rows.popleft() for _ in range(count)]

    def fetchall(self) -> Sequence[Any]:
        """All rows that are left."""
        rows, self._rows = self._rows, deque()
        return list(rows)

    def __iter__(self) -> Iterator[Any]:
        while self._rows:
            yield self._rows.popleft()

    def setinputsizes(self, *_: Any) -> None:
        """SQLite wants to know none."""

    def close(self) -> None:
        """The driver's own is closed as soon as it has executed."""
        self._rows.clear()

    async def _async_soft_close(self) -> None: ...

    def _away(self, method: str, operation: Any, parameters: Any) -> "_Cursor":
        try:
            await_only(self._trip(method, operation, parameters))
        except Exception as error:  # noqa: BLE001 - raised again, as SQLAlchemy knows it
            self._connection._handle_exception(error)
        return self

    async def _trip(self, method: str, operation: Any, parameters: Any) -> None:
        driver: Any = self._connection._connection
        # The statement comes first: logs leave out what comes after it.
        await driver._execute(self._run, operation, driver._conn, method, parameters)

    def _run(
        self, operation: Any, driver: sqlite3.Connection, method: str, parameters: Any
    ) -> None:
        """In the thread of the connection."""
        cursor = driver.cursor()
        try:
            getattr(cursor, method)(operation, parameters)
            self.description = cursor.description
            self._rows = deque(cursor.fetchall() if cursor.description else ())
            self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid
        finally:
            cursor.close()


async def _connected(*arguments: Any, **options: Any) -> aiosqlite.Connection:
    """A failure leaves no thread behind, which would trip over the end of the event loop."""
    opening = aiosqlite.connect(*arguments, **options)
    opening._thread.daemon = True
    try:
        return await opening
    except BaseException:
        with anyio.CancelScope(shield=True):
            await run_in_threadpool(opening._thread.join, 1.0)
        raise
