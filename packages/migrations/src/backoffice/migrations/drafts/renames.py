"""What may have been renamed: something goes, and something like it comes."""

from collections.abc import Iterator, Sequence
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from sqlalchemy import Column

from backoffice.core.errors import InvalidInput
from backoffice.migrations.drafts.lines import Lines, execute, identifier
from backoffice.migrations.drafts.names import Names
from backoffice.migrations.drafts.wishes import Wishes

#: The part of all columns that two tables must share for one to look like the other.
ALIKE = 0.6


def found(
    context: AutogenContext, upgrade: ops.UpgradeOps, wishes: Wishes, names: Names
) -> list[ops.MigrateOperation]:
    """What is a rename among the operations, by what was said and answered; added to `names`.

    Tables come first, alone: what became of their columns is seen when they are compared.
    InvalidInput where something may be one, and nobody is there to say.
    """
    tables = list(_tables(upgrade, wishes))
    for schema, old, new in tables:
        names.tables[schema, old] = new
    if tables:
        return [_table_renamed(*each) for each in tables]
    columns = list(_columns(context, upgrade, wishes))
    for schema, table, old, new in columns:
        names.columns.setdefault((schema, table), {})[old] = new
    return [_column_renamed(*each) for each in columns]


def _tables(upgrade: ops.UpgradeOps, wishes: Wishes) -> Iterator[tuple[str | None, str, str]]:
    gone = [each for each in upgrade.ops if isinstance(each, ops.DropTableOp)]
    come = [each for each in upgrade.ops if isinstance(each, ops.CreateTableOp)]
    for old in gone:
        for new in sorted(come, key=lambda each: -_likeness(old, each)):
            if old.schema == new.schema and _decided(
                wishes,
                None,
                str(old.table_name),
                str(new.table_name),
                likely=_likeness(old, new) >= ALIKE,
                kind="table",
            ):
                come.remove(new)
                yield old.schema, str(old.table_name), str(new.table_name)
                break


def _columns(
    context: AutogenContext, upgrade: ops.UpgradeOps, wishes: Wishes
) -> Iterator[tuple[str | None, str, str, str]]:
    for modified in upgrade.ops:
        if not isinstance(modified, ops.ModifyTableOps):
            continue
        gone = [each for each in modified.ops if isinstance(each, ops.DropColumnOp)]
        come = [each for each in modified.ops if isinstance(each, ops.AddColumnOp)]
        table = str(modified.table_name)
        for old in gone:
            for new in come:
                if _decided(
                    wishes,
                    table,
                    str(old.column_name),
                    str(new.column.name),
                    likely=_same_type(context, old, new),
                    kind="column",
                ):
                    come.remove(new)
                    yield modified.schema, table, str(old.column_name), str(new.column.name)
                    break


def _decided(
    wishes: Wishes, within: str | None, old: str, new: str, *, likely: bool, kind: str
) -> bool:
    if wishes.renamed(within, old, new):
        return True
    said = any(each.old == old and each.within in (within, None) for each in wishes.renames)
    if said or not likely or not wishes.guess:
        return False
    shown = f"{within}.{old}" if within else old
    answer = wishes.ask(f"Was the {kind} {shown} renamed to {new}?")
    if answer is None:
        raise InvalidInput(
            f"the {kind} {shown} goes, and all that is in it, and {new} comes: say --rename "
            f"{shown}:{new}, or --no-renames where it is another",
            code="rename_unclear",
        )
    return answer


def _likeness(old: ops.DropTableOp, new: ops.CreateTableOp) -> float:
    before = _signature(old.to_table().columns)
    after = _signature(new.to_table().columns)
    return len(before & after) / len(before | after) if before else 0.0


def _signature(columns: Any) -> set[tuple[str, Any]]:
    return {(each.name, each.type._type_affinity) for each in columns}


def _same_type(context: AutogenContext, old: ops.DropColumnOp, new: ops.AddColumnOp) -> bool:
    before = old.to_column()
    return not context.migration_context.impl.compare_type(before, new.column)


def _table_renamed(schema: str | None, old: str, new: str) -> Lines:
    where = f", schema={schema!r}" if schema else ""
    return Lines(
        [f"op.rename_table({old!r}, {new!r}{where})"],
        [f"op.rename_table({new!r}, {old!r}{where})"],
        f"rename {old} to {new}",
    )


def _column_renamed(schema: str | None, table: str, old: str, new: str) -> Lines:
    # Not in batch mode: SQLite renames a column without copying the table.
    where = f", schema={schema!r}" if schema else ""
    return Lines(
        [f"op.alter_column({table!r}, {old!r}, new_column_name={new!r}{where})"],
        [f"op.alter_column({table!r}, {new!r}, new_column_name={old!r}{where})"],
        f"rename {table}.{old} to {new}",
    )


def kept(upgrade: ops.UpgradeOps, dialect: Any) -> None:
    """What is dropped only to be made again by another name is renamed, on PostgreSQL.

    An index or a unique constraint need not be built again then.
    """
    if dialect.name != "postgresql":
        return
    for modified in [each for each in upgrade.ops if isinstance(each, ops.ModifyTableOps)]:
        for pair in list(_pairs(modified.ops)):
            dropped, created = pair
            modified.ops.remove(dropped)
            modified.ops.remove(created)
            upgrade.ops.insert(
                upgrade.ops.index(modified), _kept(modified, dropped, created, dialect)
            )
    upgrade.ops[:] = [
        each
        for each in upgrade.ops
        if not (isinstance(each, ops.ModifyTableOps) and each.is_empty())
    ]


def _pairs(
    operations: Sequence[ops.MigrateOperation],
) -> Iterator[tuple[ops.MigrateOperation, ops.MigrateOperation]]:
    left = [
        each
        for each in operations
        if isinstance(each, ops.CreateIndexOp | ops.CreateUniqueConstraintOp)
    ]
    for dropped in operations:
        if isinstance(dropped, ops.DropIndexOp | ops.DropConstraintOp):
            same = next((each for each in left if _same(dropped, each)), None)
            if same is not None:
                left.remove(same)
                yield dropped, same


def _same(dropped: Any, created: Any) -> bool:
    if isinstance(dropped, ops.DropIndexOp) and isinstance(created, ops.CreateIndexOp):
        one, other = dropped.to_index(), created.to_index()
        return (
            one.name != other.name
            and bool(one.unique) == bool(other.unique)
            and _plain(one) is not None
            and _plain(one) == _plain(other)
        )
    if isinstance(dropped, ops.DropConstraintOp) and isinstance(
        created, ops.CreateUniqueConstraintOp
    ):
        constraint: Any = dropped.constraint_type == "unique" and dropped.to_constraint()
        return bool(
            constraint
            and dropped.constraint_name
            and created.constraint_name
            and dropped.constraint_name != created.constraint_name
            and [each.name for each in constraint.columns] == list(created.columns)
        )
    return False


def _plain(index: Any) -> list[str] | None:
    """The columns of an index that is nothing but them."""
    names = [each.name for each in index.expressions if isinstance(each, Column)]
    options = {key: value for key, value in index.dialect_kwargs.items() if value}
    options.pop("postgresql_using", None)
    return None if options or len(names) < len(index.expressions) else names


def _kept(modified: ops.ModifyTableOps, dropped: Any, created: Any, dialect: Any) -> Lines:
    schema = modified.schema
    old = str(getattr(dropped, "index_name", None) or dropped.constraint_name)
    new = str(getattr(created, "index_name", None) or created.constraint_name)

    def statement(one: str, other: str) -> str:
        quoted = identifier(dialect, other)
        if isinstance(dropped, ops.DropIndexOp):
            return f"ALTER INDEX {identifier(dialect, one, schema)} RENAME TO {quoted}"
        table = identifier(dialect, modified.table_name, schema)
        return f"ALTER TABLE {table} RENAME CONSTRAINT {identifier(dialect, one)} TO {quoted}"

    told = f"rename {old} to {new}"
    return Lines([execute(statement(old, new))], [execute(statement(new, old))], told)
