"""Columns and constraints, as CREATE TABLE and ALTER TABLE name them."""

from backoffice.migrations.lint.actions import Action
from backoffice.migrations.lint.expressions import volatile
from backoffice.migrations.lint.statements import Words

#: Where the type of a column ends.
_CLAUSES = (
    *("constraint", "not", "null", "default", "generated", "references", "unique", "primary"),
    *("check", "collate", "using", "deferrable", "initially", "compression", "storage", "as"),
)
_KINDS = {
    "check": "add check",
    "foreign": "add foreign key",
    "unique": "add unique",
    "primary": "add primary key",
    "exclude": "add exclude",
    "not": "add not null",
}
_SERIAL = ("serial", "bigserial", "smallserial", "serial4", "serial8", "serial2")


def constraint(words: Words, table: str) -> list[Action]:
    """A constraint of a table, unless what comes next is a column."""
    name = words.name() if words.take("constraint") else ""
    kind = _KINDS.get(word) if (word := words.any(*_KINDS)) else None
    if kind is None:
        return []
    words.any("key", "null")
    flags: set[str] = set()
    if words.take("using", "index"):
        return [Action(kind, table, name or words.name(), flags=frozenset({"using index"}))]
    if words.take("nulls", "not", "distinct") or words.take("nulls", "distinct"):
        pass
    columns: tuple[str, ...] = ()
    expression = ""
    if kind == "add not null":
        columns = (words.name(),)
    elif kind in ("add check", "add exclude"):
        if kind == "add exclude" and words.take("using"):
            words.name()
        expression = words.group().text()
    else:
        columns = tuple(each.name() for each in words.group().parts())
    references = ""
    if words.take("references"):
        references = words.name()
    if words.has("not", "valid"):
        flags.add("not valid")
    return [Action(kind, table, name, "", expression, references, columns, frozenset(flags))]


def column(words: Words, table: str) -> list[Action]:
    """A column with what stands behind it."""
    name = words.name()
    type_ = type_of(words)
    flags: set[str] = set()
    checks: list[Action] = []
    default = references = named = ""
    if type_.removeprefix("pg_catalog.") in _SERIAL:
        flags.add("serial")
    while not words.over:
        if words.take("constraint"):
            named = words.name()
        elif words.take("not", "null"):
            flags.add("not null")
        elif words.take("null"):
            pass
        elif words.take("default"):
            default = expression(words)
            flags.add("default")
            if volatile(default):
                flags.add("volatile")
        elif words.take("generated"):
            flags.add(_generated(words))
        elif words.take("references"):
            references = words.name()
            words.group()
            flags.add("references")
        elif words.take("check"):
            check = named or f"{table}_{name}_check"
            checks.append(Action("add check", table, check, expression=words.group().text()))
        elif words.take("primary", "key"):
            flags |= {"primary key", "not null"}
        elif words.take("unique"):
            flags.add("unique")
        elif words.skip() is None:
            break
    if default.lower() == "null":
        flags -= {"default"}
    return [
        Action("add column", table, name, type_, default, references, flags=frozenset(flags)),
        *checks,
    ]


def type_of(words: Words) -> str:
    """A type, as PostgreSQL would write it in lower case, its modifiers in parentheses."""
    told = ""
    while not words.over and not any(words.peek(each) for each in _CLAUSES) and not words.peek(","):
        if words.peek("("):
            told += f"({','.join(each.text() for each in words.group().parts())})"
        elif words.peek("[") or words.peek("]"):
            token = words.skip()
            told += token.text if token else ""
        elif words.take("."):
            told += "."
        else:
            token = words.skip()
            if token is None:
                break
            told += f" {token.text}" if told and not told.endswith((".", "[")) else token.text
    return told


def expression(words: Words) -> str:
    """An expression, up to the next clause of the column."""
    begin = words.rest()[0].start if words.rest() else 0
    end = begin
    first = True
    while not words.over:
        if not first and any(words.peek(each) for each in _CLAUSES if each not in ("as", "using")):
            break
        if words.peek("("):
            words.group()
        else:
            words.skip()
        first = False
        left = words.rest()
        end = left[0].start if left else len(words.sql)
    return words.sql[begin:end].strip().rstrip(",;").strip()


def _generated(words: Words) -> str:
    words.any("always", "by")
    words.take("default")
    words.take("as")
    if words.take("identity"):
        words.group()
        return "identity"
    words.group()
    return "stored" if words.take("stored") else "virtual"
