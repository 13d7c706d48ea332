"""What can be done to a table in batches: change its rows, copy them, delete them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, TableClause, column

from backoffice.migrations.batches import changes, ledger, offline
from backoffice.migrations.batches.changes import Columns, Compute, Condition
from backoffice.migrations.batches.keys import Key
from backoffice.migrations.batches.pace import Pace
from backoffice.migrations.batches.places import Where, place
from backoffice.migrations.batches.tables import described, key_of
from backoffice.migrations.batches.walk import Change, Job, walk

#: By name, or SQLAlchemy's table: its types then hold for the values.
Named = str | TableClause
Names = str | Sequence[str] | None


def batched_update(
    on: Where,
    table: Named,
    values: Columns | Compute,
    *,
    where: Condition = None,
    key: Names = None,
    repeat: bool = False,
    schema: str | None = None,
    name: str | None = None,
    pace: Pace | None = None,
    progress: bool = True,
) -> int:
    """Change the rows of a table; the number of rows that the whole job has changed.

    `on` is `op` inside a revision, or else an Engine; there the job needs a `name`, by which a
    process that starts later goes on with it, or finds it done. `values` are by column: a value,
    or an expression (`sa.text("lower(title)")`); or a function that gets a row and gives them, or
    None to leave it. Rows that `where` does not fit are left. `key` are the columns to walk by,
    which no two rows share: the primary key, unless given.

    Each batch is one transaction, done once however many processes start. A walk meets every row
    that was there when it began. `repeat` walks again until there is nothing to change, for rows
    that the app adds behind it; `where` must not fit a row that was changed.

    Blocks. Raises InvalidInput where the table cannot be walked so, Unavailable where other
    transactions hold the rows for longer than the pace has patience, Conflict where a job of that
    name was begun with other values.
    """

    def change(walked: Key) -> Change:
        if callable(values):
            made = changes.computing(walked, values, where)
        else:
            made = changes.updating(walked, values, where)
        return changes.converging(walked, made, where) if repeat else made

    written = () if callable(values) else tuple(values)
    source = _Source(table, schema, _names(key), written)
    terms = _Terms(name, pace or Pace(), progress, repeat)
    return _do(on, source, terms, change, ("update", values, where))


def batched_delete(
    on: Where,
    table: Named,
    *,
    where: Condition,
    key: Names = None,
    schema: str | None = None,
    name: str | None = None,
    pace: Pace | None = None,
    progress: bool = True,
) -> int:
    """Delete the rows that `where` fits, or all where it is None; how many.

    On SQLite foreign keys hold for it, also while a migration has them off. Else as
    `batched_update`.
    """
    source = _Source(table, schema, _names(key))
    terms = _Terms(name, pace or Pace(), progress)
    return _do(on, source, terms, lambda it: changes.deleting(it, where), ("delete", where))


def batched_insert(
    on: Where,
    table: Named,
    values: Columns | Sequence[str],
    *,
    source: Named,
    where: Condition = None,
    key: Names = None,
    skip: bool = False,
    schema: str | None = None,
    name: str | None = None,
    pace: Pace | None = None,
    progress: bool = True,
) -> int:
    """Write into `table` a row for each of `source` that `where` fits; how many.

    `values` are by column of `table`: a value, or an expression over the source
    (`sa.column("title")`); or names, of columns that both have. `key` is of the source. `skip`
    leaves out rows that the table has already, by any of its unique columns. Else as
    `batched_update`.
    """
    found = values if isinstance(values, Mapping) else _alike(values)
    target = described(table, schema, found)

    def change(walked: Key) -> Change:
        return changes.inserting(walked, target, found, where, skip=skip)

    terms = _Terms(name, pace or Pace(), progress)
    what = ("insert", str(target), found, where, skip)
    return _do(on, _Source(source, schema, _names(key)), terms, change, what)


def forget(engine: Engine, name: str) -> None:
    """Let a job of this name begin anew, and take away the table of jobs with the last of them."""
    with engine.begin() as connection:
        ledger.remove(connection, [name])


@dataclass(frozen=True)
class _Source:
    """The table that is walked."""

    table: Named
    schema: str | None
    key: tuple[str, ...] | None
    written: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Terms:
    name: str | None
    pace: Pace
    progress: bool
    repeat: bool = False


def _do(
    on: Where,
    source: _Source,
    terms: _Terms,
    change: Callable[[Key], Change],
    what: tuple[Any, ...],
) -> int:
    if offline.wanted(on):
        table = described(source.table, source.schema, (*(source.key or ()), *source.written))
        size = terms.pace.size
        key = Key(table, source.key or (), shown=offline.bound(on, size))
        return offline.show(on, change(key), size)
    with place(on, terms.name) as found:
        key = key_of(found.connection, source.table, source.schema, source.key, source.written)
        told = changes.fingerprint(found.connection, str(key.table), key.names, *what)
        job = Job(key, told, change(key), terms.pace, terms.repeat, terms.progress)
        return walk(found, job)


def _names(key: Names) -> tuple[str, ...] | None:
    if key is None:
        return None
    return (key,) if isinstance(key, str) else tuple(key)


def _alike(names: Sequence[str]) -> Columns:
    return {each: column(each) for each in names}
