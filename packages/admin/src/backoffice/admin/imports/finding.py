"""Finding: the record that a row is about, and those that its cells name."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import or_
from starlette.requests import Request
from starlette_admin.fields import BaseField
from starlette_admin.tools import iterencode

from backoffice.admin.column_sizes import comparable
from backoffice.admin.columns import column_of, holds_text
from backoffice.admin.fields import Reference, References
from backoffice.admin.filtering import fit
from backoffice.admin.imports import cells, matching
from backoffice.admin.imports.files import Row, cell_text
from backoffice.admin.imports.outcomes import ROW
from backoffice.admin.labels import NAMING
from backoffice.admin.newest import among_newest
from backoffice.admin.presentation import other_view
from backoffice.admin.records import RecordView
from backoffice.admin.searching import is_indexed

Value = tuple[str, ...]


@dataclass
class Finder:
    """Finds records by the fields that an import was told to find them by."""

    view: RecordView
    request: Request
    #: Columns of those fields; none where each row is a new record.
    columns: dict[str, int]
    is_by_key: bool
    #: Whether a new record gets its key by itself.
    is_generated: bool
    _found: dict[Value, str] = field(default_factory=dict)
    _named: dict[tuple[str, str], str] = field(default_factory=dict)

    @classmethod
    def of(
        cls, view: RecordView, request: Request, fields: dict[int, BaseField], key: str
    ) -> "Finder":
        """By the choice of that name."""
        columns = {each.name: index for index, each in fields.items()}
        names = view.keys.names if key == matching.KEY else [key] if key else []
        by_key = key == matching.KEY
        generated = by_key and matching.makes_key(view.model, names)
        return cls(view, request, {each: columns[each] for each in names}, by_key, generated)

    @property
    def names(self) -> set[str]:
        """The fields that records are found by, and that are so not changed."""
        return set(self.columns)

    @property
    def column(self) -> int:
        """Where it is told that there is no such record."""
        return min(self.columns.values(), default=ROW)

    async def find(self, rows: Sequence[Row]) -> list[str]:
        """Look for the records of these rows at once; their keys."""
        wanted = {self._value(each) for each in rows if self.is_named(each)}
        if not wanted:
            return []
        if self.is_by_key:
            await self._by_key(wanted)
        else:
            await self._by_value(wanted)
        return list(self._found.values())

    def key_of(self, row: Row) -> str | None:
        """The key of the record of a row that was looked for."""
        return self._found.get(self._value(row)) if self.is_named(row) else None

    def is_named(self, row: Row) -> bool:
        """Whether a row says which record it is about."""
        return bool(self.columns) and any(self._value(row))

    async def referred(self, field: Reference | References, sent: Any) -> Any:
        """The same with keys in place of names; ValueError where a name is that of several."""
        if isinstance(sent, list):
            return [await self._key(field.resource, each) for each in sent]
        return await self._key(field.resource, sent) if sent else sent

    def _value(self, row: Row) -> Value:
        texts = (cell_text(row.cell(index)) for index in self.columns.values())
        return tuple(cells.unguarded(each).strip() for each in texts)

    async def _by_key(self, wanted: set[Value]) -> None:
        texts = {each[0] if len(each) == 1 else iterencode(each): each for each in wanted}
        for record in await self.view.find_by_pks(self.request, list(texts)):
            key = self.view.keys.of(record)
            for text, value in texts.items():
                if self.view.keys.read(text) == self.view.keys.read(key):
                    self._found[value] = key

    async def _by_value(self, wanted: set[Value]) -> None:
        (name,) = self.columns
        column: Any = getattr(self.view.model, name)
        meant: dict[Any, Value] = {}
        for value in wanted:
            try:
                meant[fit(column.expression.type, value[0])] = value
            except (ValueError, ArithmeticError):
                continue  # which the field itself will tell
        values = [comparable(column.expression, each) for each in meant]
        query = self.view.get_detail_query(self.request).where(column.in_(values))
        for record in (await self.view.executed(self.request, query)).scalars().unique():
            if (found := meant.get(getattr(record, name))) is not None:
                self._found[found] = self.view.keys.of(record)

    async def _key(self, resource: str, text: str) -> str:
        if (resource, text) not in self._named:
            self._named[resource, text] = await self._looked_up(resource, text)
        return self._named[resource, text]

    async def _looked_up(self, resource: str, text: str) -> str:
        """The key of what is called so; the text itself where it is a key, or nothing's name."""
        other = other_view(self.view, resource)
        if "\0" in text or await other.find_by_pks(self.request, [text]):
            return text
        columns = _naming(other, self.request)
        if not columns:
            return text
        named = or_(*(each == text for each in columns))
        query = other.undeleted(other.get_detail_query(self.request)).where(named)
        if not all(is_indexed(each) for each in columns):
            query = query.where(among_newest(other))
        found = (await other.executed(self.request, query.limit(2))).scalars().unique().all()
        if len(found) > 1:
            raise ValueError(f"There are several called “{text}”. Give the key of the one.")
        return other.keys.of(found[0]) if found else text


def _naming(other: RecordView, request: Request) -> list[Any]:
    """The columns that records are called by, of those that may be read."""
    readable = {each.name for each in other.fields if other.is_readable(request, each)}
    columns = ((each, column_of(other.model, each)) for each in NAMING if each in readable)
    return [
        getattr(other.model, name)
        for name, column in columns
        if column is not None and holds_text(column)
    ]
