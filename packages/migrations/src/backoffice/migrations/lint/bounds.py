"""How many rows a condition may hold, as far as its looks tell."""

import re
from collections.abc import Sequence

from backoffice.migrations.lint.statements import Token, Words

_KEY = re.compile(r"(\w*_)?(id|uuid|key|code|slug|name)", re.IGNORECASE)
_LOWER, _UPPER = {">", ">="}, {"<", "<="}
#: What begins a value that is the same for each row: `'x'`, `3`, `$1`, `%(id)s`, `:id`, `-1`.
_VALUES = ("$", "%", ":", "-")


def bounded(where: str) -> bool:
    """Whether a condition holds the number of rows small.

    It does by an equality or a range on what looks like a key, by places in the table that were
    looked up before, and by a query with a LIMIT.
    """
    words = Words(where)
    if words.has("or"):
        return False
    parts = [_Part(each) for each in _conjuncts(words.rest())]
    ends = {each.end for each in parts if each.end}
    ranged = any((name, "lower") in ends and (name, "upper") in ends for name, _ in ends)
    return ranged or any(each.few for each in parts)


class _Part:
    """One of the conditions that AND joins."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        while _wrapped(tokens):
            tokens = tokens[1:-1]
        words = Words("", tokens)
        self._either = words.has("or")
        self._column = words.name().rpartition(".")[2]
        self._right = words.rest()

    @property
    def few(self) -> bool:
        """Whether it holds for few rows by itself."""
        if self._either or not (self._column == "ctid" or _KEY.fullmatch(self._column)):
            return False
        told = [token.text for token in self._right]
        if told[:1] == ["="]:
            listed = told[1:3] == ["any", "("] and (
                told[3:4] == ["array"] or _value(self._right[3:])
            )
            return listed or _value(self._right[1:])
        if told[:2] == ["in", "("]:
            return told[2:3] != ["select"] or limited(self._right[2:-1])
        return told[:1] == ["between"] and _value(self._right[1:])

    @property
    def end(self) -> tuple[str, str] | None:
        """The column of which it names the lower or the upper end."""
        sign = self._right[0].text if self._right else ""
        if self._either or sign not in _LOWER | _UPPER or not _KEY.fullmatch(self._column):
            return None
        end = "lower" if sign in _LOWER else "upper"
        return (self._column, end) if _value(self._right[1:]) else None


def limited(tokens: Sequence[Token]) -> bool:
    """Whether a query itself, not one within it, says LIMIT and a number."""
    depth = 0
    for index, token in enumerate(tokens):
        if token.kind == "sign":
            depth += (token.text == "(") - (token.text == ")")
        elif depth == 0 and token.kind == "word" and token.text == "limit":
            return _value(tokens[index + 1 : index + 2])
    return False


def _value(tokens: Sequence[Token]) -> bool:
    first = tokens[0] if tokens else None
    return first is not None and (first.kind in ("string", "number") or first.text in _VALUES)


def _wrapped(tokens: Sequence[Token]) -> bool:
    """Whether one pair of parentheses stands around all."""
    if not tokens or tokens[0].text != "(" or tokens[-1].text != ")":
        return False
    depth = 0
    for token in tokens[:-1]:
        depth += (token.text == "(") - (token.text == ")") if token.kind == "sign" else 0
        if depth == 0:
            return False
    return True


def _conjuncts(tokens: Sequence[Token]) -> list[list[Token]]:
    """The conditions that AND joins; that of BETWEEN stays within."""
    found: list[list[Token]] = [[]]
    depth, between = 0, False
    for token in tokens:
        if token.kind == "sign":
            depth += (token.text == "(") - (token.text == ")")
        if depth == 0 and token.kind == "word" and token.text == "and" and not between:
            found.append([])
            continue
        if depth == 0 and token.kind == "word":
            between = token.text == "between" or (between and token.text != "and")
        found[-1].append(token)
    return found
