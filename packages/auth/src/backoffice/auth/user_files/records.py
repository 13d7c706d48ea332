"""The lines of a file as records: of CSV, and of JSON lines.

A line that cannot be read costs no other line: after a quote that does not end, reading goes on
with the very next line.
"""

import csv
import json
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from backoffice.auth.user_files.columns import Columns, unguarded
from backoffice.auth.user_files.faults import Fault, Refused
from backoffice.auth.user_files.sources import LONGEST_LINE, Lines
from backoffice.core import InvalidInput

#: The number of its (first) line, and what the columns hold; or why it cannot be read.
Record = tuple[int, dict[str, Any] | Fault]
_MARK = "\ufeff"
_DELIMITERS = ",;\t"
#: That a record may go over. Each of them may begin one that does not end, and is read for all.
_MOST_LINES = 100


def records(lines: Lines, format: str, columns: Columns) -> Iterator[Record]:  # noqa: A002
    """The records of a file of that format."""
    return csv_records(lines, columns) if format == "csv" else json_records(lines, columns)


def csv_records(lines: Lines, columns: Columns) -> Iterator[Record]:
    """The records of CSV after its header; the delimiter is comma, semicolon or tab."""
    feed = _Feed(lines)
    header = _decoded(feed.peek()).removeprefix(_MARK)
    delimiter = max(_DELIMITERS, key=header.count)
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    names: list[str | None] | None = None
    while True:
        number = feed.begin()
        try:
            cells = next(reader)
        except StopIteration:
            break
        except (csv.Error, _TooLong):
            if names is None:
                break
            feed.recover()
            yield number, Fault("unreadable_line")
            continue
        if names is None:
            cells[:1] = [each.removeprefix(_MARK) for each in cells[:1]]
            names = columns.named([each.strip() for each in cells])
        elif cells:
            yield number, _row(names, cells)
    if names is None:
        raise InvalidInput("the file has no header: its first line is to name the columns")


def json_records(lines: Lines, columns: Columns) -> Iterator[Record]:
    """The records of JSON lines: an object on each."""
    number, first = 0, True
    while raw := lines.next():
        number += 1
        if not raw.strip():
            continue
        found = _object(raw, first)
        if first and isinstance(found, dict):
            columns.named(list(found), whole=False)
        first = False
        yield number, found if isinstance(found, Fault) else _renamed(columns, found)


class _TooLong(Exception):
    """More lines than belong to one record."""


class _Feed:
    """Lines for `csv.reader`, which may take several for a record, and give them back."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._back: deque[bytes] = deque()
        self._taken: list[bytes] = []
        self._size = 0
        self._number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._back.popleft() if self._back else self._lines.next()
        if not line:
            raise StopIteration
        self._number += 1
        self._taken.append(line)
        self._size += len(line)
        if self._size > LONGEST_LINE or len(self._taken) > _MOST_LINES:
            raise _TooLong
        return _decoded(line)

    def peek(self) -> bytes:
        """The next line, which stays."""
        if not self._back and (line := self._lines.next()):
            self._back.append(line)
        return self._back[0] if self._back else b""

    def begin(self) -> int:
        """A record begins: the number of its first line."""
        self._taken.clear()
        self._size = 0
        return self._number + 1

    def recover(self) -> None:
        """Give back the lines of the record that was begun, but for the first."""
        self._back.extendleft(reversed(self._taken[1:]))
        self._number -= len(self._taken[1:])


def _decoded(raw: bytes) -> str:
    # What is no UTF-8 becomes half a surrogate pair, by which its line is refused later on.
    return raw.decode("utf-8", "surrogateescape")


def _row(names: Sequence[str | None], cells: Sequence[str]) -> dict[str, Any] | Fault:
    if len(cells) != len(names):
        return Fault("wrong_columns")
    found = {name: cell for name, cell in zip(names, cells, strict=True) if name is not None}
    # No spreadsheet had the passwords of people from us: an apostrophe belongs to them.
    return {
        name: unguarded(cell) if cell[:1] == "'" and name != "password" else cell
        for name, cell in found.items()
    }


def _object(raw: bytes, first: bool) -> dict[str, Any] | Fault:
    if len(raw) > LONGEST_LINE:
        return Fault("unreadable_line")
    try:
        text = raw.decode("utf-8")
        found = json.loads(text.removeprefix(_MARK) if first else text, object_pairs_hook=_once)
    except UnicodeDecodeError:
        return Fault("not_text")
    except (ValueError, RecursionError):
        return Fault("unreadable_line")
    return found if isinstance(found, dict) else Fault("unreadable_line")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


def _renamed(columns: Columns, found: dict[str, Any]) -> dict[str, Any] | Fault:
    try:
        return columns.renamed(found)
    except Refused as refused:
        return refused.fault
