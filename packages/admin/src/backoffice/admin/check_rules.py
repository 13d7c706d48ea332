"""CHECK constraints in words: what a condition of a table asks of its columns."""

import re
from collections.abc import Mapping

from sqlalchemy import CheckConstraint, Table
from sqlalchemy.exc import CompileError

_COMPARED = {
    ">=": "at least {}",
    "<=": "at most {}",
    ">": "more than {}",
    "<": "less than {}",
    "=": "{}",
    "<>": "other than {}",
    "!=": "other than {}",
}
_NAME = r"\(?\"?(\w+)\"?\)?"
_VALUE = r"(-?\d+(?:\.\d+)?|'[^']*'|\"?\w+\"?)"
_COMPARISON = re.compile(rf"{_NAME}\s*(>=|<=|<>|!=|>|<|=)\s*{_VALUE}")
_LENGTH = re.compile(rf"(?:char_)?length\({_NAME}\)\s*(>=|<=|>|<|=)\s*(\d+)", re.IGNORECASE)
_BETWEEN = re.compile(rf"{_NAME}\s+between\s+{_VALUE}\s+and\s+{_VALUE}", re.IGNORECASE)
_AMONG = re.compile(rf"{_NAME}\s+in\s*\(([^()]*)\)", re.IGNORECASE)


def check_named(table: Table, name: str) -> CheckConstraint | None:
    """The constraint that a database calls so, or by its condition, or has made up a name for."""
    checks = [each for each in table.constraints if isinstance(each, CheckConstraint)]
    for each in checks:
        if each.name == name:
            return each
    for each in checks:
        made_up = {f"{table.name}_{column}_check" for column in mentioned(table, condition(each))}
        if each.name is None and (condition(each) == name or name in made_up):
            return each
    return None


def condition(check: CheckConstraint) -> str:
    """The condition as it stands in the table."""
    try:
        text = str(check.sqltext.compile(compile_kwargs={"literal_binds": True}))
    except CompileError:
        text = str(check.sqltext)
    prefix = f"{check.table.name}." if isinstance(check.table, Table) else ""
    return text.replace(prefix, "") if prefix else text


def mentioned(table: Table, text: str) -> list[str]:
    """The columns that a condition is about."""
    words = set(re.findall(r"\w+", text))
    return [column.name for column in table.columns if column.name in words]


def in_words(check: CheckConstraint, labels: Mapping[str, str]) -> str:
    """What it asks for: as its `info` says by "message", else read from a simple condition."""
    said = check.info.get("message")
    if isinstance(said, str):
        return said
    asked = _asked(condition(check).strip(), labels)
    if asked is not None:
        return f"This has to be {asked}."
    return f"This breaks the rule {check.name}." if check.name else "This breaks a rule."


def _asked(text: str, labels: Mapping[str, str]) -> str | None:
    if found := _COMPARISON.fullmatch(text):
        return _COMPARED[found[2]].format(_value(found[3], labels))
    if found := _LENGTH.fullmatch(text):
        return f"{_COMPARED[found[2]].format(found[3])} characters long"
    if found := _BETWEEN.fullmatch(text):
        return f"between {_value(found[2], labels)} and {_value(found[3], labels)}"
    if found := _AMONG.fullmatch(text):
        return f"one of {', '.join(_value(each.strip(), labels) for each in found[2].split(','))}"
    return None


def _value(text: str, labels: Mapping[str, str]) -> str:
    if text.startswith("'"):
        return text[1:-1]
    bare = text.strip('"')
    return labels.get(bare, bare)
