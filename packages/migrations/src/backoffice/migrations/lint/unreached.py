"""The part of a revision that does not run while it is read."""

import ast
import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from backoffice.migrations.lint.kinds import holds
from backoffice.migrations.lint.operations import DialectName, Reading

#: The name under which a revision's function is asked for its variables.
OBSERVER = "__backoffice_observe__"
_TELLING = re.compile(r"\bop\b|\bexecute\b|\bbatch_alter_table\b|\bbind\b|\bconn")


class Some(str):
    """A value that only the database could tell: its text is the name of the variable."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self

    def __getitem__(self, _: Any) -> Any:
        return self


@dataclass(frozen=True)
class LeftOut:
    """A statement that was not come to, in the `with` blocks around it; `names` are the variables
    of the loops around it."""

    statement: ast.stmt
    blocks: tuple[ast.With, ...] = ()
    names: frozenset[str] = frozenset()

    def module(self) -> ast.Module:
        """A program of it alone."""
        body = self.statement
        for block in reversed(self.blocks):
            body = ast.copy_location(ast.With(block.items, [body]), block)
        return ast.fix_missing_locations(ast.Module([body], []))

    def variables(self) -> dict[str, Any]:
        """Values for the variables of the loops."""
        return {name: Some(name) for name in self.names}


def observed(tree: ast.Module, function: ast.FunctionDef) -> ast.Module:
    """The same module, whose function gives its variables away at its end, however it ends."""
    changed = copy.deepcopy(tree)
    found = next(
        each
        for each in reversed(changed.body)
        if isinstance(each, ast.FunctionDef) and each.name == function.name
    )
    told = ast.parse(f"{OBSERVER}(locals())").body
    found.body = [ast.Try(found.body, [], [], told)]
    return ast.fix_missing_locations(changed)


def left_out(function: ast.FunctionDef, reached: set[int], dialect: DialectName) -> list[LeftOut]:
    """The statements that speak to this kind of database, and were not come to."""
    return list(_left_out(function.body, reached, dialect, LeftOut(function)))


def not_come_to(lines: range, reading: Reading) -> bool:
    """Whether these lines stand in a part of the file of which nothing was called: a function, or
    a branch for another kind of database."""
    blocks = [each for each in _optional(ast.parse(reading.source)) if lines.stop - 1 in each]
    called = {each.line for each in (*reading.upgrade, *reading.downgrade)}
    return any(called.isdisjoint(each) for each in blocks)


def _optional(tree: ast.Module) -> Iterator[range]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name not in ("upgrade", "downgrade"):
            yield _span(node.body)
        elif isinstance(node, ast.If) and holds(node.test, "sqlite") is not None:
            yield from (_span(each) for each in (node.body, node.orelse) if each)


def _span(body: list[ast.stmt]) -> range:
    last = body[-1]
    return range(body[0].lineno, (last.end_lineno or last.lineno) + 1)


def _left_out(
    body: list[ast.stmt], reached: set[int], dialect: DialectName, within: LeftOut
) -> Iterator[LeftOut]:
    for statement in body:
        if _parts(statement) and not _plain_batch(statement):
            for part in _alive(statement, dialect):
                yield from _left_out(part, reached, dialect, _inside(statement, within))
        elif _calls_database(statement, within) and not reached & _lines(statement):
            yield replace(within, statement=statement)
        if _returns(statement, dialect):
            return


def _alive(statement: ast.stmt, dialect: DialectName) -> list[list[ast.stmt]]:
    """Its blocks, but for those that are for another kind of database."""
    came = holds(statement.test, dialect) if isinstance(statement, ast.If) else None
    if came is None or not isinstance(statement, ast.If):
        return _parts(statement)
    return [each for each in (statement.body if came else statement.orelse,) if each]


def _returns(statement: ast.stmt, dialect: DialectName) -> bool:
    """Whether the function ends here on that kind of database."""
    if not isinstance(statement, ast.If) or holds(statement.test, dialect) is None:
        return False
    return any(isinstance(each[-1], ast.Return) for each in _alive(statement, dialect))


def _inside(statement: ast.stmt, within: LeftOut) -> LeftOut:
    if isinstance(statement, ast.With):
        return replace(within, blocks=(*within.blocks, statement))
    if isinstance(statement, ast.For):
        found = (each for each in ast.walk(statement.target) if isinstance(each, ast.Name))
        return replace(within, names=within.names | {each.id for each in found})
    return within


def _parts(statement: ast.stmt) -> list[list[ast.stmt]]:
    """The blocks below a statement; those of a function run where it is called."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return [[]]
    inner = [getattr(statement, name, None) or [] for name in ("body", "orelse", "finalbody")]
    handlers = [each.body for each in getattr(statement, "handlers", [])]
    return [each for each in (*inner, *handlers) if each]


def _plain_batch(statement: ast.stmt) -> bool:
    """Whether a batch does all that stands in it, whatever there is."""
    return (
        isinstance(statement, ast.With)
        and any("batch_alter_table" in ast.unparse(each.context_expr) for each in statement.items)
        and not any(isinstance(each, ast.If | ast.For) for each in ast.walk(statement))
    )


def _lines(statement: ast.stmt) -> set[int]:
    return set(range(statement.lineno, (statement.end_lineno or statement.lineno) + 1))


def _calls_database(statement: ast.stmt, within: LeftOut) -> bool:
    batches = {
        each.optional_vars.id
        for block in within.blocks
        for each in block.items
        if isinstance(each.optional_vars, ast.Name)
    }
    return any(
        (isinstance(node, ast.Call) and _TELLING.search(ast.unparse(node.func)))
        or (isinstance(node, ast.Name) and node.id in batches)
        for node in ast.walk(statement)
    )
