"""What SQLite's batch mode changes of a table's columns while it copies the table.

Its statements do not say: they make another table and move the rows.
"""

from collections.abc import Iterator
from typing import Any

from backoffice.migrations.lint.actions import Action
from backoffice.migrations.lint.operations import Operation
from backoffice.migrations.lint.schema import qualified

#: What Alembic's batch mode calls the copy of a table.
COPY = "_alembic_tmp_"


def changed(operation: Operation) -> Iterator[Action]:
    """The changes of columns that an operation asks of a copy; none where it says them in SQL."""
    call, sent = operation.call, operation.statements
    if not operation.batch or call is None or (sent and COPY not in sent[0].sql):
        return
    change = _CHANGES.get(operation.name)
    if change is not None:
        yield from change(call, qualified(call.table_name, call.schema))


def _drop_column(call: Any, table: str) -> Iterator[Action]:
    yield Action("drop column", table, str(call.column_name))


def _add_column(call: Any, table: str) -> Iterator[Action]:
    column = call.column
    flags = {
        "not null": not column.nullable,
        "default": column.server_default is not None,
        "virtual": column.computed is not None,
    }
    held = frozenset(flag for flag, holds in flags.items() if holds)
    yield Action("add column", table, str(column.name), flags=held)


def _alter_column(call: Any, table: str) -> Iterator[Action]:
    if call.modify_nullable is not None:
        kind = "drop not null" if call.modify_nullable else "set not null"
        yield Action(kind, table, str(call.column_name))
    if call.modify_name is not None:
        yield Action(
            "rename column", table, str(call.column_name), expression=str(call.modify_name)
        )


_CHANGES = {
    "drop_column": _drop_column,
    "add_column": _add_column,
    "alter_column": _alter_column,
}
