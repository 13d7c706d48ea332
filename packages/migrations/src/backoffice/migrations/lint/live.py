"""What a database holds: its tables and columns, and how many rows."""

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from backoffice.migrations.lint.knowledge import not_null_column
from backoffice.migrations.lint.operations import Target
from backoffice.migrations.lint.schema import (
    SMALL,
    Column,
    Reference,
    Schema,
    Table,
    is_utc,
    qualified,
)

#: No table is counted further than this: it is large then.
COUNTED = 1_000_000


def target_of(connection: Connection) -> Target:
    """The kind of database, and its version."""
    if connection.dialect.name == "sqlite":
        version = connection.exec_driver_sql("SELECT sqlite_version()").scalar_one()
        return Target("sqlite", tuple(int(each) for each in str(version).split(".")))
    number = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one())
    return Target("postgresql", (number // 10_000, number % 10_000))


def survey(connection: Connection) -> Schema:
    """The tables, with their columns and about how many rows they have; nothing is locked long."""
    return _sqlite(connection) if connection.dialect.name == "sqlite" else _postgresql(connection)


def _postgresql(connection: Connection) -> Schema:
    zone = str(connection.exec_driver_sql("SHOW timezone").scalar_one())
    schema = Schema(utc=is_utc(zone))
    for space, name, kind, rows in connection.execute(text(_TABLES.format(ours=_OURS))):
        table = Table(qualified(name, space), complete=True)
        table.kind = "view" if kind == "v" else "table"
        schema.tables[table.name] = table
        if rows >= 0:
            schema.sizes[table.name] = int(rows)
    for space, name, column, type_, nullable in connection.execute(
        text(_COLUMNS.format(ours=_OURS))
    ):
        schema.tables[qualified(name, space)].columns[column] = Column(type_, nullable)
    for each in connection.execute(text(_CONSTRAINTS.format(ours=_OURS))):
        _constraint(schema, *each)
    for space, name, index in connection.execute(text(_INDEXES.format(ours=_OURS))):
        schema.indexes[qualified(index, space)] = qualified(name, space)
    for parent, part in connection.execute(text(_PARTITIONS)):
        schema.parts.setdefault(_plain(parent), set()).add(_plain(part))
    schema.enums = set(connection.scalars(text(_ENUMS)))
    schema.domains = set(connection.scalars(text(_DOMAINS.format(ours=_OURS))))
    _count(connection, schema)
    return schema


def _constraint(
    schema: Schema, space: str, table: str, name: str, kind: str, valid: bool, told: str, other: str
) -> None:
    found = schema.tables[qualified(table, space)]
    if not valid:
        found.not_valid.add(name)
    if kind == "f":
        columns = told.partition("(")[2].partition(")")[0].replace('"', "").split(", ")
        key = Reference(_plain(other), tuple(columns))
        schema.references.setdefault(found.name, {})[name] = key
    else:
        check = told.removeprefix("CHECK ").removesuffix(" NOT VALID")
        found.checks[name] = check
        if column := not_null_column(check):
            found.not_null_checks[name] = column


def _plain(name: str) -> str:
    """A name as `Schema` has it, from how PostgreSQL writes it."""
    return name.removeprefix("public.").replace('"', "")


def _sqlite(connection: Connection) -> Schema:
    schema = Schema()
    names = connection.scalars(text(_SQLITE_TABLES)).all()
    for name in names:
        table = schema.tables[name] = Table(name, complete=True)
        rows = connection.execute(text(_SQLITE_COLUMNS), {"name": name})
        table.columns = {column: Column(type_.lower(), not held) for column, type_, held in rows}
    for index, name in connection.execute(text(_SQLITE_INDEXES)):
        schema.indexes[index] = name
    _count(connection, schema)
    return schema


def _count(connection: Connection, schema: Schema) -> None:
    """Count what seems small, and what the database has no figure of, up to a limit.

    Its figures are as old as its last look, so that a table which was small may be large by now.
    """
    for table in schema.tables.values():
        if table.kind == "table" and schema.sizes.get(table.name, 0) < SMALL:
            counted = _counted(connection, table.name)
            if counted is not None:
                schema.sizes[table.name] = counted


def _counted(connection: Connection, table: str) -> int | None:
    """How many rows there are; None where we may not look, or somebody holds the table."""
    quoted = connection.dialect.identifier_preparer.quote
    name = ".".join(quoted(each) for each in table.split(".", 1))
    # Taken back at the end, so that an error and the time limit are of this question alone.
    point = connection.begin_nested()
    try:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL lock_timeout = '500ms'")
        asked = f"SELECT count(*) FROM (SELECT 1 FROM {name} LIMIT {COUNTED}) AS t"  # noqa: S608
        return int(connection.exec_driver_sql(asked).scalar_one())
    except DBAPIError:
        return None
    finally:
        point.rollback()


_OURS = "NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_t%'"
# Of a partitioned table, its parts; reltuples is -1 where nothing has looked at it yet.
_TABLES = """
SELECT n.nspname, c.relname, c.relkind, CASE WHEN c.relkind = 'p' THEN coalesce((
    SELECT CASE WHEN min(p.reltuples) < 0 THEN -1 ELSE sum(p.reltuples) END
    FROM pg_partition_tree(c.oid) t JOIN pg_class p ON p.oid = t.relid WHERE t.isleaf), 0)
  ELSE c.reltuples END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm', 'v') AND n.nspname {ours}
"""
_COLUMNS = """
SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'm', 'v')
  AND n.nspname {ours}
"""
_CONSTRAINTS = """
SELECT n.nspname, c.relname, k.conname, k.contype::text, k.convalidated,
  pg_get_constraintdef(k.oid), k.confrelid::regclass::text
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype IN ('c', 'f') AND c.relkind IN ('r', 'p') AND n.nspname {ours}
"""
_INDEXES = """
SELECT n.nspname, t.relname, c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname {ours}
"""
_PARTITIONS = """
SELECT i.inhparent::regclass::text, i.inhrelid::regclass::text FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhparent WHERE c.relkind = 'p'
"""
_DOMAINS = """
SELECT typname FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE typtype = 'd' AND n.nspname {ours}
  AND (typnotnull OR EXISTS (SELECT FROM pg_constraint k WHERE k.contypid = t.oid))
"""
_ENUMS = "SELECT typname FROM pg_type WHERE typtype = 'e'"
_SQLITE_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
_SQLITE_COLUMNS = 'SELECT name, type, "notnull" FROM pragma_table_info(:name)'
_SQLITE_INDEXES = "SELECT name, tbl_name FROM sqlite_master WHERE type = 'index'"
