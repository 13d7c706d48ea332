"""Rows as a table of text, for people."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Iterator[str]:
    """The lines of a table of these columns, its head first."""
    head = [column.upper() for column in columns]
    cells = [[cell(row.get(column)) for column in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    for line in (head, *cells):
        yield "  ".join(map(str.ljust, line, widths)).rstrip()


def cell(value: Any) -> str:
    """A value as a table shows it, in one line."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(map(cell, value)) or "-"
    return printable(str(value))


def printable(text: str) -> str:
    """The same with whatever is not printable escaped: a stranger may have written it, and a
    terminal obeys what it is sent (CWE-150)."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def printable_lines(text: str) -> str:
    """`printable`, but for the ends of lines."""
    return "\n".join(map(printable, text.split("\n")))
