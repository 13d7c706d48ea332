"""What names the values of an enum of PostgreSQL, and goes while another takes its place."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, text

from backoffice.migrations.drafts.enum_types import Column
from backoffice.migrations.drafts.lines import identifier
from backoffice.migrations.drafts.names import Names

_INDEXES = text(
    """
    SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
    FROM pg_index i
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attname = :column
    WHERE i.indrelid = CAST(:table AS regclass) AND coalesce(i.indpred, i.indexprs) IS NOT NULL
    AND EXISTS (
        SELECT FROM pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
        AND d.refobjid = i.indrelid AND d.refobjsubid = a.attnum
    )
    ORDER BY 1
    """
)
_CHECKS = text(
    """
    SELECT c.conname, pg_get_constraintdef(c.oid)
    FROM pg_constraint c
    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attname = :column
    WHERE c.conrelid = CAST(:table AS regclass) AND c.contype = 'c' AND a.attnum = ANY(c.conkey)
    ORDER BY 1
    """
)
_VIEWS = text(
    """
    SELECT DISTINCT r.ev_class::regclass::text
    FROM pg_depend d
    JOIN pg_rewrite r ON r.oid = d.objid
    JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE d.classid = 'pg_rewrite'::regclass AND d.refobjid = CAST(:table AS regclass)
    AND a.attname = :column
    ORDER BY 1
    """
)


@dataclass(frozen=True)
class Dependent:
    """A condition on a column: how it goes, and how it comes back."""

    drop: str
    create: str


def conditions(connection: Connection, column: Column, names: Names) -> Iterator[Dependent]:
    """The CHECKs that name the column, and the indexes on some of the rows or on an expression."""
    dialect = connection.dialect
    where = _place(connection, column)
    new = names.table(column.schema, column.table)
    table = identifier(dialect, new, column.schema)
    for name, told in connection.execute(_CHECKS, where):
        alter, quoted = f"ALTER TABLE {table}", identifier(dialect, name)
        yield Dependent(
            f"{alter} DROP CONSTRAINT {quoted}",
            f"{alter} ADD CONSTRAINT {quoted} {_renamed(told, column, names)}",
        )
    for name, told in connection.execute(_INDEXES, where):
        yield Dependent(f"DROP INDEX {name}", _renamed(told, column, names))


def views(connection: Connection, column: Column) -> list[str]:
    """The views that read the column."""
    return list(connection.scalars(_VIEWS, _place(connection, column)))


def _place(connection: Connection, column: Column) -> dict[str, str]:
    table = identifier(connection.dialect, column.table, column.schema)
    return {"table": table, "column": column.name}


def _renamed(sql: str, column: Column, names: Names) -> str:
    """The same by the names that things will have."""
    table = names.table(column.schema, column.table)
    changed = {column.table: table, **names.columns.get((column.schema, table), {})}
    for old, new in changed.items():
        sql = re.sub(rf"\b{re.escape(old)}\b", new, sql) if old != new else sql
    return sql
