"""Values as they stand in a statement."""

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any


def literal(value: Any) -> str:
    """The value written out as SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"'\\x{bytes(value).hex()}'"
    if isinstance(value, list | tuple):
        return f"ARRAY[{', '.join(map(literal, value))}]"
    told = value.isoformat(" ") if isinstance(value, datetime) else _plain(value)
    return "'" + told.replace("'", "''") + "'"


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, date | time) else str(value)
