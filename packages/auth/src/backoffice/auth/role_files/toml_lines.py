"""On which line each key and each item of a TOML document stands.

Python's `tomllib` gives values without their places, so that an error could not say where it is.
The document is a valid one: this reads it only once `tomllib` has.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field

#: Keys and numbers of items, from the outside in.
Path = tuple[str | int, ...]

_TOKEN = re.compile(
    r"""
      (?P<string> "{3}(?:\\.|[^\\])*?"{3,5} | '{3}.*?'{3,5}
                | "(?:\\.|[^"\\\n])*" | '[^'\n]*' )
    | (?P<comment> \#[^\n]* )
    | (?P<newline> \n )
    | (?P<mark> [][{}=,.] )
    | (?P<bare> [^\s"'\#\[\]{}=,.]+ )
    """,
    re.VERBOSE | re.DOTALL,
)
_END = ("end", "", 0)


def toml_lines(text: str) -> dict[Path, int]:
    """The lines, from 1, on which the keys, tables and items of lists begin."""
    return _Walk(_tokens(text)).lines


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    line, seen = 1, 0
    for found in _TOKEN.finditer(text):
        line += text.count("\n", seen, found.start())
        seen = found.start()
        if found.lastgroup != "comment":
            yield str(found.lastgroup), found[0], line


@dataclass
class _Walk:
    """A walk through the tokens, once."""

    tokens: Iterator[tuple[str, str, int]]
    lines: dict[Path, int] = field(default_factory=dict)
    #: How many tables each list of tables has by now.
    counts: dict[Path, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        table: Path = ()
        self.next()
        while self.kind != "end":
            if self.kind == "newline":
                self.next()
            elif self.text == "[":
                table = self.header()
            else:
                self.pair(table)

    def next(self) -> None:
        self.kind, self.text, self.line = next(self.tokens, _END)

    def note(self, path: Path, line: int) -> None:
        for length in range(1, len(path) + 1):
            self.lines.setdefault(path[:length], line)

    def header(self) -> Path:
        line = self.line
        self.next()
        many = self.text == "["
        if many:
            self.next()
        path = self.within_lists(self.key())
        if many:
            number = self.counts[path] = self.counts.get(path, -1) + 1
            path = (*path, number)
        self.lines.pop(path, None)  # a table within it may have come first
        self.note(path, line)
        while self.text == "]":
            self.next()
        return path

    def within_lists(self, keys: Path) -> Path:
        """The path with the number of the last table in each list of tables on the way."""
        path: Path = ()
        for each in keys[:-1]:
            path = (*path, each)
            if path in self.counts:
                path = (*path, self.counts[path])
        return (*path, *keys[-1:])

    def pair(self, table: Path) -> None:
        line = self.line
        path = (*table, *self.key())
        self.note(path, line)
        self.next()  # the sign =
        self.value(path)

    def key(self) -> Path:
        parts: list[str | int] = []
        while self.kind in ("bare", "string") or self.text == ".":
            if self.kind == "string":
                parts.append(tomllib.loads(f"key = {self.text}")["key"])
            elif self.kind == "bare":
                parts.append(self.text)
            self.next()
        return tuple(parts)

    def value(self, path: Path) -> None:
        if self.text == "[":
            self.items(path)
        elif self.text == "{":
            self.inline(path)
        else:
            while self.kind in ("bare", "string") or self.text == ".":
                self.next()

    def items(self, path: Path) -> None:
        self.next()
        number = 0
        while self.text != "]":
            if self.kind == "newline" or self.text == ",":
                self.next()
                continue
            self.note((*path, number), self.line)
            self.value((*path, number))
            number += 1
        self.next()

    def inline(self, path: Path) -> None:
        self.next()
        while self.text != "}":
            if self.kind == "newline" or self.text == ",":
                self.next()
            else:
                self.pair(path)
        self.next()
