"""A call of Alembic's operations as it stands in a revision: its arguments by name, as written."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Dialect
from sqlalchemy.dialects import postgresql

if TYPE_CHECKING:
    from backoffice.migrations.fixes.source import Source

# What may be given by position. Alembic makes its functions while it is imported, so that they
# cannot be asked for their signatures without importing it.
POSITIONS = {
    "add_column": ("table_name", "column"),
    "alter_column": ("table_name", "column_name"),
    "batch_alter_table": ("table_name", "schema"),
    "create_check_constraint": ("constraint_name", "table_name", "condition"),
    "create_exclude_constraint": ("constraint_name", "table_name"),
    "create_foreign_key": (
        *("constraint_name", "source_table", "referent_table"),
        *("local_cols", "remote_cols"),
    ),
    "create_index": ("index_name", "table_name", "columns"),
    "create_primary_key": ("constraint_name", "table_name", "columns"),
    "create_table": ("table_name",),
    "create_unique_constraint": ("constraint_name", "table_name", "columns"),
    "drop_column": ("table_name", "column_name"),
    "drop_constraint": ("constraint_name", "table_name", "type_"),
    "drop_index": ("index_name", "table_name"),
    "drop_table": ("table_name",),
    "execute": ("sqltext",),
    "rename_table": ("old_table_name", "new_table_name"),
    "sync_enum_values": ("enum_schema", "enum_name", "new_values", "affected_columns"),
}
#: Which of them a batch leaves out, since it is about one table.
OF_A_BATCH = ("table_name", "source_table")


@dataclass(frozen=True)
class Call:
    """`verb` as on `op`. In a batch, `opened` is the call that opened it."""

    source: Source
    node: ast.Call
    verb: str
    owner: str
    arguments: dict[str, ast.expr]
    more: tuple[ast.expr, ...] = ()
    opened: Call | None = None

    def __contains__(self, name: str) -> bool:
        return name in self.arguments

    def text(self, name: str) -> str:
        """An argument as it is written, fit to stand outside of the batch."""
        return self.written(self.arguments[name])

    def written(self, node: ast.expr) -> str:
        """Part of it as it is written, fit to stand outside of the batch."""
        text = self.source.segment(node)
        if self.opened is None:
            return text
        return re.sub(rf"\b{re.escape(self.owner)}\.f\(", f"{self.opened.owner}.f(", text)

    def value(self, name: str) -> object:
        """An argument that is written out, also by a name of the module; None where it is not."""
        node = self.arguments.get(name)
        return None if node is None else self.literal(node)

    def literal(self, node: ast.expr) -> object:
        """What an expression is, where that can be told by reading."""
        if isinstance(node, ast.Name):
            node = self.source.constants.get(node.id, node)
        if isinstance(node, ast.Call) and _wraps(node):
            return self.literal(node.args[0])
        if isinstance(node, ast.List | ast.Tuple):
            return [self.literal(each) for each in node.elts]
        try:
            return ast.literal_eval(node)
        except (ValueError, TypeError, SyntaxError):
            return None

    def string(self, name: str) -> str | None:
        """An argument that is a string."""
        value = self.value(name)
        return value if isinstance(value, str) else None

    def strings(self, name: str) -> list[str] | None:
        """An argument that is a list of strings."""
        value = self.value(name)
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            return None
        return value

    @property
    def final(self) -> bool:
        """Whether no naming convention changes the name of the constraint or index."""
        node = self.arguments.get("constraint_name") or self.arguments.get("index_name")
        return isinstance(node, ast.Call)

    @property
    def table_argument(self) -> str:
        """The name of the argument that holds the table."""
        return "source_table" if self.verb == "create_foreign_key" else "table_name"

    @property
    def op(self) -> str:
        """The name of `alembic.op` in the file."""
        return self.owner if self.opened is None else self.opened.owner

    @property
    def table(self) -> str | None:
        """The table that it is about."""
        if self.opened is not None:
            return self.opened.table
        return self.string(self.table_argument)

    @property
    def table_text(self) -> str:
        """The table as it is written."""
        if self.opened is not None:
            return self.opened.table_text
        return self.text(self.table_argument)

    @property
    def schema(self) -> str | None:
        """The schema of the table, where one is named."""
        if self.opened is not None:
            return self.opened.schema
        return self.string("source_schema" if self.verb == "create_foreign_key" else "schema")

    @property
    def schema_known(self) -> bool:
        """Whether the schema is written out, or left to the database."""
        call = self.opened or self
        name = "source_schema" if call.verb == "create_foreign_key" else "schema"
        node = call.arguments.get(name)
        return node is None or call.schema is not None or _is_none(node)

    @property
    def qualified(self) -> str:
        """The table as SQL names it."""
        return identifier(self.table or "", self.schema)


def called(source: Source, node: ast.expr, owner: str, opened: Call | None = None) -> Call | None:
    """The call of an operation on `owner`, or None for anything else."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    if not isinstance(node.func.value, ast.Name) or node.func.value.id != owner:
        return None
    verb = node.func.attr
    names = POSITIONS.get(verb, ())
    if opened is not None:
        names = tuple(each for each in names if each not in OF_A_BATCH)
    if any(isinstance(each, ast.Starred) for each in node.args[: len(names)]):
        return None
    arguments = dict(zip(names, node.args, strict=False))
    for keyword in node.keywords:
        if keyword.arg is None:  # **options
            return None
        arguments[keyword.arg] = keyword.value
    return Call(source, node, verb, owner, arguments, tuple(node.args[len(names) :]), opened)


def identifier(name: str, schema: str | None = None) -> str:
    """A name as SQL writes it, in quotes where it needs them."""
    dialect: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    preparer = dialect.identifier_preparer
    parts = [preparer.quote(each) for each in (schema, name) if each]
    return ".".join(parts)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _wraps(node: ast.Call) -> bool:
    """`op.f("name")` and `sa.text("sql")`: what is within is what is meant."""
    return (
        isinstance(node.func, ast.Attribute)
        and node.func.attr in ("f", "text")
        and len(node.args) == 1
    )
