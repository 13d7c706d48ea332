"""Paging by key: a place in a sorted list, and the records that come after or before it.

A page is found from the values of its neighbour, never by skipping rows: the thousandth page costs
what the first does. An order is total, for it ends with the key, or with a column that is unique;
what comes after a place is one range of an index for each column of the order, and one more where
it may be NULL.
"""

import base64
import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Column, Table, Text, UniqueConstraint, and_, bindparam, type_coerce
from sqlalchemy import cast as sql_cast
from sqlalchemy.sql import Select
from sqlalchemy.types import NULLTYPE
from sqlmodel import SQLModel
from starlette.exceptions import HTTPException

#: A longer text is not carried in an address: the record is asked for it.
_LONGEST = 300
_ASKED = {"of": "record"}

Stored = str | int | float | None | dict[str, str]


@dataclass(frozen=True)
class Part:
    """One column of an order."""

    name: str
    column: Any
    descending: bool
    nullable: bool
    unique: bool


@dataclass(frozen=True)
class Place:
    """Where in a list a page begins or ends: the values of a record in the order of the list.

    `position` counts the records before it, as far as that is known.
    """

    values: tuple[Stored, ...]
    position: int | None = None


@dataclass(frozen=True)
class Page:
    """Records in the order of the list, with the tokens of the places at both of its ends.

    `before` and `after` are None where nothing lies beyond that end. `position` counts the records
    before the first one, as far as that is known.
    """

    records: list[Any]
    before: str | None
    after: str | None
    position: int | None


class Order:
    """A total order of the records of a model, on `sqlite` or `postgresql`.

    `sorts` are names of columns, each with `asc` or `desc`. NULLs stand where the database's own
    indexes have them: first on SQLite, last on PostgreSQL, and the other way when descending.
    `listed` gives the query of all records that may be seen: a place is none of another.
    """

    def __init__(
        self,
        model: type[SQLModel],
        sorts: Sequence[tuple[str, str]],
        keys: Sequence[str],
        dialect: str,
        listed: Callable[[], Select[Any]],
    ) -> None:
        self._model = model
        self._listed = listed
        self._keys = keys
        self._exact = dialect == "sqlite"
        self._nulls_are_largest = dialect != "sqlite"
        directions = dict(reversed(sorts))
        # In the direction of what is sorted by last: one range of one index, in either direction.
        last = sorts[-1][1] if sorts else "asc"
        names = dict.fromkeys([*(name for name, _ in sorts), *keys])
        self.parts = []
        for name in names:
            self.parts.append(_part(model, name, directions.get(name, last) == "desc", keys))
            if self.parts[-1].unique:
                break
        #: Whether a place names its record: an order may end before the key.
        self._has_key = {each.name for each in self.parts} >= set(keys)

    def clauses(self, backwards: bool = False) -> list[Any]:
        """What to order a query by."""
        return [
            each.column.desc() if each.descending != backwards else each.column.asc()
            for each in self.parts
        ]

    def values(self) -> list[Any]:
        """Expressions for the values of a record as the database holds them, to select beside it.

        What Python makes of a value, and back, may be another one: SQLite's decimals are floats,
        a moment written by the database has no fraction.
        """
        return [
            self._held(each.column).label(f"backoffice_place_{index}")
            for index, each in enumerate(self.parts)
        ]

    def ranges(self, place: Place, backwards: bool = False) -> list[Any]:
        """Conditions of what comes after the place, or before it: one after the other, disjoint."""
        bounds = [self._bound(part, place) for part in self.parts]
        # Not (a, b) > (x, y): an index of `a` alone would be read from the first x on.
        found: list[Any] = []
        for index in range(len(self.parts) - 1, -1, -1):
            equal = [self._equal(*pair) for pair in zip(self.parts[:index], bounds, strict=False)]
            beyond = self._beyond(self.parts[index], bounds[index], backwards)
            found += [and_(*equal, each) for each in beyond]
        return found

    def token(self, values: Sequence[Any], position: int | None) -> str:
        """A place as it stands in an address: of these values, as the database holds them."""
        carried = [
            _ASKED if self._is_asked(part) and _is_long(value) else value
            for part, value in zip(self.parts, values, strict=True)
        ]
        content = json.dumps([self._name, position, *carried], separators=(",", ":"), default=_hex)
        return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")

    def place(self, token: str) -> Place | None:
        """The place of a token; None for one in another order, 400 for what is none."""
        try:
            content = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
            name, position, *values = content
            json.dumps(content, ensure_ascii=False).encode()
        except (ValueError, TypeError, RecursionError):
            raise HTTPException(400, "There is no such place in this list.") from None
        if name != self._name or len(values) != len(self.parts):
            return None
        known = all(map(self._is_carried, self.parts, values))
        if not known or not _is_position(position):
            raise HTTPException(400, "There is no such place in this list.")
        return Place(tuple(values), position)

    @property
    def _name(self) -> int:
        text = " ".join(f"{each.name}-{each.descending}" for each in self.parts)
        return zlib.crc32(text.encode())

    def _is_asked(self, part: Part) -> bool:
        """Whether the record may be asked for it: not for what it is found by."""
        return part.name not in self._keys and self._has_key

    def _is_carried(self, part: Part, value: Any) -> bool:
        return self._is_asked(part) if value == _ASKED else self._is_stored(value)

    def _is_stored(self, value: Any) -> bool:
        if value is None:
            return True
        if isinstance(value, str):
            return "\0" not in value
        if not self._exact:
            return False
        blob = isinstance(value, dict) and list(value) == ["hex"] and _is_hex(value["hex"])
        return blob or (isinstance(value, int | float) and abs(value) < 2**63)

    def _held(self, column: Any) -> Any:
        return type_coerce(column, NULLTYPE) if self._exact else sql_cast(column, Text)

    def _compared(self, column: Any) -> Any:
        return type_coerce(column, NULLTYPE) if self._exact else column

    def _bound(self, part: Part, place: Place) -> Any:
        value = place.values[self.parts.index(part)]
        if value == _ASKED:
            return self._asked(part, place)
        if value is None:
            return None
        if isinstance(value, dict):
            return bindparam(None, bytes.fromhex(value["hex"]), NULLTYPE)
        if self._exact:
            return bindparam(None, value, NULLTYPE)
        return sql_cast(bindparam(None, value, Text()), part.column.type)

    def _asked(self, part: Part, place: Place) -> Any:
        """The value of the record at the place, as it is now; NULL if it may not be seen."""
        same = [
            self._compared(getattr(self._model, each.name)) == self._bound(each, place)
            for each in self.parts
            if each.name in self._keys
        ]
        value = self._compared(getattr(self._model, part.name))
        # A query of its own, though it is asked within one of the same table.
        asked = self._listed().with_only_columns(value).where(*same).correlate(None)
        return asked.scalar_subquery()

    def _equal(self, part: Part, bound: Any) -> Any:
        if bound is None:
            return part.column.is_(None)
        return self._compared(part.column) == bound

    def _beyond(self, part: Part, bound: Any, backwards: bool) -> list[Any]:
        falling = part.descending != backwards
        nulls_last = self._nulls_are_largest != falling
        if bound is None:
            return [] if nulls_last else [part.column.is_not(None)]
        column = self._compared(part.column)
        further = column < bound if falling else column > bound
        return [further, part.column.is_(None)] if part.nullable and nulls_last else [further]


def _part(model: type[SQLModel], name: str, descending: bool, keys: Sequence[str]) -> Part:
    attribute: Any = getattr(model, name)
    column = getattr(attribute, "expression", attribute)
    if not isinstance(column, Column):
        return Part(name, attribute, descending, nullable=True, unique=False)
    nullable = bool(column.nullable) and name not in keys
    alone = list(keys) == [name] or _is_unique(column)
    return Part(name, attribute, descending, nullable, unique=alone and not nullable)


def _is_unique(column: Column[Any]) -> bool:
    """Whether no two records have the same value, by a constraint of this column alone."""
    if column.unique or not isinstance(column.table, Table):
        return bool(column.unique)
    kept = [each for each in column.table.constraints if isinstance(each, UniqueConstraint)]
    return any([part.name for part in each.columns] == [column.name] for each in kept)


def _is_long(value: Any) -> bool:
    return isinstance(value, str) and len(value) > _LONGEST


def _hex(value: Any) -> Stored:
    return {"hex": cast(bytes, value).hex()}


def _is_hex(text: object) -> bool:
    try:
        return isinstance(text, str) and bool(bytes.fromhex(text))
    except ValueError:
        return False


def _is_position(value: object) -> bool:
    return value is None or (type(value) is int and 0 <= value < 2**63)
