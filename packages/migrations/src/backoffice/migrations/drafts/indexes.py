"""Indexes on expressions on SQLite, which cannot be reflected and so are left out by Alembic."""

import re
from collections.abc import Iterator, Sequence

from alembic.operations import ops
from alembic.util import sqla_compat
from sqlalchemy import Connection, Index, Table, text
from sqlalchemy.schema import CreateIndex

from backoffice.migrations.drafts.lines import Lines, execute
from backoffice.migrations.drafts.names import Names

_INDEXES = text(
    "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
)


class IndexDropped(Lines):
    """An index on expressions that goes, before the columns do that it is on."""

    name = ""


def compared(
    connection: Connection, models: Sequence[Table], reflected: set[str], names: Names
) -> Iterator[ops.MigrateOperation]:
    """What the models' indexes on expressions need; `reflected` are the names of all others."""
    present = {
        name: _as_it_will_be(table, sql, names) for table, name, sql in connection.execute(_INDEXES)
    }
    wanted: set[str] = set()
    for index in [each for table in models for each in _on_expressions(table)]:
        name = str(index.name)
        wanted.add(name)
        table, sql = present.get(name, (None, None))
        if sql is None:
            yield ops.CreateIndexOp.from_index(index)
        elif _plain(sql, str(table)) != _plain(
            str(CreateIndex(index).compile(connection)), _of(index)
        ):
            yield _dropped(name, _of(index), sql)
            yield ops.CreateIndexOp.from_index(index)
    ours = {table.name for table in models}
    for name, (table, sql) in sorted(present.items()):
        if table in ours and name not in wanted | reflected:
            yield _dropped(name, table, sql)


def _as_it_will_be(table: str, sql: str, names: Names) -> tuple[str, str]:
    """The table and the SQL of an index, which SQLite keeps right where names change."""
    after = names.table(None, table)
    changed = {table: after, **names.columns.get((None, after), {})}
    for old, new in changed.items():
        sql = re.sub(rf"\b{re.escape(old)}\b", new, sql)
    return after, sql


def without_reflected(
    connection: Connection, upgrade: ops.UpgradeOps, models: Sequence[Table], plain: set[str]
) -> None:
    """Leave out what Alembic says of indexes that reflection shows as something else."""
    present = {name for _, name, _ in connection.execute(_INDEXES)}
    ours = {str(each.name) for table in models for each in _on_expressions(table)}
    for table in [each for each in upgrade.ops if isinstance(each, ops.ModifyTableOps)]:
        table.ops[:] = [each for each in table.ops if _index(each) not in ours | (present - plain)]


def _index(operation: ops.MigrateOperation) -> str | None:
    name = getattr(operation, "index_name", None)
    return None if name is None else str(name)


def expressions_of(connection: Connection, table: str) -> dict[str, str]:
    """The SQL of a table's indexes on expressions, by name: a copy of it would lack them."""
    plain = set(_reflected(connection, table))
    return {
        name: sql
        for of, name, sql in connection.execute(_INDEXES)
        if of == table and name not in plain
    }


def _reflected(connection: Connection, table: str) -> list[str]:
    """The indexes on columns alone, as they are sorted and compared by default."""
    quote = connection.dialect.identifier_preparer.quote
    rows = connection.exec_driver_sql(f"PRAGMA index_list({quote(table)})").all()
    return [name for _, name, *_ in rows if _is_plain(connection, quote(name))]


def _is_plain(connection: Connection, index: str) -> bool:
    rows = connection.exec_driver_sql(f"PRAGMA index_xinfo({index})").all()
    keys = [(column, down, collation) for _, _, column, down, collation, key in rows if key]
    return all(name is not None and not down and how == "BINARY" for name, down, how in keys)


def plain_indexes(connection: Connection) -> set[str]:
    """The names of all indexes on columns alone."""
    tables = {of for of, _, _ in connection.execute(_INDEXES)}
    return {name for table in tables for name in _reflected(connection, table)}


def _on_expressions(table: Table) -> list[Index]:
    found = [each for each in table.indexes if sqla_compat.is_expression_index(each)]
    return sorted(found, key=lambda each: str(each.name))


def _of(index: Index) -> str:
    return index.table.name if index.table is not None else ""


def _dropped(name: str, table: str, sql: str) -> IndexDropped:
    drop = f"op.drop_index({name!r}, table_name={table!r})"
    dropped = IndexDropped([drop], [execute(sql)], f"drop index {name}")
    dropped.name = name
    return dropped


def _plain(sql: str, table: str) -> str:
    """The statement without what may be written otherwise."""
    told = re.sub(rf"[\"`\[]?{re.escape(table)}[\"`\]]?\.", "", sql)
    return re.sub(r"[\s\"`\[\]();]|if not exists", "", told.lower())
