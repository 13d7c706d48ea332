"""Tells what a statement does, as far as locks and rows go.

Not all of SQL: what is not known is an action of kind `other`, never an error.
"""

import re
from collections.abc import Callable

from backoffice.migrations.lint import altering
from backoffice.migrations.lint.actions import Action
from backoffice.migrations.lint.columns import column, constraint
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


def _create(words: Words) -> tuple[Action, ...]:
    flags = {"or replace"} if words.take("or", "replace") else set()
    while word := words.any(
        "global", "local", "temporary", "temp", "unlogged", "unique", "virtual"
    ):
        flags.add("temporary" if word == "temp" else word)
    words.take("constraint")
    if words.take("table"):
        return _create_table(words, flags)
    if words.take("index"):
        return (_create_index(words, flags),)
    if words.take("trigger"):
        return _on(words, "create trigger")
    if words.take("policy"):
        return _on(words, "create policy")
    if words.take("statistics"):
        return (Action("create statistics", _after(words, "from")),)
    if words.take("rule"):
        return _to(words, "create rule")
    for kind in ("materialized view", "view"):
        if words.take(*kind.split()):
            if words.take("if", "not", "exists"):
                flags.add("if not exists")
            made = Action(f"create {kind}", words.name(), flags=frozenset(flags))
            return made, *_sources(words)
    if words.take("type"):
        return (Action("create type", name=words.name()),)
    if words.take("publication"):
        words.name()
        listed = words.take("for", "table")
        tables = [each.name() for each in words.parts()] if listed else []
        return tuple(Action("publish", each) for each in tables)
    if words.take("domain"):
        domain = words.name()
        held = words.has("check") or words.has("not", "null")
        return (Action("create domain" if held else "other", name=domain),)
    return (Action("other", name="create"),)


def _create_table(words: Words, flags: set[str]) -> tuple[Action, ...]:
    if words.take("if", "not", "exists"):
        flags.add("if not exists")
    table = words.name()
    parts: list[Action] = []
    if words.take("partition", "of"):
        parent = words.name()
        made = Action("create table", table, flags=frozenset(flags))
        return made, Action("add partition", parent, table)
    if words.peek("("):
        for each in words.group().parts():
            parts += constraint(each, table) or column(each, table)
    made = Action("create table", table, flags=frozenset(flags), parts=tuple(parts))
    others = tuple(
        Action("referenced", each.references) for each in parts if each.references != table
    )
    inherited: tuple[Action, ...] = ()
    if words.take("inherits"):
        inherited = tuple(Action("inherited", each.name()) for each in words.group().parts())
    return made, *(each for each in others if each.table), *inherited, *_sources(words)


def _create_index(words: Words, flags: set[str]) -> Action:
    if words.take("concurrently"):
        flags.add("concurrently")
    if words.take("if", "not", "exists"):
        flags.add("if not exists")
    name = "" if words.peek("on") else words.name()
    words.take("on")
    if words.take("only"):
        flags.add("only")
    table = words.name()
    if words.take("using"):
        words.name()
    columns = tuple(each.text() for each in words.group().parts())
    return Action("create index", table, name, columns=columns, flags=frozenset(flags))


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
        return _on(words, f"drop {kind}")
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
            return _on(words, f"alter {kind}")
    if words.take("sequence"):
        words.take("if", "exists")
        return (Action("alter sequence", name=words.name()),)
    return (Action("other", name="alter"),)


def _on(words: Words, kind: str) -> tuple[Action, ...]:
    """A name, and somewhere behind it ON table."""
    name = words.name()
    return (Action(kind, _after(words, "on"), name),)


def _to(words: Words, kind: str) -> tuple[Action, ...]:
    return (Action(kind, _after(words, "to")),)


def _after(words: Words, word: str) -> str:
    while not words.over and not words.take(word):
        words.skip()
    return words.name()


def _update(words: Words) -> tuple[Action, ...]:
    words.take("only")
    table = words.name()
    return (Action("update", table, expression=_where(words)), *_sources(words))


def _delete(words: Words) -> tuple[Action, ...]:
    words.take("from")
    words.take("only")
    table = words.name()
    return (Action("delete", table, expression=_where(words)), *_sources(words))


def _where(words: Words) -> str:
    depth = 0
    left = words.rest()
    for index, token in enumerate(left):
        depth += (token.text == "(") - (token.text == ")") if token.kind == "sign" else 0
        if depth == 0 and token.kind == "word" and token.text == "where":
            return Words(words.sql, left[index + 1 :]).text()
    return ""


def _insert(words: Words) -> tuple[Action, ...]:
    words.take("or", "ignore")
    words.take("or", "replace")
    words.take("into")
    table = words.name()
    kind = "insert" if words.has("values") or words.has("default", "values") else "insert select"
    return (Action(kind, table), *_sources(words))


def _sources(words: Words) -> tuple[Action, ...]:
    """The tables that a query reads, wherever in it."""
    found = []
    left = words.rest()
    for index, token in enumerate(left):
        if token.kind == "word" and token.text in ("from", "join", "using"):
            table = Words(words.sql, left[index + 1 : index + 4]).name()
            if table and table not in ("select", "lateral", "only"):
                found.append(Action("read", table))
    return tuple(dict.fromkeys(found))


def _select(words: Words) -> tuple[Action, ...]:
    locking = "lock rows" if words.has("for", "update") or words.has("for", "share") else "read"
    return tuple(Action(locking, each.table) for each in _sources(words))


def _with(words: Words) -> tuple[Action, ...]:
    """What a statement with WITH before it changes, in it and in its parts."""
    left = words.rest()
    found = list(_sources(words))
    for index, token in enumerate(left):
        before = left[index - 1].text if index else ""
        changes = token.kind == "word" and token.text in ("update", "delete", "insert")
        if changes and before not in ("for", "on", "do", "no", "key"):
            inner = Words(words.sql, left[index + 1 :])
            found = [*_VERBS[token.text](inner)[:1], *found]
    return tuple(found)


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


def _nothing(_: Words) -> tuple[Action, ...]:
    return ()


_VERBS: dict[str, Callable[[Words], tuple[Action, ...]]] = {
    "create": _create,
    "drop": _drop,
    "alter": _alter,
    "update": _update,
    "delete": _delete,
    "insert": _insert,
    "replace": _insert,
    "merge": _insert,
    "select": _select,
    "with": _with,
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
    "set": _nothing,
    "show": _nothing,
    "reset": _nothing,
    "pragma": _nothing,
}
