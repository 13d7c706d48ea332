"""Whether a column's default in the database is the one that its model has."""

import json
import re
from typing import Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import ColumnDefault

#: A cast as PostgreSQL shows it: `'new'::character varying`.
_CAST = re.compile(
    r"""
    ::\s*(?:"[^"]+"|[\w.]+)            # the type
    (?:\s+(?:varying|precision))?     # character varying
    (?:\(\d+(?:,\s*\d+)?\))?          # (10, 2)
    (?:\s+with(?:out)?\s+time\s+zone)?
    (?:\[\])*
    """,
    re.IGNORECASE | re.VERBOSE,
)


def comparing(context: MigrationContext, *, lenient: bool = True) -> None:
    """Have a context compare defaults by what they say, before it asks the database.

    `lenient` lets the database alone have a default that the model gives in Python.

    Alembic selects `one = other`: two functions that are the same differ at random, and there is
    no such operator for JSON, which ends the transaction.
    """
    impl: Any = context.impl
    asked = impl.compare_server_default

    def differs(present: Any, wanted: Any, wanted_sql: str | None, present_sql: str | None) -> bool:
        if _text(present_sql) == _text(wanted_sql):
            return False
        in_python = _same_in_python(wanted, wanted_sql, present_sql, context.dialect)
        if _serial(wanted) or (lenient and in_python):
            return False
        if None in (present_sql, wanted_sql) or _function(present_sql) or _function(wanted_sql):
            return True
        if "json" in type(present.type).__name__.lower():
            return bool(_value(present_sql) != _value(wanted_sql))
        if context.connection is None or context.dialect.name != "postgresql":
            return bool(asked(present, wanted, wanted_sql, present_sql))
        try:
            with context.connection.begin_nested():
                return bool(asked(present, wanted, wanted_sql, present_sql))
        except DBAPIError:
            return True  # types that cannot be compared at all

    impl.compare_server_default = differs


def of_python(column: "Column[Any]", dialect: Dialect) -> str | None:
    """The default that the app itself gives new rows, as SQL, where it is one value."""
    default = column.default
    if not isinstance(default, ColumnDefault) or not default.is_scalar:
        return None
    try:
        process = column.type.dialect_impl(dialect).literal_processor(dialect)
        return process(default.arg) if process is not None else None
    except (TypeError, ValueError, NotImplementedError, LookupError, AttributeError):
        return None  # a value that only a driver can send


def _same_in_python(column: Any, wanted: str | None, present: str | None, dialect: Dialect) -> bool:
    """Whether the database alone has a default, and gives what the model gives in Python."""
    if wanted is not None or present is None:
        return False
    return _text(of_python(column, dialect)) == _text(present)


def _text(sql: str | None) -> str | None:
    if sql is None:
        return None
    told = _CAST.sub("", sql).strip()
    while told.startswith("(") and told.endswith(")"):
        told = told[1:-1].strip()
    if re.fullmatch(r"'(?:[^']|'')*'", told):
        return told[1:-1].replace("''", "'")
    return told if "'" in told else told.lower()


def _function(sql: str | None) -> bool:
    return sql is not None and "(" in (_text(sql) or "") and not sql.startswith("'")


def _serial(column: Any) -> bool:
    """PostgreSQL makes the default of these, of which the model says nothing."""
    return bool(column.primary_key and column is column.table._autoincrement_column)


def _value(sql: str | None) -> Any:
    try:
        return json.loads(_text(sql) or "")
    except ValueError:
        return sql
