"""What a revision does, in words."""

from collections.abc import Sequence
from typing import Any

from alembic.operations import ops

from backoffice.migrations.drafts.lines import Lines


def described(upgrade: ops.OpContainer) -> list[str]:
    """What the operations do, a line for each."""
    found: list[str] = []
    for each in upgrade.ops:
        if isinstance(each, ops.ModifyTableOps):
            found += described(each)
        elif isinstance(each, Lines):
            found += [each.told] if each.told else []
        else:
            found.append(_described(each))
    return found


def _described(operation: Any) -> str:
    table = getattr(operation, "table_name", None) or getattr(operation, "source_table", "")
    words = type(operation).__name__.removesuffix("Op")
    verb = "".join(f" {each.lower()}" if each.isupper() else each for each in words).strip()
    if isinstance(operation, ops.AddColumnOp):
        return f"{verb} {table}.{operation.column.name}"
    if isinstance(operation, ops.DropColumnOp | ops.AlterColumnOp):
        return f"{verb} {table}.{operation.column_name}"
    name = getattr(operation, "index_name", None) or getattr(operation, "constraint_name", None)
    return f"{verb} {name} of {table}" if name else f"{verb} {table}"


def summary(told: Sequence[str]) -> str:
    """What a revision without a message is called."""
    first = told[0] if told else "change"
    return f"{first} and {len(told) - 1} more" if len(told) > 1 else first
