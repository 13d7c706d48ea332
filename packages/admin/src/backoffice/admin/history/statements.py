"""Statements: which rows one writes that goes past the session's records."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Result, TextClause
from sqlalchemy.engine import IteratorResult
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.orm import ORMExecuteState

from backoffice.admin.history.tracks import Key, Track

_WRITES = re.compile(
    r"\b(?:insert\s+into|replace\s+into|merge\s+into|update(?:\s+only)?|delete\s+from(?:\s+only)?"
    r"|truncate(?:\s+table)?)\s+(?:[\"\w]+\.)?\"?(\w+)\"?",
    re.IGNORECASE,
)


class Inserted(IteratorResult[Any]):
    """The result of an INSERT, as it would be had nobody asked for the keys."""

    def __init__(self, names: Sequence[str], rows: Sequence[Any], keys: Sequence[Key]) -> None:
        super().__init__(SimpleResultMetaData(names), iter(rows))
        self.rowcount = len(keys)
        self.inserted_primary_key_rows = list(keys)
        self.inserted_primary_key = keys[0] if len(keys) == 1 else None


def inserted(
    state: ORMExecuteState,
    track: Track,
    look: Callable[[list[Key]], None],
    add: Callable[[list[Key]], None],
) -> Inserted:
    """Do an INSERT: `add` is told the keys of its rows, `look` before it those of rows that it may
    find there and write (ON CONFLICT)."""
    statement: Any = state.statement
    keyed = statement.returning(*track.table.primary_key)
    width = len(track.table.primary_key)
    if statement._post_values_clause is not None:
        look(_tried(state.session.connection(), lambda: _keys(_done(state, keyed), width)))
    result = _done(state, keyed)
    names = list(result.keys())[:-width]
    rows = result.all()
    keys = [tuple(row[-width:]) for row in rows]
    add(keys)
    return Inserted(names, [tuple(row[:-width]) for row in rows] if names else [], keys)


def _tried(connection: Connection, ask: Callable[[], list[Key]]) -> list[Key]:
    """What would be written: done, and taken back."""
    savepoint = connection.begin_nested()
    try:
        return ask()
    finally:
        savepoint.rollback()


def _done(state: ORMExecuteState, statement: Any) -> Result[Any]:
    return state.invoke_statement(statement=statement)


def _keys(result: Result[Any], width: int) -> list[Key]:
    return [tuple(row[-width:]) for row in result]


def updated_by_key(state: ORMExecuteState, track: Track) -> list[Key] | None:
    """The keys of the rows, where an UPDATE is given each with its own values."""
    given: Any = state.parameters
    names = [track.mapper.get_property_by_column(each).key for each in track.mapper.primary_key]
    if not isinstance(given, list) or not all(set(names) <= set(each) for each in given):
        return None
    return [tuple(each[name] for name in names) for each in given]


def written_by_text(statement: TextClause) -> Iterator[str]:
    """The names of the tables that a statement in text writes, as far as can be told."""
    for found in _WRITES.finditer(statement.text):
        yield found[1].lower()


def values_of(statement: Any) -> dict[str, Any]:
    """What a statement sets, by the names of the columns; SQLAlchemy has no public way to ask."""
    values = getattr(statement, "_values", None) or {}
    return {getattr(column, "key", column): value for column, value in values.items()}


def is_told(track: Track, statement: Any) -> bool:
    """Whether a statement sets any column of which is told; one that deletes does."""
    set_here = values_of(statement)
    names = {name for name, each in track.columns.items() if each.key in set_here}
    return not names or not names.isdisjoint(track.watched)
