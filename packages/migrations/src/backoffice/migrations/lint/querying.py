"""Queries, and what changes rows."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from backoffice.migrations.lint.actions import Action
from backoffice.migrations.lint.bounds import limited
from backoffice.migrations.lint.statements import Token, Words


def update(words: Words) -> tuple[Action, ...]:
    """UPDATE, and the tables that it reads."""
    words.take("only")
    table = words.name()
    return (Action("update", table, expression=_where(words)), *sources(words))


def delete(words: Words) -> tuple[Action, ...]:
    """DELETE, and the tables that it reads."""
    words.take("from")
    words.take("only")
    table = words.name()
    return (Action("delete", table, expression=_where(words)), *sources(words))


def _where(words: Words) -> str:
    depth = 0
    left = words.rest()
    for index, token in enumerate(left):
        depth += (token.text == "(") - (token.text == ")") if token.kind == "sign" else 0
        if depth == 0 and token.kind == "word" and token.text == "where":
            return Words(words.sql, left[index + 1 :]).text()
    return ""


def insert(words: Words) -> tuple[Action, ...]:
    """INSERT, and the tables that it reads."""
    words.take("or", "ignore")
    words.take("or", "replace")
    words.take("into")
    table = words.name()
    kind = "insert" if words.has("values") or words.has("default", "values") else "insert select"
    return (Action(kind, table), *sources(words))


def sources(words: Words) -> tuple[Action, ...]:
    """The tables that a query reads, wherever in it."""
    found = []
    left = words.rest()
    for index, token in enumerate(left):
        if token.kind == "word" and token.text in ("from", "join", "using"):
            table = Words(words.sql, left[index + 1 : index + 4]).name()
            if table and table not in ("select", "lateral", "only"):
                found.append(Action("read", table))
    return tuple(dict.fromkeys(found))


def select(words: Words) -> tuple[Action, ...]:
    """What a query reads."""
    locking = "lock rows" if words.has("for", "update") or words.has("for", "share") else "read"
    return tuple(Action(locking, each.table) for each in sources(words))


def with_(words: Words) -> tuple[Action, ...]:
    """What a statement with WITH before it changes, in it and in its parts.

    `limited` says that one of the parts gives no more rows than a LIMIT says.
    """
    left = words.rest()
    flags = frozenset({"limited"} if any(map(limited, _groups(left))) else ())
    found = list(sources(words))
    for index, token in enumerate(left):
        before = left[index - 1].text if index else ""
        changes = token.kind == "word" and token.text in ("update", "delete", "insert")
        if changes and before not in ("for", "on", "do", "no", "key"):
            inner = Words(words.sql, left[index + 1 :])
            changed = replace(_CHANGES[token.text](inner)[0], flags=flags)
            found = [changed, *found]
    return tuple(found)


def _groups(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """What stands in each of the outermost parentheses."""
    depth, begin = 0, 0
    for index, token in enumerate(tokens):
        if token.kind != "sign":
            continue
        if token.text == "(":
            begin, depth = (index + 1, 1) if depth == 0 else (begin, depth + 1)
        elif token.text == ")" and depth:
            depth -= 1
            if depth == 0:
                yield [*tokens[begin:index]]


_CHANGES = {"update": update, "delete": delete, "insert": insert}
