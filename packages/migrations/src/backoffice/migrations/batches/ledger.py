"""The table in which jobs keep how far they have come.

A batch and its entry are one transaction: whatever ends a process, either both are there or
neither. A job of a revision is deleted with the recording of that revision; one that ran by
itself stays until it is forgotten, so that a late process does not begin it again.
"""

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    DateTime,
    MetaData,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    inspect,
    literal,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError

from backoffice.core.errors import Conflict, InvalidInput
from backoffice.migrations.batches.keys import Position, Window
from backoffice.migrations.errors import locked

_LONGEST = 200
LEDGER = Table(
    "backoffice_batches",
    MetaData(),
    Column("name", String(_LONGEST), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("position", Text()),
    Column("walked", BigInteger(), nullable=False),
    Column("changed", BigInteger(), nullable=False),
    Column("changed_before", BigInteger(), nullable=False),
    Column("done", Boolean(), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)
_TRIES = 3
_TRIES_TO_DROP, _POLL = 10, 0.03


@dataclass(frozen=True)
class Entry:
    """How far one job has come: rows looked at and changed, of these in earlier walks."""

    position: Position = None
    walked: int = 0
    changed: int = 0
    changed_before: int = 0
    done: bool = False


def enter(connection: Connection, name: str, fingerprint: str) -> tuple[Entry, bool]:
    """The job's entry, and whether it was made now; Conflict where it is that of another job."""
    if len(name) > _LONGEST:
        raise InvalidInput(f"a job is known by at most {_LONGEST} characters, not by {len(name)}")
    for _ in range(_TRIES):  # whoever ends the last job takes the table away
        try:
            _ensure_table(connection)
            made = _insert(connection, name, fingerprint)
            found = connection.execute(select(LEDGER).where(LEDGER.c.name == name)).mappings()
        except DBAPIError as error:
            if locked(error) or inspect(connection).has_table(LEDGER.name):
                raise
            continue
        row = found.first()
        if row is not None:
            return _entry(connection, name, fingerprint, row), made
    raise Conflict(f"{name} was forgotten just now; run it again", code="batches_forgotten")


def held(connection: Connection, name: str) -> Entry | None:
    """The entry, locked for this transaction; None while another process holds it."""
    statement = select(LEDGER).where(LEDGER.c.name == name)
    row = connection.execute(statement.with_for_update(skip_locked=True)).mappings().first()
    return None if row is None else _read(row)


def present(connection: Connection, name: str) -> bool:
    """Whether the job has an entry, held or not."""
    if not inspect(connection).has_table(LEDGER.name):
        return False
    statement = select(LEDGER.c.name).where(LEDGER.c.name == name)
    return connection.execute(statement).first() is not None


def advance(connection: Connection, name: str, entry: Entry, window: Window, changed: int) -> Entry:
    """The rows of a window are done, and so many of them changed."""
    walked, all_changed = entry.walked + window.rows, entry.changed + changed
    after = replace(entry, position=window.until, walked=walked, changed=all_changed)
    return _write(connection, name, after)


def restart(connection: Connection, name: str, entry: Entry) -> Entry:
    """The walk begins anew; what was changed so far still counts."""
    return _write(connection, name, replace(entry, position=None, changed_before=entry.changed))


def finish(connection: Connection, name: str, entry: Entry) -> Entry:
    """Nothing is left to do."""
    return _write(connection, name, replace(entry, done=True))


def remove(connection: Connection, names: Iterable[str]) -> None:
    """Forget jobs, and the table with the last of them."""
    if not inspect(connection).has_table(LEDGER.name):
        return
    connection.execute(delete(LEDGER).where(LEDGER.c.name.in_(list(names))))
    if connection.scalar(select(func.count()).select_from(LEDGER)) == 0:
        _drop(connection)


def _drop(connection: Connection) -> None:
    if connection.dialect.name != "postgresql":
        LEDGER.drop(connection, checkfirst=False)
        return
    # Others look into it for a moment at a time, of which none shall queue behind this. Where
    # somebody goes on to hold it, it stays: an empty table is in nobody's way.
    connection.exec_driver_sql("SAVEPOINT backoffice_batches_gone")
    for _ in range(_TRIES_TO_DROP):
        try:
            connection.exec_driver_sql(f"LOCK TABLE {LEDGER.name} IN ACCESS EXCLUSIVE MODE NOWAIT")
            if connection.scalar(select(func.count()).select_from(LEDGER)) == 0:
                LEDGER.drop(connection, checkfirst=False)
        except DBAPIError as error:
            connection.exec_driver_sql("ROLLBACK TO SAVEPOINT backoffice_batches_gone")
            if not locked(error):
                return
            time.sleep(_POLL)
        else:
            return


def _ensure_table(connection: Connection) -> None:
    if inspect(connection).has_table(LEDGER.name):
        return
    try:
        LEDGER.create(connection, checkfirst=False)
    except DBAPIError:  # another process was faster
        if not inspect(connection).has_table(LEDGER.name):
            raise


def _insert(connection: Connection, name: str, fingerprint: str) -> bool:
    missing = ~select(LEDGER.c.name).where(LEDGER.c.name == name).exists()
    values = {"name": name, "fingerprint": fingerprint, **asdict(Entry())}
    found = select(
        *[literal(each, LEDGER.c[column].type) for column, each in values.items()],
        func.current_timestamp(),
    ).where(missing)
    try:
        made = insert(LEDGER).from_select([*values, "updated_at"], found)
        done = connection.execute(made, execution_options={"preserve_rowcount": True})
    except DBAPIError:
        if not present(connection, name):
            raise
        return False
    return done.rowcount == 1


def _entry(connection: Connection, name: str, fingerprint: str, row: Any) -> Entry:
    if row["fingerprint"] == fingerprint:
        return _read(row)
    if row["walked"]:
        raise Conflict(
            f"the batches of {name} were begun with other values, and {row['walked']} rows are "
            f"done; finish it as it was, or begin anew: forget(engine, {name!r})",
            code="batches_differ",
        )
    _change(connection, name, fingerprint=fingerprint)
    return _write(connection, name, Entry())


def _write(connection: Connection, name: str, entry: Entry) -> Entry:
    _change(connection, name, **asdict(entry))
    return entry


def _change(connection: Connection, name: str, **values: Any) -> None:
    changed = update(LEDGER).where(LEDGER.c.name == name)
    connection.execute(changed.values(updated_at=func.current_timestamp(), **values))


def _read(row: Any) -> Entry:
    return Entry(**{each.name: row[each.name] for each in fields(Entry)})
