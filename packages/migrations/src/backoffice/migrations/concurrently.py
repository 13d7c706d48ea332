"""Indexes that are built while the app writes, and what is left of one that was not finished."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from backoffice.migrations.verbs import LEADING

_BUILDING = re.compile(
    LEADING + r"CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?"
    r"(?P<name>\"(?:[^\"]|\"\")+\"|\w+)\s+ON\s+(?:ONLY\s+)?"
    r"(?P<table>(?:(?:\"(?:[^\"]|\"\")+\"|\w+)\s*\.\s*)?(?:\"(?:[^\"]|\"\")+\"|\w+))",
    re.IGNORECASE | re.DOTALL,
)
_DROPPING = re.compile(
    LEADING
    + r"DROP\s+INDEX\s+CONCURRENTLY\s+(?P<index>(?:[^\s,;\"]|\"(?:[^\"]|\"\")+\")+)\s*;?\s*$",
    re.IGNORECASE | re.DOTALL,
)

Rows = Callable[[str], list[Any]]


@dataclass(frozen=True)
class Concurrent:
    """`CREATE INDEX CONCURRENTLY`: of which index, on which table, both as they are written."""

    index: str
    table: str

    @classmethod
    def of(cls, statement: str) -> "Concurrent | None":
        """What a statement builds concurrently; None for any other statement."""
        found = _BUILDING.match(statement)
        return cls(found["name"], found["table"]) if found else None

    def valid(self, rows: Rows) -> bool | None:
        """Whether the index is whole, or a leftover that PostgreSQL calls INVALID; None of none."""
        found = rows(f"SELECT i.indisvalid {self._there}")
        return bool(found[0][0]) if found else None

    def dropping(self, rows: Rows) -> str:
        """The statement that removes the index without a lock that others would wait for."""
        name = rows(f"SELECT i.indexrelid::regclass::text {self._there}")[0][0]
        return f"DROP INDEX CONCURRENTLY IF EXISTS {name}"

    @property
    def _there(self) -> str:
        return (
            "FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
            f"WHERE c.relname = {_literal(_folded(self.index))} "
            f"AND i.indrelid = to_regclass({_literal(self.table)})"
        )


def dropped(statement: str, rows: Rows) -> bool:
    """Whether a statement drops an index concurrently that is not there (any more)."""
    found = _DROPPING.match(statement)
    return (
        found is not None and rows(f"SELECT to_regclass({_literal(found['index'])})")[0][0] is None
    )


def _folded(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
