"""CREATE, in all that it makes."""

from backoffice.migrations.lint.actions import Action
from backoffice.migrations.lint.columns import column, constraint
from backoffice.migrations.lint.querying import sources
from backoffice.migrations.lint.statements import Words


def create(words: Words) -> tuple[Action, ...]:
    """The actions of CREATE."""
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
        return on(words, "create trigger")
    if words.take("policy"):
        return on(words, "create policy")
    if words.take("statistics"):
        return (Action("create statistics", after(words, "from")),)
    if words.take("rule"):
        return to(words, "create rule")
    for kind in ("materialized view", "view"):
        if words.take(*kind.split()):
            if words.take("if", "not", "exists"):
                flags.add("if not exists")
            made = Action(f"create {kind}", words.name(), flags=frozenset(flags))
            return made, *sources(words)
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
    return made, *(each for each in others if each.table), *inherited, *sources(words)


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


def on(words: Words, kind: str) -> tuple[Action, ...]:
    """A name, and somewhere behind it ON table."""
    name = words.name()
    return (Action(kind, after(words, "on"), name),)


def to(words: Words, kind: str) -> tuple[Action, ...]:
    """Somewhere behind it TO table."""
    return (Action(kind, after(words, "to")),)


def after(words: Words, word: str) -> str:
    """The name behind that word."""
    while not words.over and not words.take(word):
        words.skip()
    return words.name()
