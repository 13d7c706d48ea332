"""Names for constraints that have none, and the order of those that go in circles."""

import re
from collections.abc import Sequence
from typing import Any

from alembic.operations import ops
from alembic.util import sqla_compat
from sqlalchemy import (
    CheckConstraint,
    Column,
    Constraint,
    ForeignKeyConstraint,
    Identity,
    Index,
    Inspector,
    MetaData,
    Table,
    UniqueConstraint,
)
from sqlalchemy.schema import conv

#: Marks the operation on what the database has no name for.
UNNAMED = "backoffice_unnamed"
#: PostgreSQL cuts what is longer.
_LONGEST = 63


def named(upgrade: ops.UpgradeOps) -> None:
    """Name what the models leave unnamed: SQLite could never drop it, nor a way back find it."""
    for each in upgrade.ops:
        if isinstance(each, ops.CreateTableOp):
            _name_columns(each)
        elif isinstance(each, ops.ModifyTableOps):
            for operation in each.ops:
                _name(operation)


def _name_columns(table: ops.CreateTableOp) -> None:
    taken = {str(each.name) for each in table.columns if isinstance(each, Constraint) and each.name}
    columns = {each.name for each in table.columns if isinstance(each, Column)}
    table.columns = [
        _with_name(str(table.table_name), each, taken, columns) for each in table.columns
    ]


def _with_name(table: str, item: Any, taken: set[str], columns: set[str]) -> Any:
    """A copy of what has no name: the model's own stays as it is."""
    if not isinstance(item, Constraint) or item.name or sqla_compat._is_type_bound(item):
        return item
    name = _conventional(table, item, taken, columns)
    if name is None:
        return item
    taken.add(name)
    copy: Any = sqla_compat._copy(item)
    copy.name = conv(name)
    # One that is of columns has joined their table by itself, which is the model's.
    table_of = getattr(item, "parent", None)
    if table_of is not None:
        table_of.constraints.discard(copy)
    return copy


def _conventional(table: str, constraint: Any, taken: set[str], known: set[str]) -> str | None:
    columns = [each.name for each in getattr(constraint, "columns", ())]
    if isinstance(constraint, UniqueConstraint):
        kind = "uq"
    elif isinstance(constraint, ForeignKeyConstraint):
        kind, columns = "fk", [*columns, _target(constraint)]
    elif isinstance(constraint, CheckConstraint):
        kind = "ck"
        said = re.findall(r"\w+", str(constraint.sqltext))
        columns = columns or [each for each in said if each in known][:1]
    else:
        return None
    return _free("_".join([kind, table, *columns]), taken)


def _free(name: str, taken: set[str]) -> str:
    candidates = [name[:_LONGEST], *(f"{name[: _LONGEST - 3]}_{number}" for number in range(2, 99))]
    return next(each for each in candidates if each not in taken)


def _name(operation: Any) -> None:
    if getattr(operation, "constraint_name", "") is not None:
        return
    if isinstance(operation, ops.CreateUniqueConstraintOp):
        operation.constraint_name = conv(joined("uq", operation.table_name, operation.columns))
    elif isinstance(operation, ops.CreateForeignKeyOp):
        columns = [*operation.local_cols, operation.referent_table]
        operation.constraint_name = conv(joined("fk", operation.source_table, columns))
    elif isinstance(operation, ops.DropConstraintOp):
        constraint: Any = operation.to_constraint()
        columns = [each.name for each in constraint.columns]
        if operation.constraint_type == "foreignkey":
            operation.constraint_name = joined(
                "fk", operation.table_name, [*columns, _target(constraint)]
            )
        else:
            operation.constraint_name = joined("uq", operation.table_name, columns)
        vars(operation)[UNNAMED] = True


def joined(kind: str, table: str, columns: Sequence[str]) -> str:
    """What a constraint without a name is called."""
    return _free("_".join([kind, table, *columns]), set())


def uncircled(upgrade: ops.UpgradeOps, *, supports_alter: bool) -> None:
    """Make the foreign keys that point at a table not made yet once it is."""
    if not supports_alter:
        return  # SQLite takes the name of a table that there is not, and cannot add one later
    made = [each for each in upgrade.ops if isinstance(each, ops.CreateTableOp)]
    later = {str(each.table_name) for each in made}
    added: list[ops.MigrateOperation] = []
    for table in made:
        later.discard(str(table.table_name))
        added += _taken_out(table, later)
    position = max((upgrade.ops.index(each) for each in made), default=-1) + 1
    upgrade.ops[position:position] = added


def _taken_out(table: ops.CreateTableOp, later: set[str]) -> list[ops.MigrateOperation]:
    keys = [each for each in table.columns if isinstance(each, ForeignKeyConstraint)]
    out = [each for each in keys if each.use_alter or _target(each) in later]
    # By identity: two columns that are compared make an SQL expression.
    table.columns = [each for each in table.columns if not any(each is key for key in out)]
    return [_added(table, each) for each in sorted(out, key=lambda key: str(key.name))]


def _added(table: ops.CreateTableOp, key: ForeignKeyConstraint) -> ops.CreateForeignKeyOp:
    options = {
        name: getattr(key, name)
        for name in ("onupdate", "ondelete", "initially", "deferrable", "match")
        if getattr(key, name) is not None
    }
    tokens = [sqla_compat._fk_target_tokens(each) for each in key.elements]
    return ops.CreateForeignKeyOp(
        key.name,
        str(table.table_name),
        _target(key),
        list(key.column_keys),
        [str(column) for _, _, column in tokens],
        source_schema=table.schema,
        referent_schema=tokens[0][0],
        **options,
    )


def _target(key: ForeignKeyConstraint) -> str:
    return str(sqla_compat._fk_target_tokens(key.elements[0])[1])


def ordered(upgrade: ops.UpgradeOps, *, supports_alter: bool) -> None:
    """First what is made, then what is changed, last what goes: each after what refers to it."""
    dropped = [each for each in upgrade.ops if isinstance(each, ops.DropTableOp)]
    names = {(each.schema, str(each.table_name)) for each in dropped}
    of_dropped = [
        each
        for each in upgrade.ops
        if isinstance(each, ops.ModifyTableOps) and (each.schema, str(each.table_name)) in names
    ]
    rest = [each for each in upgrade.ops if each not in dropped and each not in of_dropped]
    last = _children_first(dropped)
    circles = _circles(last) if supports_alter else []
    upgrade.ops[:] = [*rest, *of_dropped, *circles, *last]


def _circles(dropped: Sequence[ops.DropTableOp]) -> list[ops.MigrateOperation]:
    """The foreign keys that must go before their tables, in whose places they come back."""
    gone: set[str] = set()
    found: list[ops.MigrateOperation] = []
    for table in dropped:
        back: Any = table._reverse
        keys = [each for each in back.columns if isinstance(each, ForeignKeyConstraint)]
        out = [each for each in keys if _target(each) in gone]
        found += [ops.DropConstraintOp.from_constraint(each) for each in out]
        back.columns = [each for each in back.columns if not any(each is key for key in out)]
        gone.add(str(table.table_name))
    return found


def _children_first(dropped: Sequence[ops.DropTableOp]) -> list[ops.DropTableOp]:
    left = sorted(dropped, key=lambda each: str(each.table_name))
    done: list[ops.DropTableOp] = []
    while left:
        free = [each for each in left if not _referred_to(each, left)] or left[:1]
        done += free
        left = [each for each in left if each not in free]
    return done


def _referred_to(table: ops.DropTableOp, others: Sequence[ops.DropTableOp]) -> bool:
    return any(str(table.table_name) in _targets(other) for other in others if other is not table)


def _targets(table: ops.DropTableOp) -> set[str]:
    return {_target(each) for each in table.to_table().foreign_key_constraints}


def without_noise(upgrade: ops.UpgradeOps) -> None:
    """Leave out what PostgreSQL below 15 does not take, and any other takes for granted."""
    for each in upgrade.ops:
        if isinstance(each, ops.ModifyTableOps):
            for operation in each.ops:
                kept = getattr(getattr(operation, "_reverse", None), "kw", {})
                if not kept.get("postgresql_nulls_not_distinct"):
                    kept.pop("postgresql_nulls_not_distinct", None)


def without_guesses(upgrade: ops.UpgradeOps, models: Sequence[Table]) -> None:
    """Leave the CHECKs that PostgreSQL named where the models have some without a name."""
    unnamed = {
        (table.schema, table.name)
        for table in models
        for each in table.constraints
        if isinstance(each, CheckConstraint) and not each.name
    }
    for each in upgrade.ops:
        if isinstance(each, ops.ModifyTableOps) and (each.schema, str(each.table_name)) in unnamed:
            each.ops[:] = [
                operation for operation in each.ops if not _drops_check(operation, each.ops)
            ]
    upgrade.ops[:] = [
        each
        for each in upgrade.ops
        if not (isinstance(each, ops.ModifyTableOps) and each.is_empty())
    ]


def _drops_check(operation: ops.MigrateOperation, others: Sequence[ops.MigrateOperation]) -> bool:
    """Whether a CHECK goes, and none comes in its place."""
    return (
        isinstance(operation, ops.DropConstraintOp)
        and operation.constraint_type == "check"
        and not any(isinstance(each, ops.CreateCheckConstraintOp) for each in others)
    )


def unnamed_uniques(inspector: Inspector, table: Table) -> list[ops.MigrateOperation]:
    """The unique constraints of SQLite that have no name and no model: Alembic goes by names."""
    wanted = [
        {column.name for column in each.columns}
        for each in (*table.constraints, *table.indexes)
        if isinstance(each, UniqueConstraint) or (isinstance(each, Index) and each.unique)
    ]
    return [
        _dropped_unique(table, each["column_names"])
        for each in inspector.get_unique_constraints(table.name, schema=table.schema)
        if each["name"] is None and set(each["column_names"]) not in wanted
    ]


def _dropped_unique(table: Table, columns: Sequence[str]) -> ops.DropConstraintOp:
    of = Table(table.name, MetaData(), *(Column(each) for each in columns), schema=table.schema)
    constraint = UniqueConstraint(*columns)
    of.append_constraint(constraint)
    return ops.DropConstraintOp.from_constraint(constraint)


def without_identities(upgrade: ops.UpgradeOps) -> None:
    """SQLite has none, and numbers its rows all the same."""
    for table in [each for each in upgrade.ops if isinstance(each, ops.ModifyTableOps)]:
        for each in table.ops:
            if isinstance(each, ops.AlterColumnOp) and isinstance(
                each.modify_server_default, Identity
            ):
                each.modify_server_default = False
        table.ops[:] = [
            each
            for each in table.ops
            if not isinstance(each, ops.AlterColumnOp) or each.has_changes()
        ]


def without_named_again(upgrade: ops.UpgradeOps, inspector: Inspector, table: Table) -> None:
    """A unique constraint that is there without a name is not made again for the name alone."""
    present = [
        set(each["column_names"])
        for each in inspector.get_unique_constraints(table.name, schema=table.schema)
        if each["name"] is None
    ]
    for modified in upgrade.ops:
        if isinstance(modified, ops.ModifyTableOps) and modified.table_name == table.name:
            modified.ops[:] = [
                each
                for each in modified.ops
                if not (
                    isinstance(each, ops.CreateUniqueConstraintOp) and set(each.columns) in present
                )
            ]
