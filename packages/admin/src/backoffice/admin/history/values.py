"""Values as the history keeps them: JSON that says its type, so that the same comes back."""

import base64
import hashlib
import json
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from sqlalchemy import Enum as EnumType
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.types import TypeEngine

#: Stands where a value is kept nowhere, for it is a secret.
HIDDEN: Mapping[str, Any] = {"$": "hidden"}
#: Characters of JSON that one value may take; of a longer one a digest is kept.
LONGEST = 65_536
_TYPE, _VALUE = "$", "v"


def stored(value: Any) -> Any:
    """The value as JSON; for what no type is known of, its text."""
    made = _stored(value)
    if isinstance(made, str | dict) and (length := len(text := json.dumps(made))) > LONGEST:
        digest = hashlib.sha256(text.encode()).hexdigest()
        return {_TYPE: "long", _VALUE: digest, "length": length}
    return made


def is_kept(made: Any) -> bool:
    """Whether the value can be read back: it is no secret, not too long, of a known type."""
    if isinstance(made, dict) and made[_TYPE] == "list":
        return all(map(is_kept, made[_VALUE]))
    return not isinstance(made, dict) or made[_TYPE] not in ("hidden", "long", "text")


def is_hidden(made: Any) -> bool:
    """Whether it stands for a secret."""
    return isinstance(made, dict) and made[_TYPE] == "hidden"


def restored(made: Any, kind: TypeEngine[Any] | None = None) -> Any:
    """What was stored; `kind` is the type of its column, by which names of enums are read."""
    if not isinstance(made, dict):
        return made
    name: str = made[_TYPE]
    value: Any = made.get(_VALUE)
    if name == "enum":
        return _member(value, kind)
    if name == "list":
        return [restored(each, kind) for each in value]
    if name == "map":
        return {key: restored(each) for key, each in value.items()}
    return _READ[name](value) if name in _READ else value


def _stored(value: Any) -> Any:
    if value is None or type(value) in (bool, int, str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, Enum):
        return {_TYPE: "enum", _VALUE: value.name}
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Mapping):
        return {_TYPE: "map", _VALUE: {str(key): _stored(each) for key, each in value.items()}}
    if isinstance(value, list | tuple):
        return {_TYPE: "list", _VALUE: [_stored(each) for each in value]}
    for kind, name, write in _WRITTEN:
        if isinstance(value, kind):
            return {_TYPE: name, _VALUE: write(value)}
    return {_TYPE: "text", _VALUE: str(value)}


def _member(name: str, kind: TypeEngine[Any] | None) -> Any:
    kind = getattr(kind, "item_type", kind)
    members = kind.enum_class if isinstance(kind, EnumType) else None
    return name if members is None else members[name]


def _range(value: Range[Any]) -> list[Any]:
    return [_stored(value.lower), _stored(value.upper), value.bounds, value.empty]


def _read_range(value: list[Any]) -> Range[Any]:
    lower, upper, bounds, empty = value
    return Range(restored(lower), restored(upper), bounds=bounds, empty=empty)


def _microseconds(value: timedelta) -> int:
    return value // timedelta(microseconds=1)


# A datetime is a date as well, so that it comes first.
_WRITTEN: tuple[tuple[type[Any], str, Callable[[Any], Any]], ...] = (
    (datetime, "datetime", datetime.isoformat),
    (date, "date", date.isoformat),
    (time, "time", time.isoformat),
    (timedelta, "microseconds", _microseconds),
    (Decimal, "decimal", str),
    (UUID, "uuid", str),
    (float, "float", repr),
    (bytes, "bytes", lambda value: base64.b64encode(value).decode()),
    (Range, "range", _range),
)
_READ: dict[str, Callable[[Any], Any]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "microseconds": lambda value: timedelta(microseconds=value),
    "decimal": Decimal,
    "uuid": UUID,
    "float": float,
    "bytes": base64.b64decode,
    "range": _read_range,
}
