"""Rows for tables that have none, so that a revision is tried on data and not on empty tables.

Of each table one row that is full and one with all that may be NULL; text is digits, which can be
turned into most other types.
"""

import re
import uuid
import warnings
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Column, Connection, MetaData, Table, inspect, select, types
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import SAWarning, SQLAlchemyError

from backoffice.migrations.errors import reason
from backoffice.migrations.guards.faults import Fault

_COUNT = 2
_ADDRESS = (postgresql.INET, postgresql.CIDR)
_VALUES: list[tuple[Any, Callable[[Any, int], Any]]] = [
    (types.Enum, lambda kind, number: kind.enums[number % len(kind.enums)]),
    (types.Boolean, lambda _, number: number % 2 == 0),
    (types.Integer, lambda _, number: number + 1),
    (types.Float, lambda _, number: float(number + 1)),
    (types.Numeric, lambda _, number: number + 1),
    (types.JSON, lambda _, number: {"number": number}),
    (types.Uuid, lambda kind, number: _uuid(kind, number)),
    (types.DateTime, lambda kind, number: _moment(kind, number)),
    (types.Date, lambda _, number: date(2026, 1, 1 + number)),
    (types.Time, lambda _, number: time(number)),
    (types.Interval, lambda _, number: timedelta(days=number)),
    (postgresql.INTERVAL, lambda _, number: timedelta(days=number)),
    (types.LargeBinary, lambda _, number: b"%d" % number),
    (types.ARRAY, lambda _, __: []),
    (_ADDRESS, lambda _, number: f"10.0.0.{number + 1}"),
    (types.String, lambda kind, number: _text(kind, number)),
]


def fill(connection: Connection, tables: Iterable[str]) -> list[Fault]:
    """Put rows into these tables; a note for each that takes none of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # of what reflection makes of the app's tables
        left = _parents_first(connection, set(tables))
        # Again, as long as it helps: where tables refer to each other, they are in no order.
        while True:
            refused = [(each, told) for each in left if (told := _fill(connection, each))]
            if len(refused) in (0, len(left)):
                break
            left = [each for each, _ in refused]
    return [
        Fault(
            "stairway", f"no row could be made up for {each.name} ({told}); give seeds", note=True
        )
        for each, told in refused
    ]


def _parents_first(connection: Connection, wanted: set[str]) -> list[Table]:
    order = [name for name, _ in inspect(connection).get_sorted_table_and_fkc_names() if name]
    return [Table(each, MetaData(), autoload_with=connection) for each in order if each in wanted]


def _fill(connection: Connection, table: Table) -> str | None:
    """Why no row could be made up."""
    if connection.execute(select(1).select_from(table).limit(1)).first() is not None:
        return None
    for number in range(_COUNT):
        try:
            with connection.begin_nested():
                row = _row(connection, table, number)
                connection.execute(table.insert().values(row))
        except (SQLAlchemyError, _NoValue) as error:
            return reason(error) if number == 0 else None
    return None


class _NoValue(Exception):
    pass


def _row(connection: Connection, table: Table, number: int) -> dict[str, Any]:
    row = _references(connection, table, number)
    listed = _listed(connection, table)
    for column in table.columns:
        if column.name in row or _given(column, connection.dialect.name):
            continue
        if column.nullable and number % 2 == 1:
            continue
        row[column.name] = _value(column, number, listed.get(column.name))
    return row


def _given(column: "Column[Any]", dialect: str) -> bool:
    """Whether the database fills it."""
    if column.server_default is not None or column.computed or column.identity:
        return True
    integer = dialect == "sqlite" and isinstance(column.type, types.Integer)
    alone = column.table is not None and len(column.table.primary_key.columns) == 1
    return bool(column.primary_key and integer and alone and not column.foreign_keys)


def _value(column: "Column[Any]", number: int, listed: list[str] | None) -> Any:
    if listed:
        return listed[number % len(listed)]
    for kind, make in _VALUES:
        if isinstance(column.type, kind):
            return make(column.type, number)
    if column.nullable:
        return None
    raise _NoValue(f"{column.name} is of type {column.type}")


def _references(connection: Connection, table: Table, number: int) -> dict[str, Any]:
    """The values of foreign keys: those of a row that is there."""
    row: dict[str, Any] = {}
    for constraint in table.foreign_key_constraints:
        columns = [element.parent for element in constraint.elements]
        targets = [element.column for element in constraint.elements]
        found = connection.execute(select(*targets).limit(1).offset(number)).first()
        found = found or connection.execute(select(*targets).limit(1)).first()
        if found is None and not all(each.nullable for each in columns):
            raise _NoValue(f"{targets[0].table.name} has no rows")
        for place, each in enumerate(columns):
            row.setdefault(each.name, None if found is None else found[place])
    return row


def _listed(connection: Connection, table: Table) -> dict[str, list[str]]:
    """The values of columns of which a CHECK lists them."""
    found: dict[str, list[str]] = {}
    for check in inspect(connection).get_check_constraints(table.name, schema=table.schema):
        told = str(check["sqltext"])
        values = re.findall(r"'((?:[^']|'')*)'", told)
        named = [each.name for each in table.columns if re.search(rf"\b{each.name}\b", told)]
        if values and len(named) == 1:
            found[named[0]] = values
    return found


def _uuid(kind: Any, number: int) -> Any:
    made = uuid.UUID(int=number + 1)
    return made if kind.as_uuid else str(made)


def _text(kind: Any, number: int) -> str:
    """Digits; of the length of a UUID, such that they are one too: the type that SQLite has not."""
    made = uuid.UUID(int=number + 1)
    return {32: made.hex, 36: str(made)}.get(kind.length, str(number + 1)[: kind.length])


def _moment(kind: Any, number: int) -> datetime:
    made = datetime(2026, 1, 1 + number, tzinfo=UTC)
    return made if kind.timezone else made.replace(tzinfo=None)
