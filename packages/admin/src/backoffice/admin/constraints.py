"""What a constraint of the database says, in words and at its field."""

import re
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Column, ForeignKeyConstraint, Index, Table, UniqueConstraint
from sqlalchemy import inspect as inspected
from sqlalchemy.exc import DataError, IntegrityError, StatementError
from sqlmodel import SQLModel

from backoffice.admin.check_rules import check_named, condition, in_words, mentioned
from backoffice.admin.labels import column_label

#: The key of an error that belongs to no field.
WHOLE_FORM = ""
_SQLITE = re.compile(r"(UNIQUE|NOT NULL|CHECK|FOREIGN KEY) constraint failed(?:: (.*))?")
_KEY = re.compile(r"\(([^()]+)\)=\(")
_INDEX = re.compile(r"index '(.+)'")
_KINDS = {"23505": "UNIQUE", "23502": "NOT NULL", "23514": "CHECK", "23503": "FOREIGN KEY"}


def explained(error: IntegrityError, model: type[SQLModel]) -> dict[str | int, Any]:
    """Field to what is wrong with it; never the statement, nor a value of another record."""
    table: Table = model.__table__  # type: ignore[attr-defined]
    kind, name, columns = _violated(error, table)
    fields = _fields(model)
    labels = {column: column_label(field) for column, field in fields.items()}
    message = _message(table, kind, name, [labels.get(each, each) for each in columns], labels)
    found = [fields[each] for each in columns if each in fields]
    # Of several columns together it may be any: each of them says so.
    return dict.fromkeys(found if kind == "UNIQUE" else found[:1], message) or {WHOLE_FORM: message}


def _fields(model: type[SQLModel]) -> dict[str, str]:
    """Column of the table to field of the model, which may have another name."""
    attributes = inspected(model).column_attrs
    columns = ((each.columns[0], each.key) for each in attributes)
    return {column.name: key for column, key in columns if isinstance(column, Column)}


def is_unfit(error: Exception) -> bool:
    """Whether a value that was sent is to blame, and not the database nor the code."""
    if isinstance(error, DataError | OverflowError):
        return True
    # What a column's type raised while it made a parameter of the value.
    made = (ValueError, TypeError, ArithmeticError, LookupError)
    return isinstance(error, StatementError) and isinstance(error.orig, made)


def _message(table: Table, kind: str, name: str, columns: list[str], labels: dict[str, str]) -> str:
    if kind == "UNIQUE" and len(columns) > 1:
        return f"There is one already with the same {' and '.join(columns)}."
    if kind == "UNIQUE":
        return "There is one already with this value."
    if kind == "NOT NULL":
        return "This field is required."
    if kind == "FOREIGN KEY":
        return "Something refers to this record, or this refers to a record that is gone."
    check = check_named(table, name)
    if check is not None:
        return in_words(check, labels)
    return f"This breaks the rule {name}." if name else "The database does not allow this."


def _violated(error: IntegrityError, table: Table) -> tuple[str, str, list[str]]:
    """Kind, name and columns of the constraint."""
    # Each driver has its own error class; psycopg's alone carries diagnostics.
    original: Any = error.orig
    diagnostics = getattr(original, "diag", None)
    if diagnostics is not None:
        kind = _KINDS.get(getattr(original, "sqlstate", ""), "")
        name = diagnostics.constraint_name or ""
        named = [diagnostics.column_name] if diagnostics.column_name else _columns(table, name)
        return kind, name, named or _keyed(diagnostics.message_detail or "")
    found = _SQLITE.search(str(original))
    if found is None:
        return "", "", []
    kind, detail = found[1], found[2] or ""
    if index := _INDEX.fullmatch(detail):  # of an expression, such as lower(name)
        return kind, index[1], _columns(table, index[1])
    if kind in ("UNIQUE", "NOT NULL"):
        return kind, "", [each.rpartition(".")[2] for each in detail.split(", ")]
    return kind, detail, _columns(table, detail)


def _columns(table: Table, name: str) -> list[str]:
    if (check := check_named(table, name)) is not None:
        return mentioned(table, condition(check))
    for each in _constraints(table):
        if each.name == name and isinstance(each, Index):
            return mentioned(table, " ".join(map(str, each.expressions)))
        if each.name == name:
            return [column.name for column in each.columns if isinstance(column, Column)]
    return []


def _keyed(detail: str) -> list[str]:
    """The columns of `Key (isbn)=(...)`, for a constraint whose name PostgreSQL has made up."""
    found = _KEY.search(detail)
    return found[1].replace('"', "").split(", ") if found else []


def _constraints(table: Table) -> Iterable[Any]:
    wanted = (UniqueConstraint, ForeignKeyConstraint)
    yield from (each for each in table.constraints if isinstance(each, wanted))
    yield from table.indexes
