"""Where a job runs: inside a revision, or by itself on an engine; either way on a connection whose
transactions are the job's own."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from sqlalchemy import Connection, Engine

from backoffice.core.errors import Conflict, InvalidInput, SetupError
from backoffice.migrations.batches import ledger
from backoffice.migrations.batches.pace import Pace
from backoffice.migrations.journal import resumable


@dataclass
class Place:
    """An open connection in autocommit, and the name under which the job is kept."""

    connection: Connection
    name: str
    #: Raises where the job was done meanwhile and has been forgotten since.
    confirm: Callable[[], None] = field(default=lambda: None)

    def limit_waiting(self, pace: Pace, *, local: bool = False) -> None:
        """Wait for no lock longer than the pace says; `local` to a transaction."""
        milliseconds = max(1, round(pace.lock_timeout * 1000))
        if self.connection.dialect.name == "sqlite":
            self.connection.exec_driver_sql(f"PRAGMA busy_timeout = {milliseconds}")
        elif local:
            self.connection.exec_driver_sql(f"SET LOCAL lock_timeout = {milliseconds}")

    @contextmanager
    def transaction(self, pace: Pace, *, bounded: bool = False) -> Iterator[Connection]:
        """A transaction of the job's own, which waits for no lock longer than the pace says.

        `bounded` takes back a statement that holds its rows far too long.
        """
        # Written out: a transaction of SQLAlchemy's would be Alembic's, which ends with the
        # revision and not with the batch.
        postgresql = self.connection.dialect.name == "postgresql"
        begin = "BEGIN ISOLATION LEVEL READ COMMITTED" if postgresql else "BEGIN IMMEDIATE"
        self.connection.exec_driver_sql(begin)
        try:
            if postgresql:
                self.limit_waiting(pace, local=True)
                longest = round(max(1.0, 20 * pace.hold) * 1000) if bounded else 0
                self.connection.exec_driver_sql(f"SET LOCAL statement_timeout = {longest}")
            yield self.connection
            self.connection.exec_driver_sql("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        if self.connection.invalidated or not _in_transaction(self.connection):
            return  # SQLite has taken it back itself, as where the disk is full
        self.connection.exec_driver_sql("ROLLBACK")


# Any: `op` is Alembic's module or its Operations, which is not imported for its sake.
Where = Engine | Any


@contextmanager
def place(where: Where, name: str | None) -> Iterator[Place]:
    """A connection for the job; InvalidInput says what may be given for `where`."""
    if isinstance(where, Engine):
        if name is None:
            raise InvalidInput("outside of a revision a job needs a name of its own: name=")
        with where.connect() as connection:
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            with _own_settings(connection):
                yield Place(connection, name)
    elif hasattr(where, "get_context"):
        with _in_revision(where.get_context(), name) as found:
            yield found
    else:
        raise InvalidInput("batches run on `op` inside a revision, or else on an Engine")


@contextmanager
def _in_revision(context: Any, name: str | None) -> Iterator[Place]:
    if context._in_external_transaction:
        raise SetupError(
            "env.py has begun the transaction itself, so that batches cannot be committed one by "
            "one; open the connection by `engine.connect()`, and let Alembic begin"
        )
    settlement = _settlement(context)
    full = settlement.named(name)
    with context.autocommit_block():
        connection = context.connection
        with _own_settings(connection), resumable(connection):
            yield Place(connection, full, settlement.confirm)


@dataclass(frozen=True)
class Caller:
    """The revision that is running: its id, its direction, and its call of `upgrade`."""

    revision: str
    upgrading: bool
    frame: FrameType


class Settlement:
    """The jobs of one revision: forgotten in the very transaction that records the revision."""

    def __init__(self, context: Any, caller: Caller) -> None:
        self.caller = caller
        self._context = context
        self._names: list[str] = []
        self._named: list[str] = []

    def called(self, caller: Caller) -> None:
        """A revision that was blocked begins anew: its first job is the first one again."""
        if caller.frame is not self.caller.frame:
            self._named.clear()
        self.caller = caller

    def named(self, name: str | None) -> str:
        """The full name of the revision's next job."""
        direction = "up" if self.caller.upgrading else "down"
        full = f"{self.caller.revision}:{direction}:{name or len(self._named) + 1}"
        if full in self._named:
            raise InvalidInput(f"two jobs of one revision are named {name!r}")
        self._named.append(full)
        self._names.append(full)
        return full

    def confirm(self) -> None:
        """Conflict where another process has brought the revision to its end meanwhile."""
        revision = self.caller.revision
        heads = self._context.get_current_heads()
        applied = {each.revision for each in self._context.script.iterate_revisions(heads, "base")}
        if (revision in applied) is self.caller.upgrading:
            raise Conflict(
                f"another process has run {revision} meanwhile; nothing was changed twice",
                code="revision_run_meanwhile",
            )

    def __call__(self, **_: Any) -> None:
        """What Alembic calls within the transaction that has recorded the revision."""
        callbacks = self._context.on_version_apply_callbacks
        self._context.on_version_apply_callbacks = tuple(
            each for each in callbacks if each is not self
        )
        with resumable(self._context.connection):
            ledger.remove(self._context.connection, self._names)


def _settlement(context: Any) -> Settlement:
    caller = _caller()
    callbacks = context.on_version_apply_callbacks
    for known in callbacks:
        if isinstance(known, Settlement) and known.caller.revision == caller.revision:
            known.called(caller)
            return known
    made = Settlement(context, caller)
    context.on_version_apply_callbacks = (*callbacks, made)
    return made


def _caller() -> Caller:
    """The revision whose file called us, which Alembic does not tell; known by what every revision
    file defines."""
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        names, function = frame.f_globals, frame.f_code.co_name
        is_revision = isinstance(names.get("revision"), str) and "down_revision" in names
        if is_revision and function in ("upgrade", "downgrade"):
            return Caller(names["revision"], function == "upgrade", frame)
    raise InvalidInput("`op` is for the upgrade() and downgrade() of a revision; give an Engine")


@contextmanager
def _own_settings(connection: Connection) -> Iterator[None]:
    """SQLite's, for the job alone: how long it waits, and that foreign keys are enforced, which a
    migration has off: a batch of deletes would leave rows behind that refer to nothing."""
    if connection.dialect.name != "sqlite":
        yield
        return
    before = {name: _pragma(connection, name) for name in ("foreign_keys", "busy_timeout")}
    if _in_transaction(connection):  # begun by an engine with SQLAlchemy's recipe for savepoints
        connection.exec_driver_sql("COMMIT")
    connection.exec_driver_sql("PRAGMA foreign_keys = ON")
    try:
        yield
    finally:
        for name, value in before.items():
            connection.exec_driver_sql(f"PRAGMA {name} = {value}")


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar() or 0)


def _in_transaction(connection: Connection) -> bool:
    """On SQLite, as its driver knows it; on PostgreSQL one that was begun stays until it ends."""
    return bool(getattr(connection.connection.driver_connection, "in_transaction", True))
