"""Schemas of PostgreSQL other than the usual one, of which Alembic sees none unless told to."""

from collections.abc import Callable, Sequence
from typing import Any

from alembic.operations import ops
from sqlalchemy import Connection, Dialect, MetaData, Table, inspect

from backoffice.migrations.drafts.lines import Lines, execute, identifier, on


def elsewhere(target: Any, dialect: Dialect) -> set[str]:
    """The schemas that the models name; none on SQLite, where they are other files."""
    if dialect.name != "postgresql":
        return set()
    metadata = [target] if isinstance(target, MetaData) else list(target or ())
    found = {table.schema for each in metadata for table in each.tables.values()}
    return {each for each in found if each and each != dialect.default_schema_name}


def only(schemas: set[str], also: Callable[..., bool] | None) -> Callable[..., bool]:
    """A filter that leaves out every other schema, and asks the app's own about the rest."""

    def include(name: str | None, kind: str, parents: Any) -> bool:
        if kind == "schema" and name is not None and name not in schemas:
            return False
        return also is None or also(name, kind, parents)

    return include


def missing(connection: Connection, models: Sequence[Table]) -> list[ops.MigrateOperation]:
    """What makes the schemas that there are not yet."""
    if connection.dialect.name != "postgresql":
        return []
    present = set(inspect(connection).get_schema_names())
    wanted = sorted({each.schema for each in models if each.schema} - present)
    return [_made(identifier(connection.dialect, each)) for each in wanted]


def _made(name: str) -> Lines:
    return Lines(
        on("postgresql", [execute(f"CREATE SCHEMA IF NOT EXISTS {name}")]),
        on("postgresql", [execute(f"DROP SCHEMA {name}")]),
        f"create schema {name}",
    )
