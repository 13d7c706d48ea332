"""Looks at the table that a job is about: what columns it has, and by which it can be walked."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Inspector, TableClause, column, inspect, or_, select, table, text

from backoffice.core.errors import InvalidInput
from backoffice.migrations.batches.keys import Key

_TYPES = text(
    "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
    "WHERE attrelid = CAST(:name AS regclass) AND attnum > 0 AND NOT attisdropped"
)


def described(named: str | TableClause, schema: str | None, columns: Iterable[str]) -> TableClause:
    """The table with these columns, without a look at a database."""
    if isinstance(named, TableClause):
        return named
    return table(named, *[column(each) for each in dict.fromkeys(columns)], schema=schema)


def key_of(
    connection: Connection,
    named: str | TableClause,
    schema: str | None = None,
    names: Sequence[str] | None = None,
    written: Sequence[str] = (),
) -> Key:
    """What the table is walked by: these columns, or else its primary key.

    InvalidInput where there is no such table or column, or where rows would be left out.
    """
    if isinstance(named, TableClause):
        schema = named.schema
    name = named.name if isinstance(named, TableClause) else named
    inspector = inspect(connection)
    if not inspector.has_table(name, schema=schema):
        raise InvalidInput(f"there is no table {name} in this database")
    columns = {each["name"]: each for each in inspector.get_columns(name, schema=schema)}
    names = names or inspector.get_pk_constraint(name, schema=schema)["constrained_columns"]
    if not names:
        raise InvalidInput(f"{name} has no primary key; name by key= columns no two rows share")
    if unknown := {*names, *written} - columns.keys():
        raise InvalidInput(f"{name} has no column {', '.join(sorted(unknown))}")
    key = Key(described(named, schema, columns), names, _types(connection, name, schema))
    _check_unique(inspector, key, schema)
    _check_filled(connection, key, [each for each in names if columns[each]["nullable"]])
    return key


def quoted(connection: Connection, name: str, schema: str | None) -> str:
    """The table's name as it stands in a statement."""
    quote = connection.dialect.identifier_preparer.quote
    return ".".join(quote(each) for each in (schema, name) if each)


def _types(connection: Connection, name: str, schema: str | None) -> dict[str, str] | None:
    if connection.dialect.name != "postgresql":
        return None
    rows = connection.execute(_TYPES, {"name": quoted(connection, name, schema)})
    return {row.attname: row.format_type for row in rows}


def _check_unique(inspector: Inspector, key: Key, schema: str | None) -> None:
    name = key.table.name
    primary = inspector.get_pk_constraint(name, schema=schema)["constrained_columns"]
    constraints = inspector.get_unique_constraints(name, schema=schema)
    indexes = inspector.get_indexes(name, schema=schema)
    unique = {
        tuple(primary),
        *(tuple(each["column_names"]) for each in constraints),
        *(tuple(map(str, each["column_names"])) for each in indexes if _holds_for_all(each)),
    }
    if key.names not in unique:
        raise InvalidInput(
            f"{name}: no primary key, unique constraint or unique index is on "
            f"({', '.join(key.names)}); name by key= columns that no two rows share"
        )


def _holds_for_all(index: Any) -> bool:
    """Whether no two rows are alike; one with a condition says nothing of the other rows."""
    options = index.get("dialect_options", {})
    partial = any(name.endswith("_where") and value is not None for name, value in options.items())
    return bool(index["unique"]) and not partial


def _check_filled(connection: Connection, key: Key, nullable: Sequence[str]) -> None:
    """SQLite's primary keys may be NULL, and so may unique columns anywhere."""
    missing = [key.table.c[each].is_(None) for each in nullable]
    if not missing:
        return
    found = select(*key.columns).where(or_(*missing)).limit(1)
    if connection.execute(found).first() is not None:
        raise InvalidInput(
            f"{key.table.name}: ({', '.join(key.names)}) is NULL in some rows, which a walk by it "
            "would leave out; name other columns by key="
        )
