"""docs/errors.md names every code that the packages use, and no other."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from backoffice.core import BackofficeError, Refusal
from backoffice.core.problems import _CODES

ROOT = Path(__file__).parents[2]
CHAPTER = (ROOT / "docs" / "errors.md").read_text("utf-8")
#: Said by the frame of the command, and by Starlette's router.
ELSEWHERE = {"unexpected": set(), "method_not_allowed": {405}}

Uses = Iterator[tuple[str, int | None]]


def statuses() -> dict[str, int]:
    """The status of each class of the ladder, by the name of the class.

    Not that of one that is told by the command alone, and has no status of its own.
    """
    found: dict[str, int] = {}
    pending = BackofficeError.__subclasses__()
    while pending:
        kind = pending.pop()
        pending += kind.__subclasses__()
        status = getattr(kind, "status", None)
        if status is not None and status != Refusal.status:
            found[kind.__name__] = status
    return found


STATUSES = statuses()


def codes_of(source: str) -> Uses:
    """Each code that a source names, with the status that it has there."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            yield from ((code, STATUSES.get(node.name)) for code in declared(node))
        elif isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            for each in node.keywords:
                if each.arg == "code" and isinstance(code := literal(each.value), str):
                    yield code, STATUSES.get(name)
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if literal(key) == "code" and isinstance(code := literal(value), str):
                    yield code, None


def declared(node: ast.ClassDef) -> Iterator[str]:
    """`code = "..."` in the body of a class."""
    for each in node.body:
        if isinstance(each, ast.Assign | ast.AnnAssign):
            targets = each.targets if isinstance(each, ast.Assign) else [each.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            if names == ["code"] and isinstance(code := literal(each.value), str):
                yield code


def literal(node: ast.AST | None) -> object:
    return node.value if isinstance(node, ast.Constant) else None


@cache
def used() -> dict[str, set[int]]:
    """Every code of the packages, with its statuses."""
    found: dict[str, set[int]] = {code: {*known} for code, known in ELSEWHERE.items()}
    for file in ROOT.glob("packages/*/src/**/*.py"):
        for code, status in codes_of(file.read_text("utf-8")):
            found.setdefault(code, set()).update({status} if status else ())
    for status, code in _CODES.items():
        found.setdefault(code, set()).add(status)
    return found


def documented() -> dict[str, set[int]]:
    """The table of codes, with their statuses."""
    table = CHAPTER.partition("### Codes")[2]
    rows = re.findall(r"^\| `(\w+)` \| ([\d, ]*) ?\|", table, re.MULTILINE)
    assert len(dict(rows)) == len(rows), "a code has two rows"
    return {code: {int(each) for each in re.findall(r"\d+", told)} for code, told in rows}


def test_every_code_has_a_row_and_every_row_a_code() -> None:
    assert documented().keys() == used().keys()


@pytest.mark.parametrize("code", sorted(documented()))
def test_a_code_has_the_statuses_that_its_row_says(code: str) -> None:
    assert used()[code] <= documented()[code]


def test_a_code_that_nobody_has_written_down_is_found() -> None:
    source = """
class Gone(Refusal):
    code = "one"
raise Conflict("x", code="two")
JSONResponse({"detail": {"code": "three"}})
"""
    assert set(codes_of(source)) == {("one", None), ("two", 409), ("three", None)}


def test_the_table_of_the_ladder_is_right() -> None:
    for name, status in STATUSES.items():
        if f"| `{name}` |" in CHAPTER:
            assert re.search(rf"^\| `{name}` \| {status}\b", CHAPTER, re.MULTILINE), name
