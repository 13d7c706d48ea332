"""The defaults of columns that are of an enum, which change apart from its type."""

from typing import Any

from alembic.operations import ops
from sqlalchemy import Dialect

from backoffice.migrations.drafts.enum_types import enum_of
from backoffice.migrations.drafts.lines import OneWay, WayBack


def defaults_apart(upgrade: ops.UpgradeOps, dialect: Dialect) -> list[ops.MigrateOperation]:
    """Have each default of an enum set after its type has changed, on the way down as well.

    Gives what stands before the types in upgrade(), and so after them in downgrade().
    """
    back: list[ops.MigrateOperation] = []
    after: list[ops.MigrateOperation] = []
    for table in [each for each in upgrade.ops if isinstance(each, ops.ModifyTableOps)]:
        for each in table.ops:
            if isinstance(each, ops.AlterColumnOp) and _sets_default(each, dialect):
                default, each.modify_server_default = each.modify_server_default, False
                after.append(_default(table, each, default))
                back.append(WayBack(_default(table, each, each.existing_server_default)))
        table.ops[:] = [
            each
            for each in table.ops
            if not isinstance(each, ops.AlterColumnOp) or each.has_changes()
        ]
    upgrade.ops[:] = [
        *(x for x in upgrade.ops if not (isinstance(x, ops.ModifyTableOps) and x.is_empty())),
        *after,
    ]
    return back


def _sets_default(operation: ops.AlterColumnOp, dialect: Dialect) -> bool:
    enum = enum_of(operation.existing_type, dialect)
    return operation.modify_server_default is not False and enum is not None


def _default(table: ops.ModifyTableOps, of: ops.AlterColumnOp, default: Any) -> OneWay:
    alter = ops.AlterColumnOp(
        of.table_name, of.column_name, schema=of.schema, modify_server_default=default
    )
    alter.existing_type = of.existing_type
    return OneWay(table.table_name, [alter], schema=table.schema)
