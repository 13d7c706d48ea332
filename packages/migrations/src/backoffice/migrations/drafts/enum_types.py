"""The types of PostgreSQL that list their values: those of the models, and those that are there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Dialect, Table, text

from backoffice.migrations.drafts.lines import identifier

# Columns that an index, a view or a partition has are none of these; arrays of the type are.
_COLUMNS = text(
    """
    SELECT n.nspname, c.relname, a.attname, t.typcategory = 'A',
           pg_get_expr(d.adbin, d.adrelid)
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE NOT a.attisdropped AND CAST(:type AS regtype) IN (t.oid, t.typelem)
    ORDER BY 1, 2, a.attnum
    """
)


@dataclass(frozen=True)
class Values:
    """A type and its values, in their order."""

    schema: str | None
    name: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Column:
    """A column of the database that has such a type."""

    schema: str | None
    table: str
    name: str
    array: bool
    default: str | None


def enum_of(type_: Any, dialect: Dialect) -> sa.Enum | None:
    """The enum that a column's type is, or is made of, on this database."""
    variant = getattr(type_, "_variant_mapping", {}).get(dialect.name)
    if variant is not None:
        return enum_of(variant, dialect)
    if isinstance(type_, sa.types.TypeDecorator):
        return enum_of(type_.load_dialect_impl(dialect), dialect)
    if isinstance(type_, sa.ARRAY):
        return enum_of(type_.item_type, dialect)
    return type_ if isinstance(type_, sa.Enum) else None


def declared(tables: Sequence[Table], dialect: Dialect) -> dict[tuple[str | None, str], Values]:
    """The types that the models have."""
    found: dict[tuple[str | None, str], Values] = {}
    for table in tables:
        for column in table.columns:
            enum = enum_of(column.type, dialect)
            if enum is not None and enum.native_enum and enum.name:
                elsewhere = enum.schema != dialect.default_schema_name
                key = (enum.schema if elsewhere else None, str(enum.name))
                found[key] = Values(*key, tuple(enum.enums))
    return found


def existing(connection: Connection) -> dict[tuple[str | None, str], Values]:
    """The types that the database has."""
    inspector: Any = sa.inspect(connection)
    default = connection.dialect.default_schema_name
    found = {}
    for each in inspector.get_enums(schema="*"):
        key = (None if each["schema"] == default else each["schema"], each["name"])
        found[key] = Values(*key, tuple(each["labels"]))
    return found


def columns_of(connection: Connection, values: Values) -> list[Column]:
    """The columns that are of the type, or an array of it."""
    name = identifier(connection.dialect, values.name, values.schema)
    default = connection.dialect.default_schema_name
    return [
        Column(None if schema == default else schema, *rest)
        for schema, *rest in connection.execute(_COLUMNS, {"type": name})
    ]
