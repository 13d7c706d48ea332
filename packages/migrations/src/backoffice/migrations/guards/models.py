"""Whether a database is what the app's models say, enum values and server defaults included."""

import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import CheckConstraint, Connection, Enum, MetaData, Table, inspect, text

from backoffice.migrations.autogenerate import of_a_package
from backoffice.migrations.drafts.defaults import comparing
from backoffice.migrations.guards.faults import Check, Fault

_LABELS = text(
    "SELECT e.enumlabel FROM pg_enum e WHERE e.enumtypid = to_regtype(:name) "
    "ORDER BY e.enumsortorder"
)
_FIX = "run `backoffice migrate make`"


def model_faults(context: MigrationContext, check: Check = "models") -> Iterator[Fault]:
    """What tells the database from the models that env.py has named."""
    target = context.opts.get("target_metadata")
    found = [target] if isinstance(target, MetaData) else list(target or ())
    tables = [table for each in found for table in each.tables.values()]
    own = [each for each in tables if not of_a_package(each.name)]
    if not own:
        told = "env.py names no models: its target_metadata is empty"
        yield Fault(check, told, "import the models there, and name their metadata")
        return
    differing = [*_compared(context, target), *_unseen(context, own)]
    for each in dict.fromkeys(differing):
        yield Fault(check, each, _FIX)


def _compared(context: MigrationContext, target: Any) -> Iterator[str]:
    # Off unless env.py turns it on: a default that was changed would not be seen.
    context._user_compare_server_default = context._user_compare_server_default or True
    comparing(context)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of expression indexes, which are looked for below
        found = compare_metadata(context, target)
    for each in found:
        for difference in each if isinstance(each, list) else [each]:
            if not of_a_package(_table(difference)):
                yield _words(difference)


def _table(difference: Sequence[Any]) -> str | None:
    if difference[0].startswith(("add_table", "remove_table")):
        return str(difference[1].name)
    if isinstance(difference[1], str | None) and len(difference) > 2:
        return str(difference[2])
    return getattr(getattr(difference[1], "table", None), "name", None)


def _words(difference: Sequence[Any]) -> str:
    kind, *rest = difference
    verb, _, what = kind.partition("_")
    if verb == "modify":
        _, table, column, _, old, new = rest
        return f"{table}.{column}: {what} is {_shown(old)}, the models have {_shown(new)}"
    where = "is in the models alone" if verb == "add" else "is in the database alone"
    return f"{what} {_name(kind, rest)} {where}"


def _shown(value: Any) -> str:
    return str(getattr(getattr(value, "arg", value), "text", getattr(value, "arg", value)))


def _name(kind: str, rest: Sequence[Any]) -> str:
    if kind.endswith("_table"):
        return str(rest[0].name)
    if kind.endswith("_column"):
        return f"{rest[1]}.{rest[2].name}"
    item = rest[0]
    columns = ", ".join(str(getattr(each, "name", each)) for each in getattr(item, "columns", ()))
    table = getattr(getattr(item, "table", None), "name", "")
    return f"{table}.{getattr(item, 'name', None) or ''}({columns})"


def _unseen(context: MigrationContext, tables: Sequence[Table]) -> Iterator[str]:
    """What Alembic does not compare: values of enums, CHECKs by name, indexes on expressions."""
    connection = context.connection
    if connection is None:
        return
    existing = set(inspect(connection).get_table_names())
    for table in tables:
        if table.schema is not None or table.name in existing:
            yield from _enums(connection, table)
            yield from _checks(connection, table)
            yield from _indexes(connection, table)


def _enums(connection: Connection, table: Table) -> Iterator[str]:
    for column in table.columns:
        kind = column.type.dialect_impl(connection.dialect)
        kind = column.type if isinstance(column.type, Enum) else kind
        if not isinstance(kind, Enum):
            continue
        if kind.native_enum and connection.dialect.supports_native_enum:
            found: Sequence[str] | None = _labels(connection, kind)
        else:
            found = _listed(connection, table, column.name) if kind.create_constraint else None
        if found is not None and sorted(found) != sorted(kind.enums):
            has, wants = ", ".join(found), ", ".join(kind.enums)
            yield f"{table.name}.{column.name}: the enum has {has}; the models have {wants}"


def _labels(connection: Connection, kind: Enum) -> list[str]:
    quote = connection.dialect.identifier_preparer.quote
    name = ".".join(quote(each) for each in (kind.schema, kind.name) if each)
    return list(connection.scalars(_LABELS, {"name": name}))


def _listed(connection: Connection, table: Table, column: str) -> list[str] | None:
    """The values that a CHECK of the column lists; none where there is no such CHECK."""
    for check in inspect(connection).get_check_constraints(table.name, schema=table.schema):
        told = str(check["sqltext"])
        values = re.findall(r"'((?:[^']|'')*)'", told)
        if values and re.search(rf"\b{re.escape(column)}\b", told):
            return [each.replace("''", "'") for each in values]
    return []


def _checks(connection: Connection, table: Table) -> Iterator[str]:
    found = inspect(connection).get_check_constraints(table.name, schema=table.schema)
    names = {each["name"] for each in found}
    for constraint in table.constraints:
        if isinstance(constraint, CheckConstraint) and not getattr(
            constraint, "_type_bound", False
        ):
            name = _formatted(connection, constraint)
            if name is not None and name not in names:
                yield f"check {table.name}.{name} is in the models alone"


def _formatted(connection: Connection, constraint: CheckConstraint) -> str | None:
    """The name as the naming convention has it."""
    formatted = connection.dialect.identifier_preparer.format_constraint(constraint)
    return formatted.strip('"') if formatted else None


def _indexes(connection: Connection, table: Table) -> Iterator[str]:
    """On SQLite, where Alembic leaves out those on expressions."""
    if connection.dialect.name != "sqlite":
        return
    query = text("SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = :table")
    names = set(connection.scalars(query, {"table": table.name}))
    for index in table.indexes:
        plain = len(index.columns) == len(index.expressions)
        if not plain and index.name not in names:
            yield f"index {table.name}.{index.name} is in the models alone"
