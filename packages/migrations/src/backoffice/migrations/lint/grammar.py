"""Tells what a statement does, as far as locks and rows go.

Not all of SQL: what is not known is an action of kind `other`, never an error.
"""

import re
from collections.abc import Callable

from backoffice.migrations.lint import altering, creating, querying
from backoffice.migrations.lint.actions import Action
from backoffice.migrations.lint.creating import on
from backoffice.migrations.lint.statements import Words, split

_INNER = re.compile(
    r"\b(alter\s+(table|type|index)|create\s+(unique\s+)?(index|table)|drop\s+(table|index|column)"
    r"|update\s|delete\s+from|insert\s+into|truncate|lock\s+table)",
    re.IGNORECASE,
)
_OBJECTS = (
    *("materialized view", "foreign table", "text search", "event trigger", "view", "table"),
    *("index", "sequence", "type", "trigger", "policy", "rule", "schema", "domain"),
)


def parse(sql: str) -> tuple[Action, ...]:
    """What one statement does; several actions for ALTER TABLE with commas, or a DO block."""
    words = Words(sql)
    first = words.skip()
    if first is None or first.kind != "word":
        return ()
    read = _VERBS.get(first.text)
    return read(words) if read else (Action("other", name=first.text),)


def _drop(words: Words) -> tuple[Action, ...]:
    kind = next((each for each in _OBJECTS if words.take(*each.split())), "")
    if not kind:
        return (Action("other", name="drop"),)
    flags = {"concurrently"} if words.take("concurrently") else set()
    if words.take("if", "exists"):
        flags.add("if exists")
    if words.has("cascade"):
        flags.add("cascade")
    if kind in ("trigger", "policy", "rule"):
        return on(words, f"drop {kind}")
    names = [each.name() for each in words.parts()]
    if kind in ("table", "materialized view", "view", "foreign table"):
        return tuple(Action(f"drop {kind}", name, flags=frozenset(flags)) for name in names)
    return tuple(Action(f"drop {kind}", name=name, flags=frozenset(flags)) for name in names)


def _alter(words: Words) -> tuple[Action, ...]:
    if words.take("table") or words.take("foreign", "table"):
        return altering.table(words)
    if words.take("type"):
        return altering.type_(words)
    if words.take("index"):
        return altering.index(words)
    if words.take("materialized", "view") or words.take("view"):
        words.take("if", "exists")
        return (Action("alter view", words.name()),)
    for kind in ("trigger", "policy", "rule"):
        if words.take(kind):
            return on(words, f"alter {kind}")
    if words.take("sequence"):
        words.take("if", "exists")
        return (Action("alter sequence", name=words.name()),)
    return (Action("other", name="alter"),)


def _truncate(words: Words) -> tuple[Action, ...]:
    words.take("table")
    flags = frozenset({"cascade"} if words.has("cascade") else ())
    tables = []
    for each in words.parts():
        each.take("only")
        tables.append(each.name())
    return tuple(Action("truncate", table, flags=flags) for table in tables)


def _lock(words: Words) -> tuple[Action, ...]:
    words.take("table")
    words.take("only")
    tables = [words.name()]
    while words.take(","):
        tables.append(words.name())
    mode = words.text().lower().removeprefix("in ").partition(" mode")[0]
    mode = mode if words.take("in") else "access exclusive"
    return tuple(Action("lock", table, mode) for table in tables)


def _vacuum(words: Words) -> tuple[Action, ...]:
    options = words.group().text().lower().split()
    full = "full" in options
    while word := words.any("full", "freeze", "verbose", "analyze"):
        full = full or word == "full"
    table = words.name()
    return (Action("vacuum full" if full else "vacuum", table),)


def _analyze(words: Words) -> tuple[Action, ...]:
    words.take("verbose")
    return (Action("analyze", words.name()),)


def _cluster(words: Words) -> tuple[Action, ...]:
    words.take("verbose")
    return (Action("cluster", words.name()),)


def _reindex(words: Words) -> tuple[Action, ...]:
    words.group()
    kind = words.any("index", "table", "schema", "database", "system")
    flags = frozenset({"concurrently"} if words.take("concurrently") else ())
    name = words.name()
    if kind == "table":
        return (Action("reindex", name, flags=flags),)
    return (Action(f"reindex {kind}", name=name, flags=flags),)


def _refresh(words: Words) -> tuple[Action, ...]:
    words.take("materialized", "view")
    flags = frozenset({"concurrently"} if words.take("concurrently") else ())
    return (Action("refresh", words.name(), flags=flags),)


def _comment(words: Words) -> tuple[Action, ...]:
    words.take("on")
    if words.take("table"):
        return (Action("comment", words.name()),)
    if words.take("column"):
        return (Action("comment", words.name().rpartition(".")[0]),)
    return (Action("other", name="comment"),)


def _do(words: Words) -> tuple[Action, ...]:
    """The statements of a block that are known by their first words."""
    body = next((token.text for token in words.rest() if token.kind == "string"), "")
    found: list[Action] = []
    for each in split(body):
        match = _INNER.search(each)
        if match:
            found += parse(each[match.start() :].strip().strip("'"))
    return tuple(found) or (Action("other", name="do"),)


def _copy(words: Words) -> tuple[Action, ...]:
    table = words.name()
    words.group()
    return (Action("insert" if words.take("from") else "read", table),)


def _set(words: Words) -> tuple[Action, ...]:
    """SET TIME ZONE alone: it decides whether a change of timestamps rewrites."""
    words.any("session", "local")
    if not (words.take("time", "zone") or (words.take("timezone") and words.any("=", "to"))):
        return ()
    return (Action("set time zone", name=words.name()),)


def _nothing(_: Words) -> tuple[Action, ...]:
    return ()


_VERBS: dict[str, Callable[[Words], tuple[Action, ...]]] = {
    "create": creating.create,
    "drop": _drop,
    "alter": _alter,
    "update": querying.update,
    "delete": querying.delete,
    "insert": querying.insert,
    "replace": querying.insert,
    "merge": querying.insert,
    "select": querying.select,
    "with": querying.with_,
    "truncate": _truncate,
    "lock": _lock,
    "vacuum": _vacuum,
    "analyze": _analyze,
    "analyse": _analyze,
    "cluster": _cluster,
    "reindex": _reindex,
    "refresh": _refresh,
    "comment": _comment,
    "do": _do,
    "copy": _copy,
    "set": _set,
    "show": _nothing,
    "reset": _nothing,
    "pragma": _nothing,
}
