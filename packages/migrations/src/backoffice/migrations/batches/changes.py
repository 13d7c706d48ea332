"""What is done to the rows of one window, and how the same work is known again."""

import hashlib
import inspect as source
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    TableClause,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.sql.elements import ClauseElement, Grouping, TextClause

from backoffice.core.errors import InvalidInput
from backoffice.migrations.batches import offline
from backoffice.migrations.batches.keys import Key, Window
from backoffice.migrations.batches.walk import Change

#: A condition of rows: SQL as text, or SQLAlchemy's expression.
Condition = str | ColumnElement[bool] | TextClause | None
# Any: whatever a driver takes for a value, or an expression.
Columns = Mapping[str, Any]
#: Gives what to change in a row, or None to leave it.
Compute = Callable[[Row[Any]], Columns | None]


def condition(where: Condition) -> ColumnElement[bool]:
    """The condition as one expression, whatever it is put together with; true where there is none.

    SQLAlchemy joins text as it stands: `a OR b` would hold for rows outside of the batch.
    """
    if where is None:
        return true()
    return Grouping(_literally(where) if isinstance(where, str) else where)


def _literally(where: str) -> TextClause:
    # A colon is no parameter, of which there are none; a comment at the end is to end there.
    return text(re.sub(r"(?<!\\):", r"\\:", where) + ("\n" if "--" in where else ""))


def updating(key: Key, values: Columns, where: Condition) -> Change:
    """Change rows by one statement."""
    if not values:
        raise InvalidInput("values= names no column to change")
    _keep_key(key, values)
    statement = update(key.table).values(dict(values))

    def change(connection: Connection, window: Window | None) -> int:
        fitting = statement.where(*key.within(window)).where(condition(where))
        return connection.execute(fitting).rowcount

    return change


def computing(key: Key, compute: Compute, where: Condition) -> Change:
    """Change rows by what a function says of each; they are locked while it does."""
    statement = select(*key.table.c).order_by(*key.columns)
    one = [each == bindparam(f"key_{each.name}") for each in key.columns]

    def change(connection: Connection, window: Window | None) -> int:
        offline.refused(connection)
        fitting = statement.where(*key.within(window)).where(condition(where))
        rows = connection.execute(fitting.with_for_update()).all()
        grouped: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
        for row in rows:
            values = compute(row)
            if values:
                _keep_key(key, [each for each in values if _differs(row, each, values[each])])
                keys = {f"key_{name}": row._mapping[name] for name in key.names}
                named = {f"new_{name}": value for name, value in values.items()}
                grouped[tuple(values)].append({**keys, **named})
        for names, found in grouped.items():
            set_to: Any = {name: bindparam(f"new_{name}") for name in names}
            connection.execute(update(key.table).where(*one).values(set_to), found)
        return sum(map(len, grouped.values()))

    return change


def deleting(key: Key, where: Condition) -> Change:
    """Delete rows."""

    def change(connection: Connection, window: Window | None) -> int:
        fitting = delete(key.table).where(*key.within(window)).where(condition(where))
        return connection.execute(fitting).rowcount

    return change


def inserting(
    key: Key, target: TableClause, values: Columns, where: Condition, *, skip: bool
) -> Change:
    """Copy rows into another table; `skip` those that it has already."""
    if target.fullname == key.table.fullname:
        raise InvalidInput(
            f"{target.name} is read and written at once: the walk would meet the rows that it "
            "writes, and copy them too; write them into a table of their own first"
        )
    given: list[Any] = [
        each if isinstance(each, ClauseElement) else literal(each) for each in values.values()
    ]
    rows = select(*given).select_from(key.table).where(condition(where))

    def change(connection: Connection, window: Window | None) -> int:
        found = rows.where(*key.within(window))
        if not skip:
            statement: Any = insert(target).from_select(list(values), found)
        else:
            postgresql = connection.dialect.name == "postgresql"
            made = postgresql_insert(target) if postgresql else sqlite_insert(target)
            statement = made.from_select(list(values), found).on_conflict_do_nothing()
        options = {"preserve_rowcount": True}
        return connection.execute(statement, execution_options=options).rowcount

    return change


def converging(key: Key, change: Change, where: Condition) -> Change:
    """The same, refused where changed rows still fit the condition: it would never end."""
    if where is None:
        raise InvalidInput("repeat= needs a where= that fits no row that was changed")
    left = select(func.count()).select_from(key.table).where(condition(where))

    def checked(connection: Connection, window: Window | None) -> int:
        changed = change(connection, window)
        if changed and (connection.scalar(left.where(*key.within(window))) or 0) >= changed:
            raise InvalidInput(
                f"{key.table.name}: rows fit where= after they were changed, so that walking "
                "again would never end; leave out repeat="
            )
        return changed

    return checked


def _keep_key(key: Key, columns: Iterable[str]) -> None:
    if changed := {*columns} & {*key.names}:
        raise InvalidInput(
            f"{key.table.name} is walked by {', '.join(sorted(changed))}: a row whose key was "
            "changed would be met again; name other columns by key="
        )


def _differs(row: Row[Any], column: str, value: Any) -> bool:
    return column not in row._mapping or bool(row._mapping[column] != value)


def fingerprint(connection: Connection, *parts: Any) -> str:
    """Tells one job from another by all that it does."""
    told = "\n".join(_told(connection, each) for each in parts)
    return hashlib.sha256(told.encode()).hexdigest()


def _told(connection: Connection, part: Any) -> str:
    if isinstance(part, Mapping):
        return "\n".join(f"{name}={_told(connection, part[name])}" for name in sorted(part))
    if isinstance(part, ClauseElement):
        compiled = part.compile(dialect=connection.dialect)
        return f"{compiled} {sorted(compiled.params.items(), key=str)!r}"
    if callable(part):
        return _code(part)
    return repr(part)


def _code(function: Callable[..., Any]) -> str:
    try:
        return source.getsource(function)
    except (OSError, TypeError):
        return getattr(function, "__qualname__", type(function).__qualname__)
