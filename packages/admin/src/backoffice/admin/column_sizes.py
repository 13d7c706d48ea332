"""How much a column holds: which value of those that were sent is too long, or out of range."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Column, Enum, Integer, Numeric, SmallInteger, String, literal
from sqlalchemy import inspect as inspected
from sqlmodel import SQLModel

from backoffice.admin.columns import bare_type

_BITS = ((SmallInteger, 15), (BigInteger, 63), (Integer, 31))


def too_long(column: Column[Any], value: Any) -> str | None:
    """What is wrong with a text that its column would cut or refuse; None where nothing is.

    SQLite keeps it, PostgreSQL does not: neither should depend on the other.
    """
    kind = bare_type(column.type)
    sized = isinstance(kind, String) and not isinstance(kind, Enum) and kind.length
    if not sized or not isinstance(value, str) or len(value) <= sized:
        return None
    return f"This may have at most {sized} characters; it has {len(value)}."


def out_of_range(column: Column[Any], value: Any) -> str | None:
    """The same of a number, where the database has refused one."""
    kind = bare_type(column.type)
    if isinstance(value, int) and not isinstance(value, bool):
        bits = next((bits for each, bits in _BITS if isinstance(kind, each)), None)
        if bits is not None and not -(2**bits) <= value < 2**bits:
            return f"This has to be between {-(2**bits):,} and {2**bits - 1:,}."
    if isinstance(kind, Numeric) and kind.precision is not None and isinstance(value, Decimal):
        digits = kind.precision - (kind.scale or 0)
        if abs(value) >= 10**digits:
            return f"This may have at most {digits} digits before the point."
    return None


def comparable(column: Column[Any], value: Any) -> Any:
    """A value that a column may be compared with, though it is too narrow to hold it: PostgreSQL
    would refuse the statement."""
    if isinstance(value, int) and out_of_range(column, value):
        return literal(value, BigInteger())
    return value


def misfits(model: type[SQLModel], parameters: object) -> dict[str | int, Any]:
    """Field to what is wrong, of the parameters of a statement that the database refused."""
    if not isinstance(parameters, Mapping):
        return {}
    found: dict[str | int, Any] = {}
    for each in inspected(model).column_attrs:
        column = each.columns[0]
        if isinstance(column, Column) and column.name in parameters:
            value = parameters[column.name]
            told = too_long(column, value) or out_of_range(column, value)
            if told is not None:
                found[each.key] = told
    return found
