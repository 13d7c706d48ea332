"""An UPDATE of a whole table, in batches that are each committed."""

import re

from backoffice.migrations.fixes.calls import Call
from backoffice.migrations.fixes.columns import backfilled
from backoffice.migrations.fixes.steps import ByHand, Step

_UPDATE = re.compile(
    r"\s*UPDATE\s+(?:ONLY\s+)?(?P<table>[\w.\"]+)\s+SET\s+(?P<column>[\w\"]+)\s*=\s*(?P<value>.+?)"
    r"(?:\s+WHERE\s+(?P<where>.+?))?\s*;?\s*\Z",
    re.IGNORECASE | re.DOTALL,
)
_BEYOND = re.compile(r"\b(SELECT|FROM|RETURNING|WITH)\b|;|(?<!:):\w", re.IGNORECASE)
_WHERE = re.compile(r"\bWHERE\b", re.IGNORECASE)
#: What is the same after it was stored: no fraction that a column might round, no document.
_LITERAL = re.compile(r"-?\d+|true|false|'(?![\[{])[^']*'(::\w+)?", re.IGNORECASE)

_WORDS = (
    "no repetition would find its end: say in WHERE which rows are still to be done, as by "
    "`column IS NULL`, or change the rows in batches by key in a revision of its own"
)


def updated_table(call: Call) -> str | None:
    """The table that an `execute` updates; None where it is no UPDATE."""
    found = _UPDATE.match(call.string("sqltext") or "") if call.verb == "execute" else None
    return found["table"].replace('"', "") if found is not None else None


def update(call: Call) -> Step | ByHand:
    """The same rows in batches, where it can be told from a row that it is done."""
    sql = call.string("sqltext") or ""
    found = _UPDATE.match(sql)
    if found is None or _BEYOND.search(sql) or _WHERE.search(found["where"] or ""):
        return ByHand(_WORDS)
    column, value, where = found["column"], found["value"], found["where"]
    if _assigns_more(value):
        return ByHand(_WORDS)
    left = _left(column, value, where or "")
    if left is None:
        return ByHand(_WORDS)
    change = f"{column} = {value}"
    lines = backfilled(call, change, left, found["table"])
    return Step(tuple(lines), ("_patiently",), portable=False)


def _left(column: str, value: str, where: str) -> str | None:
    """The rows that are still to be done, of which one is no longer when it was."""
    if _mentions(column, value):
        return None
    empty = re.compile(rf"\s*{re.escape(column)}\s+IS\s+NULL\s*", re.IGNORECASE)
    conditions = re.split(r"\bAND\b", where, flags=re.IGNORECASE)
    whole = re.search(r"\b(OR|NOT\s*\()", where, re.IGNORECASE) is None
    if whole and any(map(empty.fullmatch, conditions)):
        return f"{where} AND ({value}) IS NOT NULL"
    if _LITERAL.fullmatch(value) is None:
        return None
    still = f"{column} IS DISTINCT FROM {value}"
    return f"({where}) AND {still}" if where else still


def _mentions(column: str, value: str) -> bool:
    return re.search(rf"(?<![\w'\"]){re.escape(column)}(?![\w'\"])", value) is not None


def _assigns_more(value: str) -> bool:
    """Whether a second column follows."""
    bare = re.sub(r"'[^']*'|\([^()]*\)", "", value)
    return "," in bare
