"""What a draft says in Python of its own, where Alembic has no operation, or an unsafe one."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from alembic.autogenerate import render
from alembic.operations import ops
from sqlalchemy import Dialect

#: What SQLAlchemy's text() takes for a parameter.
_PARAMETER = re.compile(r"(?<![:\w\\]):(?=\w)")


class Lines(ops.MigrateOperation):
    """Python as it stands in upgrade(), and what downgrade() has in its place."""

    def __init__(self, up: Sequence[str], back: Sequence[str] = (), told: str = "") -> None:
        self.up = tuple(up)
        self.back = tuple(back)
        self.told = told

    def reverse(self) -> "Lines":
        """The other direction."""
        return Lines(self.back, self.up, self.told)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """How Alembic's own tools list an operation."""
        return ("lines", self.up)


class WayBack(Lines):
    """Nothing on the way up, and an operation on the way down."""

    def __init__(self, undo: ops.MigrateOperation) -> None:
        super().__init__(())
        self._undo = undo

    def reverse(self) -> Any:
        """The operation."""
        return self._undo


class CopiedTable(ops.ModifyTableOps):
    """Changes of a table that SQLite can only make by copying it.

    `options` are more of what `batch_alter_table` takes, as Python; `before` takes away what cannot
    be reflected, and `after` puts back what the copy lacks: triggers, and indexes on expressions.
    """

    def __init__(
        self,
        table: str,
        operations: Sequence[ops.MigrateOperation],
        schema: str | None = None,
        options: Sequence[str] = (),
        before: Sequence[str] = (),
        after: Sequence[str] = (),
    ) -> None:
        super().__init__(table, operations, schema=schema)
        self.options = tuple(options)
        self.before = tuple(before)
        self.after = tuple(after)

    def reverse(self) -> "CopiedTable":
        """The other direction, which is a copy as well."""
        back = [each.reverse() for each in reversed(self.ops)]
        return CopiedTable(
            self.table_name, back, self.schema, self.options, self.before, self.after
        )


class OneWay(ops.ModifyTableOps):
    """Changes of a table that have nothing to undo: what they are made for goes as a whole."""

    def reverse(self) -> Any:
        """Nothing."""
        return Lines(())


class OneWayCopy(CopiedTable):
    """The same, where SQLite has to copy the table."""

    def reverse(self) -> Any:
        """Nothing."""
        return Lines(())


@render.renderers.dispatch_for(Lines)
def _render_lines(_: Any, op: Lines) -> list[str]:
    # One text: given line by line, Alembic's printer would indent what follows a colon.
    return ["\n".join(op.up)] if op.up else []


@render.renderers.dispatch_for(CopiedTable)
def _render_copy(context: Any, op: CopiedTable) -> list[str]:
    arguments = [repr(str(op.table_name)), *op.options]
    with context._within_batch():
        rendered = [line for each in op.ops for line in render.render_op(context, each)]
    head = f"with op.batch_alter_table({', '.join(arguments)}) as batch_op:"
    # Each a text of its own, as above; the empty line ends the block.
    return [*_block(op.before), head, *rendered, "", *_block(op.after)]


def _block(lines: Sequence[str]) -> list[str]:
    return ["\n".join(lines)] if lines else []


def execute(statement: str) -> str:
    """A line that runs one SQL statement, none of whose colons is a parameter."""
    return f"op.execute({without_parameters(statement)!r})"


def without_parameters(sql: str) -> str:
    """The SQL as SQLAlchemy's text() takes it, none of whose colons is a parameter."""
    return _PARAMETER.sub(r"\\:", sql)


def on(dialect: str, lines: Iterable[str]) -> list[str]:
    """The same lines, for one kind of database only: a history may have to run on the other."""
    return [f'if op.get_context().dialect.name == "{dialect}":', *indented(lines)]


def alone(lines: Iterable[str]) -> list[str]:
    """The same lines, outside of the transaction."""
    return ["with op.get_context().autocommit_block():", *indented(lines)]


def indented(lines: Iterable[str]) -> list[str]:
    """The same lines, one level deeper."""
    return [f"    {line}" for line in lines]


def literal(text: str) -> str:
    """A string of SQL."""
    return "'" + text.replace("'", "''") + "'"


def identifier(dialect: Dialect, name: str, schema: str | None = None) -> str:
    """A name as it stands in SQL, with its schema."""
    quote = dialect.identifier_preparer.quote
    return f"{quote(schema)}.{quote(name)}" if schema else quote(name)
