"""The key by which the rows of a table are walked through, and how far a walk has come."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnClause,
    ColumnElement,
    Connection,
    Select,
    TableClause,
    Text,
    cast,
    func,
    literal,
    select,
    tuple_,
    type_coerce,
)
from sqlalchemy.sql.elements import TextClause
from sqlalchemy.types import NullType, UserDefinedType

from backoffice.core.errors import InvalidInput

#: How far a walk has come: the key of the last row, as JSON; None before the first.
Position = str | None


class _Named(UserDefinedType[Any]):
    """A type of PostgreSQL by the name that the server gives it."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: Any) -> str:
        return self.name


@dataclass(frozen=True)
class Window:
    """Rows next to each other: above `after`, up to and with `until`; `rows` when looked at."""

    after: Position
    until: str
    rows: int


class Key:
    """Columns that no two rows share and that are never NULL.

    Their values are kept as text on PostgreSQL, which reads back what it wrote for every type;
    `types` are its names of them there. `shown` stands for a window where there is none.
    """

    def __init__(
        self,
        table: TableClause,
        names: Sequence[str],
        types: dict[str, str] | None = None,
        shown: Sequence[ColumnElement[bool] | TextClause] = (),
    ) -> None:
        self.table = table
        self.names = tuple(names)
        self.columns: list[ColumnClause[Any]] = [table.c[each] for each in names]
        self._types = types
        self._shown = shown

    def within(self, window: Window | None) -> Sequence[ColumnElement[bool] | TextClause]:
        """The rows of a window; None where the statement is only shown."""
        if window is None:
            return self._shown
        below = _whole(self.columns) <= _whole(self._values(window.until))
        return [*self._after(window.after), below]

    def next(self, connection: Connection, position: Position, size: int) -> Window | None:
        """The next rows after a position, at most `size`; None at the end."""
        inner = select(*self.columns).order_by(*self.columns).limit(size)
        found = inner.where(*self._after(position)).subquery("w")
        told = [self._told(each) for each in found.c]
        last_first = [each.desc() for each in found.c]
        statement: Select[Any] = select(*told, func.count().over()).order_by(*last_first)
        row = connection.execute(statement.limit(1)).first()
        if row is None:
            return None
        *values, rows = row
        return Window(position, _written(values), rows)

    def _told(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        # As the database has it, and not as the type of the user's table has it in Python.
        return type_coerce(column, NullType()) if self._types is None else cast(column, Text())

    def _after(self, position: Position) -> list[ColumnElement[bool]]:
        if position is None:
            return []
        return [_whole(self.columns) > _whole(self._values(position))]

    def _values(self, position: str) -> list[ColumnElement[Any]]:
        values = json.loads(position)
        if self._types is None:
            return [literal(each) for each in values]
        kinds = [_Named(self._types[name]) for name in self.names]
        # Twice: asyncpg would want a value of the type itself, where text is what we have.
        return [
            cast(cast(literal(each, Text()), Text()), kind)
            for each, kind in zip(values, kinds, strict=True)
        ]


def _whole(parts: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
    return parts[0] if len(parts) == 1 else tuple_(*parts)


def _written(values: Sequence[Any]) -> str:
    try:
        return json.dumps(values)
    except TypeError:  # SQLite keeps any value in any column
        raise InvalidInput("a BLOB cannot be walked by; name other columns by key=") from None
