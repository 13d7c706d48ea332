"""The way back."""

import ast
from collections.abc import Iterator, Sequence

from backoffice.migrations.lint.actions import Action
from backoffice.migrations.lint.catalogue import RULES
from backoffice.migrations.lint.findings import Finding, Where
from backoffice.migrations.lint.grammar import parse
from backoffice.migrations.lint.operations import Reading, Target
from backoffice.migrations.lint.walk import Step

#: What changes nothing that a way back would have to undo.
_HARMLESS = ("read", "analyze", "vacuum", "other", "lock", "lock rows", "set time zone")


def not_undone(reading: Reading, steps: Sequence[Step], _: Target) -> Iterator[Finding]:
    """upgrade() does something, and downgrade() nothing at all."""
    if all(each.action.kind in _HARMLESS for each in steps) or reading.downgrade:
        return
    function = _downgrade(reading)
    if function is None or not _says_something(function):
        line = function.lineno if function else 1
        yield RULES["BM501"].found(
            Where(reading.path, line, reading.revision, "downgrade"), "downgrade() does nothing"
        )


def types_left(reading: Reading, steps: Sequence[Step], target: Target) -> Iterator[Finding]:
    """Types that upgrade() makes and downgrade() does not drop, though it drops what uses them."""
    if target.dialect != "postgresql" or not reading.downgrade:
        return
    back = [action for each in reading.statements("downgrade") for action in parse(each.sql)]
    dropped = {each.name for each in back if each.kind == "drop type"}
    made = {step.action.name: step for step in steps if step.action.kind == "create type"}
    for name, step in made.items():
        if name not in dropped and _undone(back, steps):
            yield RULES["BM502"].found(step.where, f"type {name} is left by downgrade()")


def _undone(back: Sequence[Action], steps: Sequence[Step]) -> bool:
    """Whether downgrade() undoes what upgrade() makes, the type left alone."""
    made = {
        step.action.table for step in steps if step.action.kind in ("create table", "add column")
    }
    return any(
        each.kind in ("drop table", "drop column", "alter type") and each.table in made
        for each in back
    )


def _downgrade(reading: Reading) -> ast.FunctionDef | None:
    try:
        body = ast.parse(reading.source).body
    except SyntaxError:
        return None
    found = [each for each in body if isinstance(each, ast.FunctionDef)]
    return next((each for each in found if each.name == "downgrade"), None)


def _says_something(function: ast.FunctionDef) -> bool:
    """Anything but `pass`, a docstring, `...` or an empty `return`."""
    return any(
        not isinstance(each, ast.Pass)
        and not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
        and not (isinstance(each, ast.Return) and each.value is None)
        for each in function.body
    )
