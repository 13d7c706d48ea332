"""The keys of records, as they stand in addresses."""

import enum
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import and_, false, or_
from sqlalchemy import inspect as inspected
from sqlmodel import SQLModel
from starlette_admin.tools import iterdecode, iterencode

from backoffice.admin.column_sizes import comparable
from backoffice.admin.fields import text_of
from backoffice.admin.filtering import LARGEST


class Keys:
    """Reads and writes the primary keys of one model, single or composite."""

    def __init__(self, model: type[SQLModel]) -> None:
        mapper = inspected(model)
        self._own = mapper.primary_key
        self.names = [mapper.get_property_by_column(each).key for each in mapper.primary_key]
        self._columns = [getattr(model, each) for each in self.names]
        self._types = [TypeAdapter(_python_type(each)) for each in mapper.primary_key]

    @property
    def single(self) -> Any:
        """The attribute of the key, where it is a single one."""
        return self._columns[0]

    def of(self, record: SQLModel) -> str:
        """The record's key."""
        if len(self.names) == 1:
            return _text(getattr(record, self.names[0]))
        return iterencode([_text(getattr(record, each)) for each in self.names])

    def read(self, key: str) -> tuple[Any, ...] | None:
        """The values of a key; None for a text that is no key of this model."""
        parts = (key,) if len(self.names) == 1 else iterdecode(key)
        if len(parts) != len(self.names):
            return None
        try:
            values = tuple(
                kind.validate_python(part) for kind, part in zip(self._types, parts, strict=True)
            )
        except ValidationError:
            return None
        return None if any(map(_unstorable, values)) else values

    def _compared(self, key: str) -> tuple[Any, ...] | None:
        """The same, for a comparison with the columns."""
        values = self.read(key)
        if values is None:
            return None
        return tuple(map(comparable, self._own, values))

    def clause(self, key: str) -> Any:
        """The condition that only the record with this key fulfils."""
        values = self._compared(key)
        if values is None:
            return false()
        pairs = zip(self._columns, values, strict=True)
        return and_(*(column == value for column, value in pairs))

    def among(self, keys: Iterable[str]) -> Any:
        """The condition of the records with these keys; None if no text of them is a key."""
        read = [
            values for each in dict.fromkeys(keys) if (values := self._compared(each)) is not None
        ]
        if not read:
            return None
        if len(self.names) == 1:
            return self.single.in_([value for (value,) in read])
        same = (zip(self._columns, values, strict=True) for values in read)
        return or_(*(and_(*(column == value for column, value in each)) for each in same))


def _python_type(column: Any) -> Any:
    try:
        return column.type.python_type
    except NotImplementedError:
        return str


def _text(value: Any) -> str:
    if type(value) is int:
        return str(value)
    return value.isoformat() if isinstance(value, datetime) else text_of(value)


def _unstorable(value: Any) -> bool:
    if isinstance(value, int) and not isinstance(value, enum.Enum):
        return abs(value) > LARGEST
    return isinstance(value, str) and "\0" in value
