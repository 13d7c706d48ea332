"""Derived values: attributes that a query or the database works out of columns, and of which."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, FromClause, Table, TextClause
from sqlalchemy import inspect as inspected
from sqlalchemy.orm import Mapper
from sqlalchemy.sql import ClauseElement, visitors
from sqlalchemy.sql.elements import ColumnClause

from backoffice.admin.check_rules import mentioned


@dataclass(frozen=True)
class Source:
    """What a value is derived from: a column, or the rows of a table themselves."""

    table: Table
    column: Column[Any] | None = None
    #: Whether it is of the same row as the value.
    is_own: bool = False


Sources = Mapping[str, frozenset[Source]]


def sources_of(model: type[Any]) -> Sources:
    """Attribute to what it is derived from, of those that are no plain column."""
    mapper: Mapper[Any] = inspected(model)
    own = frozenset(each for each in mapper.tables if isinstance(each, Table))
    found = {each.key: frozenset(_behind(each.columns[0], own)) for each in mapper.column_attrs}
    return {name: sources for name, sources in found.items() if sources}


def _behind(element: Any, own: frozenset[Table]) -> Iterator[Source]:
    if isinstance(element, Column):
        yield from _generated(element, True)
        return
    for each in visitors.iterate(element):
        yield from _part(each, own)


def _part(part: ClauseElement | Any, own: frozenset[Table]) -> Iterator[Source]:
    if isinstance(part, Column):
        for base in part.base_columns:
            if isinstance(base, Column) and isinstance(base.table, Table):
                is_own = part.table in own
                yield Source(base.table, base, is_own)
                yield from _generated(base, is_own)
    elif isinstance(part, TextClause | ColumnClause):
        # Written as text: of the row itself, as far as can be told.
        for table in own:
            yield from _named(table, str(part), True)
    elif isinstance(part, FromClause) and isinstance(part, Table) and part not in own:
        yield Source(part)


def _generated(column: Column[Any], is_own: bool) -> Iterator[Source]:
    """Of a column that the database computes of others."""
    if column.computed is not None and isinstance(column.table, Table):
        yield from _named(column.table, str(column.computed.sqltext), is_own, column)


def _named(
    table: Table, text: str, is_own: bool, but: Column[Any] | None = None
) -> Iterator[Source]:
    for name in mentioned(table, text):
        if table.columns[name] is not but:
            yield Source(table, table.columns[name], is_own)
