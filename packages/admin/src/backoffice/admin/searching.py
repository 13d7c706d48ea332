"""Searching text: how a word is met by a column, by an index where one serves."""

import re
from functools import cache
from typing import Any, Literal

from sqlalchemy import Column, Index, Table, and_, collate, func, literal

Lookup = Literal["contains", "startswith", "exact"]
#: By what a column is found: an index over `lower(column)`, one that knows no case, an ordinary
#: one, or none.
Indexed = Literal["lower", "caseless", "plain", ""]

_ESCAPE = "/"
_LAST = "\U0010ffff"
_MOST_WORDS = 10
_WORD = re.compile(r'"([^"]+)"|(\S+)')
_CASELESS = re.compile(r"nocase", re.IGNORECASE)


def words_of(text: str) -> list[str]:
    """The words of a search; several within quotes are one."""
    found = [each[1] or each[2] for each in _WORD.finditer(text.replace("\0", ""))]
    return [each for each in found if each.strip()][:_MOST_WORDS]


def meets(column: Any, lookup: Lookup, word: str, dialect: str) -> Any:
    """The condition that the column contains, begins with, or is the word, in letters of any size.

    An ordinary index cannot find a word in letters of any size: what is asked for as a whole is
    looked for as it was typed, in small letters, in capitals, and with one in front.
    """
    indexed = _indexed(column.expression)
    if lookup == "exact":
        return _is(column, word, indexed, dialect)
    pattern = _escaped(word) + "%" if lookup == "startswith" else f"%{_escaped(word)}%"
    if indexed == "lower":
        lowered = func.lower(column)
        like = lowered.like(pattern.lower(), escape=_ESCAPE)
        if lookup == "contains" or dialect != "sqlite":
            return like
        # SQLite looks up no pattern in an index over an expression.
        first = word.lower()
        return and_(lowered >= first, lowered < first + _LAST, like)
    # LIKE of SQLite knows no case, and unlike lower() it costs nothing.
    same = column.like if dialect == "sqlite" else column.ilike
    return same(pattern, escape=_ESCAPE)


def is_indexed(column: Any) -> bool:
    """Whether an index finds what a column is."""
    return bool(_indexed(column.expression))


def met_by_index(column: Any, word: str, dialect: str) -> Any | None:
    """The condition of what an index finds: how a column begins, else the whole of it."""
    if not (indexed := _indexed(column.expression)):
        return None
    # PostgreSQL finds no beginning by an ordinary index, unless it sorts as C does.
    begins = dialect == "sqlite" and indexed in ("lower", "caseless")
    return meets(column, "startswith" if begins else "exact", word, dialect)


def ending(column: Any, text: str, dialect: str) -> Any:
    """The condition that the column ends with the text; no index helps."""
    same = column.like if dialect == "sqlite" else column.ilike
    return same(f"%{_escaped(text)}", escape=_ESCAPE)


def _is(column: Any, word: str, indexed: Indexed, dialect: str) -> Any:
    if indexed == "plain":
        return column.in_(sorted({word, word.lower(), word.upper(), word.capitalize()}))
    if indexed == "lower" or (dialect != "sqlite" and indexed != "caseless"):
        return func.lower(column) == word.lower()
    return column == (collate(literal(word), "NOCASE") if dialect == "sqlite" else word)


@cache
def _indexed(column: Column[Any]) -> Indexed:
    table = column.table
    if not isinstance(table, Table):
        return ""
    own = table.c.get(column.key, column)
    leading = [_leading(each, own) for each in table.indexes]
    if "lower" in leading:
        return "lower"
    if "caseless" in leading or "citext" in type(own.type).__name__.lower():
        return "caseless"
    unique = any(list(each.columns)[:1] == [own] for each in _keys(table))
    return "plain" if "plain" in leading or unique else ""


def _keys(table: Table) -> list[Any]:
    named = (each for each in table.constraints if type(each).__name__ == "UniqueConstraint")
    return [table.primary_key, *named]


def _leading(index: Index, column: Column[Any]) -> Indexed:
    """How the index finds the column, if it begins with it."""
    first: Any = next(iter(index.expressions), None)
    if first is column:
        return "plain"
    text = str(first).lower().replace('"', "")
    if not re.search(rf"(^|[^\w]){re.escape(column.name.lower())}($|[^\w])", text):
        return ""
    if "lower(" in text:
        return "lower"
    return "caseless" if _CASELESS.search(text) else ""


def _escaped(word: str) -> str:
    return re.sub(r"([/%_])", r"/\1", word)
