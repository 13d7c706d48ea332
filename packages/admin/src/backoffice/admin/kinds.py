"""Fields of the less common kinds of columns: durations, networks, arrays, ranges, bytes."""

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_interface, ip_network
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy.dialects.postgresql import Range, ranges
from sqlalchemy.types import TypeEngine
from starlette_admin.fields import BaseField, StringField, TextAreaField

from backoffice.admin.fields import DocumentField, Spelled, document_text, text_of

_DURATION = TypeAdapter(timedelta)
_RANGE = re.compile(r"([\[(])\s*([^,]*?)\s*,\s*([^,]*?)\s*([\])])")
_BOUNDS: dict[type[TypeEngine[Any]], type[Any]] = {
    ranges.INT4RANGE: int,
    ranges.INT8RANGE: int,
    ranges.NUMRANGE: Decimal,
    ranges.DATERANGE: date,
    ranges.TSRANGE: datetime,
    ranges.TSTZRANGE: datetime,
}


@dataclass
class DurationField(StringField):
    """A span of time, as ISO 8601."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.help_text = self.help_text or "As ISO 8601, such as PT15M or P1DT2H"


@dataclass
class NetworkField(StringField):
    """An address of the internet, or a network of them if it is `whole`."""

    whole: bool = False


@dataclass
class ArrayField(Spelled, TextAreaField):
    """Several values of one kind, one on each line; or as JSON, where a line could not hold one."""

    items: Any = field(default=str, compare=False)
    nullable: bool = True
    nested: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        kind = "As JSON, such as [[1, 2], [3, 4]]" if self.nested else "One on each line"
        self.help_text = self.help_text or kind

    def spelled(self, value: Any) -> str:
        """The lines."""
        if value is None:
            return ""
        lines = ["" if each is None else text_of(each) for each in value]
        if self.nested or not all(map(_is_line, lines)) or "".join(lines[:1]).startswith("["):
            return document_text(value)
        return "\n".join(lines)

    def meant(self, text: str) -> Any:
        """The values."""
        if not text.strip():
            return None if self.nullable else []
        try:
            found = json.loads(text) if text.lstrip()[:1] == "[" else _lines(text)
            return TypeAdapter(list[self.items]).validate_python(found)  # type: ignore[name-defined]
        except ValidationError as error:
            (first, *_) = error.errors()
            raise ValueError(f"{first['loc'][0]}: {first['msg']}") from None
        except (ValueError, RecursionError):
            raise ValueError("This is no list.") from None


@dataclass
class RangeField(Spelled, StringField):
    """From one value to another, as PostgreSQL writes it."""

    bound: Any = field(default=int, compare=False)
    aware: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.help_text = self.help_text or "Such as [1,5), which begins with 1 and ends before 5"

    def spelled(self, value: Any) -> str:
        """The range."""
        return "" if value is None else str(value)

    def meant(self, text: str) -> Any:
        """The range; ValueError."""
        if not text.strip():
            return None
        if text.strip() == "empty":
            return Range(empty=True)
        found = _RANGE.fullmatch(text.strip())
        if found is None:
            raise ValueError("This is no range, such as [1,5).")
        lower, upper = (self._bound(each) for each in (found[2], found[3]))
        if lower is not None and upper is not None and lower > upper:
            raise ValueError("It ends before it begins.")
        return Range(lower, upper, bounds=found[1] + found[4])  # type: ignore[arg-type]

    def _bound(self, text: str) -> Any:
        if not text:
            return None
        try:
            value = TypeAdapter(self.bound).validate_python(text.strip('"'))
        except ValidationError as error:
            raise ValueError(error.errors()[0]["msg"]) from None
        naive = isinstance(value, datetime) and value.tzinfo is None
        return value.replace(tzinfo=UTC) if naive and self.aware else value


@dataclass
class OpaqueField(BaseField):
    """What is shown, never written, and only told to be there or not: bytes, and unknown types."""

    read_only: bool | None = True


#: Nobody would know in which order.
UNORDERED = (DocumentField, ArrayField, RangeField, OpaqueField)


def bound_of(kind: TypeEngine[Any]) -> type[Any] | None:
    """What a range of this type is between; None for what is no single range."""
    return next((bound for each, bound in _BOUNDS.items() if isinstance(kind, each)), None)


def duration(text: str) -> timedelta:
    """A span of time; ValueError."""
    try:
        return _DURATION.validate_python(text)
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"]) from None


def network(text: str, whole: bool) -> str:
    """An address or network as a database reads it; ValueError."""
    return str(ip_network(text) if whole else ip_interface(text))


def _is_line(text: str) -> bool:
    return text != "" and text == text.strip() and len(text.splitlines()) == 1


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
