"""ALTER TABLE, ALTER TYPE and ALTER INDEX."""

from dataclasses import replace

from backoffice.migrations.lint.actions import Action
from backoffice.migrations.lint.columns import column, constraint, expression, type_of
from backoffice.migrations.lint.statements import Words


def table(words: Words) -> tuple[Action, ...]:
    """The actions of ALTER TABLE."""
    words.take("if", "exists")
    words.take("only")
    name = words.name()
    words.take("*")
    return tuple(found for each in words.parts() for found in _change(each, name))


def _change(words: Words, table: str) -> list[Action]:
    first = words.any("add", "drop", "alter", "rename", "validate", "set", "reset", "attach")
    read = {
        "add": _add,
        "drop": _drop,
        "alter": _alter,
        "rename": _rename,
        "validate": _validate,
        "set": _set,
        "attach": _attach,
    }.get(first)
    if read is not None:
        return read(words, table)
    if first == "reset":
        return [Action("set storage parameter", table)]
    return [_other(words, table)]


def _add(words: Words, table: str) -> list[Action]:
    before = words.rest()
    found = constraint(words, table)
    if found:
        return found
    words = Words(words.sql, before)
    words.take("column")
    exists = words.take("if", "not", "exists")
    made, *checks = column(words, table)
    flags = made.flags | {"if not exists"} if exists else made.flags
    return [replace(made, flags=flags), *checks]


def _drop(words: Words, table: str) -> list[Action]:
    of = words.any("constraint", "column") or "column"
    flags = {"if exists"} if words.take("if", "exists") else set()
    name = words.name()
    if words.take("cascade"):
        flags.add("cascade")
    return [Action(f"drop {of}", table, name, flags=frozenset(flags))]


def _alter(words: Words, table: str) -> list[Action]:
    if words.take("constraint"):
        return [Action("alter constraint", table, words.name())]
    words.take("column")
    name = words.name()
    if words.take("set", "data", "type") or words.take("type"):
        type_ = type_of(words)
        if words.take("collate"):
            words.name()
        using = words.text() if words.take("using") else ""
        return [Action("alter type", table, name, type_, using)]
    for said in ("set not null", "drop not null", "drop default", "drop identity"):
        if words.take(*said.split()):
            return [Action(said, table, name)]
    if words.take("set", "default"):
        return [Action("set default", table, name, expression=expression(words))]
    if words.take("set", "statistics") or words.peek("set", "(") or words.take("reset"):
        return [Action("set storage parameter", table, name)]
    if words.take("set", "expression"):
        return [Action("set expression", table, name)]
    if words.take("add", "generated"):
        return [Action("add identity", table, name)]
    return [Action("alter column", table, name)]


def _rename(words: Words, table: str) -> list[Action]:
    if words.take("to"):
        return [Action("rename table", table, words.name())]
    if words.take("constraint"):
        return [Action("rename constraint", table, words.name())]
    words.take("column")
    name = words.name()
    words.take("to")
    return [Action("rename column", table, name, expression=words.name())]


def _validate(words: Words, table: str) -> list[Action]:
    words.take("constraint")
    return [Action("validate", table, words.name())]


def _set(words: Words, table: str) -> list[Action]:
    if words.peek("("):
        return [Action("set storage parameter", table)]
    if word := words.any("logged", "unlogged", "tablespace", "access"):
        return [Action("move", table, word)]
    if words.take("schema"):
        return [Action("set schema", table, words.name())]
    if words.take("without", "cluster"):
        return [Action("set storage parameter", table)]
    return [Action("alter table", table)]


def _attach(words: Words, table: str) -> list[Action]:
    words.take("partition")
    return [Action("attach partition", table, words.name())]


def _other(words: Words, table: str) -> Action:
    if words.take("detach", "partition"):
        name = words.name()
        flags = frozenset({"concurrently"} if words.take("concurrently") else ())
        return Action("detach partition", table, name, flags=flags)
    if words.any("enable", "disable"):
        words.any("always", "replica")
        return Action("switch trigger" if words.take("trigger") else "alter table", table)
    if words.take("cluster"):
        return Action("set storage parameter", table)
    if words.take("inherit"):
        return Action("inherit", table, words.name())
    return Action("alter table", table)


def type_(words: Words) -> tuple[Action, ...]:
    """The action of ALTER TYPE."""
    name = words.name()
    if words.take("add", "value"):
        exists = frozenset({"if not exists"} if words.take("if", "not", "exists") else ())
        value = words.skip()
        return (
            Action("add value", name=name, expression=value.text if value else "", flags=exists),
        )
    if words.take("rename", "value"):
        value = words.skip()
        return (Action("rename value", name=name, expression=value.text if value else ""),)
    return (Action("alter enum", name=name),)


def index(words: Words) -> tuple[Action, ...]:
    """The action of ALTER INDEX."""
    words.take("if", "exists")
    name = words.name()
    if words.take("rename"):
        return (Action("rename index", name=name),)
    return (Action("alter index", name=name),)
