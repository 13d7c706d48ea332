"""Columns that must have a value, on tables whose rows have none yet."""

from collections.abc import Iterator, Sequence
from typing import Any

from alembic.operations import ops
from sqlalchemy import Column, Connection, DefaultClause, Enum, Table, text

from backoffice.core.errors import InvalidInput
from backoffice.migrations.drafts.defaults import of_python
from backoffice.migrations.drafts.lines import (
    Lines,
    OneWay,
    OneWayCopy,
    execute,
    identifier,
    literal,
)
from backoffice.migrations.drafts.names import Names
from backoffice.migrations.drafts.wishes import Wishes, constant

#: Counted no further: a table of millions is not read for a message.
_MANY = 1000

#: What a row has of a type that nobody said anything about; by affinity's name, as SQL.
_NEUTRAL = {
    "Integer": "0",
    "Numeric": "0",
    "Float": "0",
    "String": "''",
    "Boolean": "false",
    "DateTime": "CURRENT_TIMESTAMP",
    "Date": "CURRENT_DATE",
    "Uuid": literal("00000000-0000-0000-0000-000000000000"),
    "JSON": "'{}'",
}


class Required:
    """Gives the rows that are there what a new rule asks of them, or says why it cannot."""

    def __init__(
        self, connection: Connection, models: Sequence[Table], wishes: Wishes, names: Names
    ) -> None:
        self.connection = connection
        self._models = {(each.schema, each.name): each for each in models}
        self.dialect = connection.dialect
        self.wishes = wishes
        self.names = names
        self.keeps_defaults = True
        self.refused: list[str] = []
        self.warnings: list[str] = []

    def rewrite(self, upgrade: ops.UpgradeOps) -> None:
        """Change the operations so that they go through; InvalidInput names all that cannot."""
        upgrade.ops[:] = [after for each in upgrade.ops for after in self._rewritten(each)]
        if self.refused:
            raise InvalidInput("; ".join(self.refused), code="backfill_needed")

    def _rewritten(self, operation: ops.MigrateOperation) -> list[ops.MigrateOperation]:
        if not isinstance(operation, ops.ModifyTableOps):
            return [operation]
        before: list[ops.MigrateOperation] = []
        rest: list[ops.MigrateOperation] = []
        for each in operation.ops:
            if isinstance(each, ops.AddColumnOp) and _needed(each.column):
                before += self._added(operation, each)
            elif isinstance(each, ops.AlterColumnOp) and each.modify_nullable is False:
                before += self._forbidden_null(operation, each)
                rest.append(each)
            else:
                rest.append(each)
        if rest or not before:
            operation.ops[:] = rest
            return [*before, operation]
        return before

    def _added(
        self, table: ops.ModifyTableOps, operation: ops.AddColumnOp
    ) -> Iterator[ops.MigrateOperation]:
        column = operation.column
        value = self._value(str(table.table_name), column)
        if value is None:
            self._explain(table, column)
            yield _of(table, [operation])
        elif constant(value):
            # PostgreSQL and SQLite keep such a default beside the rows, and rewrite none of them.
            copy = column._copy()
            copy.server_default = _default(value)
            yield _of(table, [_add(table, copy)])
            # The model's own default stays, for the code still running that leaves the column out.
            if not self.keeps_defaults or value != of_python(column, self.dialect):
                yield _then(table, column, modify_server_default=None)
        else:
            copy = column._copy()
            copy.nullable = True
            yield _of(table, [_add(table, copy)])
            yield self._filled(table, str(column.name), value)
            yield _then(table, column, modify_nullable=False)

    def _forbidden_null(
        self, table: ops.ModifyTableOps, operation: ops.AlterColumnOp
    ) -> Iterator[ops.MigrateOperation]:
        name = str(operation.column_name)
        model = self._models.get((table.schema, str(table.table_name)))
        column = model.columns.get(name) if model is not None else None
        value = self.wishes.backfill(str(table.table_name), name)
        if value is None and column is not None:
            value = _of_server(column) or of_python(column, self.dialect)
        if value is not None:
            yield self._filled(table, name, value)
        elif rows := self._count(table, f"{self._old(table, name)} IS NULL"):
            shown = f"{table.table_name}.{name}"
            self.refused.append(
                f"{shown} must not be NULL any more, and is in {rows} rows: say what they get, "
                f"--backfill {shown}=SQL, or give the column a default"
            )

    def _value(self, table: str, column: "Column[Any]") -> str | None:
        said = self.wishes.backfill(table, str(column.name))
        return said if said is not None else of_python(column, self.dialect)

    def _explain(self, table: ops.ModifyTableOps, column: "Column[Any]") -> None:
        shown = f"{table.table_name}.{column.name}"
        if rows := self._count(table):
            hint = "gen_random_uuid()" if type(column.type).__name__.lower() == "uuid" else "SQL"
            self.refused.append(
                f"{shown} needs a value in the {rows} rows that are there: say what they get, "
                f"--backfill {shown}={hint}, or give the column a default, or let it be NULL"
            )
        else:
            self.warnings.append(
                f"{shown} must have a value: this revision fails on a table with rows, which "
                f"{table.table_name} has none of here; --backfill {shown}=SQL says what they get"
            )

    def _filled(self, table: ops.ModifyTableOps, name: str, value: str) -> Lines:
        quoted = identifier(self.dialect, str(table.table_name), table.schema)
        column = self.dialect.identifier_preparer.quote(name)
        statement = f"UPDATE {quoted} SET {column} = {value} WHERE {column} IS NULL"  # noqa: S608
        return Lines([execute(statement)], (), f"fill {table.table_name}.{name}")

    def _count(self, table: ops.ModifyTableOps, where: str = "") -> str:
        """How many rows there are, as told; "" for none."""
        old = self.names.old_table(table.schema, str(table.table_name))
        quoted = identifier(self.dialect, old, table.schema)
        condition = f" WHERE {where}" if where else ""
        some = f"SELECT 1 FROM {quoted}{condition} LIMIT {_MANY + 1}"  # noqa: S608 -- quoted names
        count = text(f"SELECT count(*) FROM ({some}) AS found")  # noqa: S608
        found = int(self.connection.scalar(count) or 0)
        return f"more than {_MANY}" if found > _MANY else str(found or "")

    def _old(self, table: ops.ModifyTableOps, name: str) -> str:
        old = self.names.old_column(table.schema, str(table.table_name), name)
        return self.dialect.identifier_preparer.quote(old)


def restored(downgrade: ops.DowngradeOps) -> None:
    """Have the way back go through: a column that comes back is as empty as it was required."""
    downgrade.ops[:] = [after for each in downgrade.ops for after in _back(each)]


def _back(operation: ops.MigrateOperation) -> list[ops.MigrateOperation]:
    if not isinstance(operation, ops.ModifyTableOps) or isinstance(operation, OneWay | OneWayCopy):
        return [operation]
    done: list[ops.MigrateOperation] = []
    for each in operation.ops:
        if isinstance(each, ops.AddColumnOp) and _needed(each.column):
            value = neutral(each.column)
            each.column = each.column._copy()
            each.column.nullable = value is None
            if value is not None:
                each.column.server_default = _default(value)
                done.append(_then(operation, each.column, modify_server_default=None))
    return [operation, *done]


def neutral(column: "Column[Any]") -> str | None:
    """What stands for nothing in a column of this type, as SQL; None where nothing does."""
    if isinstance(column.type, Enum) and column.type.enums:
        return literal(column.type.enums[0])
    for each in type(column.type).__mro__:
        if each.__name__ in _NEUTRAL:
            return _NEUTRAL[each.__name__]
    return _NEUTRAL.get(column.type._type_affinity.__name__) if column.type._type_affinity else None


def _needed(column: "Column[Any]") -> bool:
    """Whether every row must have a value that the database does not give by itself."""
    return not (column.nullable or column.primary_key or column.server_default is not None)


def _add(table: ops.ModifyTableOps, column: "Column[Any]") -> ops.AddColumnOp:
    return ops.AddColumnOp(str(table.table_name), column, schema=table.schema)


def _of(table: ops.ModifyTableOps, operations: Sequence[Any]) -> ops.ModifyTableOps:
    return ops.ModifyTableOps(table.table_name, operations, schema=table.schema)


def _then(table: ops.ModifyTableOps, column: "Column[Any]", **change: Any) -> OneWay:
    name = str(table.table_name)
    alter = ops.AlterColumnOp(name, str(column.name), schema=table.schema, **change)
    alter.existing_type = column.type
    return OneWay(table.table_name, [alter], schema=table.schema)


def _default(value: str) -> DefaultClause:
    return DefaultClause(text(value))


def _of_server(column: "Column[Any]") -> str | None:
    default = column.server_default
    if not isinstance(default, DefaultClause):
        return None
    return literal(default.arg) if isinstance(default.arg, str) else str(default.arg)
