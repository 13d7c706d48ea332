"""What becomes of an operation: steps that each commit by themselves and may be repeated."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import wrap

from backoffice.migrations.fixes.calls import Call

#: PostgreSQL cuts a longer name.
LONGEST = 63
WIDTH = 88


@dataclass(frozen=True)
class Step:
    """Statements in the place of one, each committed at once; `routines` are what they call.

    One that is not `portable` is for PostgreSQL, and what it replaces stays for other databases.
    """

    lines: tuple[str, ...]
    routines: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    portable: bool = True
    rename: "Rename | None" = None


@dataclass(frozen=True)
class Rename:
    """A column that has both names until a second revision: names as the catalog has them."""

    table: str
    schema: str | None
    old: str
    new: str


@dataclass(frozen=True)
class ByHand:
    """Why no machine can do it, and what to do instead."""

    words: str


def rendered(function: str, arguments: Iterable[str]) -> list[str]:
    """A call, on one line where it fits, which leaves room for an indentation."""
    given = list(arguments)
    line = f"{function}({', '.join(given)})"
    if len(line) <= WIDTH - 16 and "\n" not in line:
        return [line]
    inner = [f"    {line}" for each in given for line in f"{each},".splitlines()]
    return [f"{function}(", *inner, ")"]


def indented(lines: Iterable[str], levels: int = 1) -> list[str]:
    """The same, further in."""
    return ["    " * levels + line if line else line for line in lines]


def keywords(call: Call, *without: str) -> list[str]:
    """The arguments that are given by name, except some and those that go by position."""
    return [
        f"{each.arg}={call.written(each.value)}"
        for each in call.node.keywords
        if each.arg is not None and each.arg not in without
    ]


def execute(owner: str, sql: str) -> list[str]:
    """`op.execute` of one line of SQL."""
    parts = wrap(sql, WIDTH - 28, break_long_words=False, break_on_hyphens=False)
    if len(parts) == 1 or "  " in sql or "\n" in sql:
        return rendered(f"{owner}.execute", [quoted(sql)])
    ended = [f"{each} " for each in parts[:-1]] + parts[-1:]
    return [f"{owner}.execute(", *indented(map(quoted, ended)), ")"]


def execute_block(owner: str, sql: str) -> list[str]:
    """`op.execute` of several lines of SQL."""
    return [f"{owner}.execute(", '    """', *indented(sql.splitlines()), '    """', ")"]


def quoted(text: str) -> str:
    """A string as Python writes it, in double quotes where it can be."""
    if '"' in text and "'" not in text:
        return repr(text)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def chosen_name(table: str, columns: Sequence[str], label: str) -> str:
    """The name that PostgreSQL makes up for a constraint (makeObjectName in its source)."""
    first, second = table, "_".join(columns)
    while len("_".join(filter(None, (first, second, label))).encode()) > LONGEST:
        if len(first) > len(second):
            first = first[:-1]
        else:
            second = second[:-1]
    return "_".join(filter(None, (first, second, label)))


def sql_string(text: str) -> str:
    """A string as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"
