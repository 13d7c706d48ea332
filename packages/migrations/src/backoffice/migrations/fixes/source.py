"""The text of a revision, and pieces of it as they were written."""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from backoffice.migrations.fixes.calls import Call, called

_TO_A_CHECKER = re.compile(r"#\s*(noqa|type:|fmt:|pragma|pylint|migrate:)")
INDENT = "    "


@dataclass(frozen=True)
class Source:
    """A revision file: its text, and what Python makes of it. SyntaxError where it is none."""

    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The module."""
        return ast.parse(self.text)

    @cached_property
    def lines(self) -> list[str]:
        """The lines with their ends; the first one has index 0."""
        # Not `splitlines`, which also ends one at a form feed, as Python's grammar does not.
        return io.StringIO(self.text).readlines()

    def function(self, name: str) -> ast.FunctionDef | None:
        """A function of the module."""
        found = (each for each in self.tree.body if isinstance(each, ast.FunctionDef))
        return next((each for each in found if each.name == name), None)

    @cached_property
    def operations(self) -> str | None:
        """The name under which the file has `alembic.op`."""
        return next((alias for name, alias in self._imported("alembic") if name == "op"), None)

    @cached_property
    def sqlalchemy(self) -> str | None:
        """The name under which the file has `sqlalchemy`."""
        for node in self.tree.body:
            if isinstance(node, ast.Import):
                for each in node.names:
                    if each.name == "sqlalchemy":
                        return each.asname or each.name
        return None

    @cached_property
    def constants(self) -> dict[str, ast.expr]:
        """What names of the module stand for, where they are assigned once."""
        values: dict[str, list[ast.expr]] = {}
        for node in self.tree.body:
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        values.setdefault(target.id, []).append(node.value)
        return {name: found[0] for name, found in values.items() if len(found) == 1}

    def segment(self, node: ast.AST) -> str:
        """An expression as it is written."""
        return ast.get_source_segment(self.text, node) or ast.unparse(node)

    def call(self, statement: ast.stmt) -> Call | None:
        """The operation that a statement is: `op.something(...)`."""
        if self.operations is None or not isinstance(statement, ast.Expr):
            return None
        return called(self, statement.value, self.operations)

    def batch(self, statement: ast.stmt) -> tuple[ast.With, list[Call | None]] | None:
        """The operations of a `with op.batch_alter_table(...) as batch_op:`, None for the rest."""
        if not isinstance(statement, ast.With) or len(statement.items) != 1:
            return None
        item = statement.items[0]
        opened = self.operations and called(self, item.context_expr, self.operations)
        if not opened or opened.verb != "batch_alter_table":
            return None
        if not isinstance(item.optional_vars, ast.Name):
            return None
        name = item.optional_vars.id
        return statement, [
            called(self, each.value, name, opened) if isinstance(each, ast.Expr) else None
            for each in statement.body
        ]

    def comments(self, lines: range, beside: str) -> Iterator[str]:
        """What is remarked on these lines and not in that text, except to a checker."""
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            remark = token.string
            if token.type != tokenize.COMMENT or token.start[0] not in lines or remark in beside:
                continue
            if not _TO_A_CHECKER.match(remark):
                yield remark

    def block(self, lines: range, base: str, deeper: int = 0) -> str:
        """Lines as they stand, moved in by `deeper` levels, but for those within a string."""
        moved = base + INDENT * deeper
        kept = self._within_strings
        return "".join(
            line if number in kept or not deeper else self._moved(line, base, moved)
            for number, line in ((each, self.lines[each - 1]) for each in lines)
        )

    def importing(self, lines: Sequence[str], wanted: Sequence[str]) -> str:
        """The lines above upgrade() with these imports, each where its like stand."""
        have = {line.strip() for line in lines}
        imports = [each for each in self.tree.body if isinstance(each, ast.Import | ast.ImportFrom)]
        told = sorted(set(wanted) - have, key=lambda each: (each.startswith("from"), each))
        own = [f"{each}\n" for each in told if "alembic" not in each and "sqlalchemy" not in each]
        others = [f"{each}\n" for each in told if f"{each}\n" not in own]
        imports = [each for each in imports if not _future(each)]
        first, last = imports[0].lineno - 1, imports[-1].end_lineno or imports[-1].lineno
        if own and not _of_python(imports[0]):
            own.append("\n")
        return "".join([*lines[:first], *own, *lines[first:last], *others, *lines[last:]])

    def _moved(self, line: str, base: str, moved: str) -> str:
        return moved + line.removeprefix(base) if line.strip() else line

    @cached_property
    def _within_strings(self) -> set[int]:
        """Lines that begin within a string, which moving them would change."""
        found: set[int] = set()
        opened: list[int] = []
        starts = {getattr(tokenize, "FSTRING_START", -1), getattr(tokenize, "TSTRING_START", -1)}
        ends = {getattr(tokenize, "FSTRING_END", -1), getattr(tokenize, "TSTRING_END", -1)}
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type == tokenize.STRING:
                found.update(range(token.start[0] + 1, token.end[0] + 1))
            elif token.type in starts:
                opened.append(token.start[0])
            elif token.type in ends:
                found.update(range(opened.pop() + 1, token.end[0] + 1))
        return found

    def _imported(self, module: str) -> Iterator[tuple[str, str]]:
        for node in self.tree.body:
            if isinstance(node, ast.ImportFrom) and node.module == module:
                yield from ((each.name, each.asname or each.name) for each in node.names)


def _future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _of_python(node: ast.Import | ast.ImportFrom) -> bool:
    name = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
    return (name or "").partition(".")[0] in sys.stdlib_module_names
