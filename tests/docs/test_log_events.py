"""docs/logging.md names every event that the packages log, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHAPTER = (ROOT / "docs" / "logging.md").read_text("utf-8")
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
LOGGERS = {"log", "access_log"}

Event = tuple[str, str, str]


def events_of(module: str, source: str) -> Iterator[Event]:
    """Level, logger and message of each call of a logger, also of one that is called later."""
    texts: dict[str, str] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            names = [each.id for each in node.targets if isinstance(each, ast.Name)]
            texts |= dict.fromkeys(names, str(node.value.value))
        if isinstance(node, ast.Call):
            for called, arguments in ((node.func, node.args), *later(node)):
                if is_logging(called):
                    yield level_of(called), module, text(arguments[0], texts)


def later(node: ast.Call) -> Iterator[tuple[ast.expr, list[ast.expr]]]:
    """What is handed over to be called, with its arguments."""
    for place, each in enumerate(node.args):
        yield each, node.args[place + 1 :]


def is_logging(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr in LEVELS
        and isinstance(node.value, ast.Name)
        and node.value.id in LOGGERS
    )


def level_of(node: ast.AST) -> str:
    assert isinstance(node, ast.Attribute)
    return "ERROR" if node.attr == "exception" else node.attr.upper()


def text(node: ast.expr, texts: dict[str, str]) -> str:
    """The message: written at the call, or in a name that is given it just before."""
    if isinstance(node, ast.Name):
        return texts[node.id]
    assert isinstance(node, ast.Constant), ast.unparse(node)
    return str(node.value)


def logged() -> set[Event]:
    found: set[Event] = set()
    for file in ROOT.glob("packages/*/src/**/*.py"):
        parts = file.relative_to(next(each for each in file.parents if each.name == "src")).parts
        module = ".".join(parts).removesuffix(".py").removesuffix(".__init__")
        events = events_of(module, file.read_text("utf-8"))
        found |= {
            (level, "backoffice.access" if message == "request" else logger, message)
            for level, logger, message in events
        }
    return found


def documented() -> set[Event]:
    table = CHAPTER.partition("### Events")[2]
    rows = re.findall(r"^\| ([A-Z]+) \| `([\w.]+)` \| `(.+?)` \|", table, re.MULTILINE)
    return set(rows)


def test_every_event_has_a_row_and_every_row_an_event() -> None:
    assert logged() - documented() == set()
    assert documented() - logged() == set()


def test_an_event_that_nobody_has_written_down_is_found() -> None:
    source = """
log.exception("one %s", 1)
told = "two"
log.info(told)
loop.call_later(9, log.warning, "three")
"""
    assert set(events_of("a.b", source)) == {
        ("ERROR", "a.b", "one %s"),
        ("INFO", "a.b", "two"),
        ("WARNING", "a.b", "three"),
    }
