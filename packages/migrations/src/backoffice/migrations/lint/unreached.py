"""The part of a revision that does not run while it is read."""

import ast
import copy
import re
from collections.abc import Iterator

from backoffice.migrations.lint.reading import OBSERVER

_TELLING = re.compile(r"\bop\b|\bexecute\b|\bbatch_alter_table\b|\bbind\b|\bconn")


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


def left_out(function: ast.FunctionDef, reached: set[int]) -> list[ast.stmt]:
    """The statements that speak to the database, and were not come to."""
    return list(_left_out(function.body, reached))


def _left_out(body: list[ast.stmt], reached: set[int]) -> Iterator[ast.stmt]:
    for statement in body:
        parts = _parts(statement)
        if parts and not _batch(statement):
            for part in parts:
                yield from _left_out(part, reached)
        elif _calls_database(statement) and not reached & _lines(statement):
            yield statement


def _parts(statement: ast.stmt) -> list[list[ast.stmt]]:
    """The blocks below a statement; those of a function run where it is called."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return [[]]
    inner = [getattr(statement, name, None) or [] for name in ("body", "orelse", "finalbody")]
    handlers = [each.body for each in getattr(statement, "handlers", [])]
    return [each for each in (*inner, *handlers) if each]


def _batch(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.With) and any(
        "batch_alter_table" in ast.unparse(each.context_expr) for each in statement.items
    )


def _lines(statement: ast.stmt) -> set[int]:
    return set(range(statement.lineno, (statement.end_lineno or statement.lineno) + 1))


def _calls_database(statement: ast.stmt) -> bool:
    return any(
        isinstance(node, ast.Call) and _TELLING.search(ast.unparse(node.func))
        for node in ast.walk(statement)
    )
