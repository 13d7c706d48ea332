"""A SQLite database without its rows, by the names that things will have."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Dialect, StaticPool, create_engine, text
from sqlalchemy.exc import DBAPIError

from backoffice.migrations.drafts.lines import identifier
from backoffice.migrations.drafts.names import Names

_OBJECTS = text(
    "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite^_%' "
    "ESCAPE '^' ORDER BY type = 'trigger', type = 'view', type = 'index', rowid"
)


@contextmanager
def replica(connection: Connection, names: Names) -> Iterator[tuple[Connection, list[str]]]:
    """Another database with the same tables, where SQLite itself has renamed them.

    It writes triggers and indexes anew as it renames, better than anything that reads their text.
    Gives what could not be made in it as well: what needs a function of the app, or an extension.
    """
    engine = create_engine("sqlite://", poolclass=StaticPool)
    try:
        with engine.connect() as copy:
            left = [
                str(name) for name, sql in connection.execute(_OBJECTS) if not _made(copy, str(sql))
            ]
            renames = _renames(connection.dialect, names)
            left += [statement for statement in renames if not _made(copy, statement)]
            yield copy, left
    finally:
        engine.dispose()


def collations(table: str, sql: str, dialect: Dialect) -> dict[str, str]:
    """The columns of a table that compare in a manner of their own, and how.

    `sql` is what made it. Only an index shows the collation of a column.
    """
    engine = create_engine("sqlite://", poolclass=StaticPool)
    try:
        with engine.connect() as copy:
            if not _made(copy, sql):
                return {}
            columns = copy.exec_driver_sql(f"PRAGMA table_info({identifier(dialect, table)})")
            found = {
                name: _collation(copy, identifier(dialect, table), identifier(dialect, name))
                for _, name, *_ in columns.all()
            }
            return {name: how for name, how in found.items() if how != "BINARY"}
    finally:
        engine.dispose()


def _collation(copy: Connection, table: str, column: str) -> str:
    if not _made(copy, f"CREATE INDEX shown ON {table} ({column})"):
        return "BINARY"  # a collation of the app, which nothing else can make either
    how = copy.exec_driver_sql("PRAGMA index_xinfo(shown)").all()[0][4]
    copy.exec_driver_sql("DROP INDEX shown")
    return str(how)


def _made(copy: Connection, statement: str) -> bool:
    try:
        copy.exec_driver_sql(statement)
    except DBAPIError:
        return False
    return True


def _renames(dialect: Dialect, names: Names) -> Iterator[str]:
    for (schema, old), new in names.tables.items():
        table = identifier(dialect, old, schema)
        yield f"ALTER TABLE {table} RENAME TO {identifier(dialect, new)}"
    for (schema, table_name), columns in names.columns.items():
        table = identifier(dialect, table_name, schema)
        for old, new in columns.items():
            yield (
                f"ALTER TABLE {table} RENAME COLUMN {identifier(dialect, old)} "
                f"TO {identifier(dialect, new)}"
            )
