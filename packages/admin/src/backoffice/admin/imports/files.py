"""Files: CSV and JSON read into rows. Whatever is none of them is refused in words.

It is read once, when it is sent, in a thread; what is kept is parts of some rows each.
"""

import codecs
import csv
import io
import json
from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass
from itertools import islice
from typing import Any

from backoffice.admin.fields import document_text

MOST_ROWS = 100_000
MOST_COLUMNS = 200
#: Rows that are tried and written in one transaction.
PART = 100
_LONGEST_NAME = 200
#: Lists within lists of a cell: JSON is read again where fewer fit onto the stack.
_DEEPEST = 50
_DELIMITERS = ",;\t|"
_ARCHIVES = (b"PK\x03\x04", b"\x1f\x8b", b"\xd0\xcf\x11\xe0", b"BZh", b"\xfd7zXZ")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
UTF_8, WINDOWS = "UTF-8", "Windows-1252"


class Unreadable(Exception):
    """What was sent holds no rows that could be read; the message says why."""


@dataclass(frozen=True)
class Row:
    """A row of a file: where it stands, and the cell of each column, None where it has none."""

    number: int
    cells: list[Any]
    #: What is wrong with the row itself; empty for most.
    problem: str = ""

    def cell(self, index: int) -> Any:
        """The cell of a column."""
        return self.cells[index] if index < len(self.cells) else None


@dataclass(frozen=True)
class Sheet:
    """A file as it was read."""

    columns: list[str]
    #: `written` rows, `PART` in each.
    parts: list[str]
    total: int
    #: Empty for JSON, which has but one.
    encoding: str = ""


def read(content: bytes) -> Sheet:
    """The rows of a file; Unreadable."""
    if content.startswith(_ARCHIVES):
        raise Unreadable("This is a spreadsheet or an archive. Save it as CSV (UTF-8) first.")
    text, encoding = _decoded(content)
    if text.lstrip()[:1] in ("[", "{"):
        return _sheet(*_objects(text))
    return _sheet(*_lines(text), encoding)


def written(rows: Iterable[Row]) -> str:
    """Rows as they are kept."""
    return json.dumps([[each.number, _kept(each.cells), each.problem] for each in rows])


def rows_of(text: str) -> list[Row]:
    """Rows as they were kept."""
    return [Row(number, _whole(cells), problem) for number, cells, problem in json.loads(text)]


def _kept(cells: list[Any]) -> list[Any] | dict[int, Any]:
    """The cells; where one is missing, those that there are: a name in one object of a file may be
    in no other."""
    if None not in cells:
        return cells
    return {index: each for index, each in enumerate(cells) if each is not None}


def _whole(kept: list[Any] | dict[str, Any]) -> list[Any]:
    if isinstance(kept, list):
        return kept
    cells: list[Any] = [None] * (max(map(int, kept), default=-1) + 1)
    for index, each in kept.items():
        cells[int(index)] = each
    return cells


def cell_text(cell: Any) -> str:
    """A cell as a spreadsheet would show it."""
    if cell is None or isinstance(cell, str):
        return cell or ""
    return document_text(cell)


def _sheet(columns: list[str], rows: Iterator[Row], encoding: str = "") -> Sheet:
    _check_columns(columns)
    parts, total = [], 0
    while found := list(islice(rows, PART)):
        total += len(found)
        if total > MOST_ROWS:
            raise Unreadable(f"One file may have at most {MOST_ROWS:,} rows. Split it.")
        parts.append(written(found))
    if not total:
        raise Unreadable("There are no rows in it, but the names of columns at most.")
    return Sheet(columns, parts, total, encoding)


def _check_width(columns: Sized) -> None:
    if len(columns) > MOST_COLUMNS:
        raise Unreadable(f"It has {len(columns):,} columns; at most {MOST_COLUMNS} can be read.")


def _check_columns(columns: list[str]) -> None:
    for each in columns:
        if columns.count(each) > 1:
            raise Unreadable(f"Two columns are called “{each}”. Give one of them another name.")
        if len(each) > _LONGEST_NAME:
            raise Unreadable(
                f"The first row holds the names of the columns, and “{each[:40]}…” is too long "
                "for one."
            )
        if not _is_storable(each):
            raise Unreadable("The name of a column holds a character that cannot be stored.")


def _decoded(content: bytes) -> tuple[str, str]:
    for mark, codec, name in _MARKS:
        if content.startswith(mark):
            return _text(content, codec), name
    try:
        return _checked(content.decode("utf-8")), UTF_8
    except UnicodeDecodeError:
        # What spreadsheets of Windows write where nobody asks them for UTF-8.
        return _text(content, "cp1252"), WINDOWS


def _text(content: bytes, codec: str) -> str:
    try:
        return _checked(content.decode(codec))
    except UnicodeDecodeError:
        raise Unreadable("This is no text that can be read. Save it as CSV (UTF-8).") from None


def _checked(text: str) -> str:
    if "\0" in text:
        raise Unreadable("This is no text file. Save it as CSV (UTF-8) or as JSON.")
    if not text.strip():
        raise Unreadable("The file is empty.")
    return text


def _lines(text: str) -> tuple[list[str], Iterator[Row]]:
    rows = enumerate(_reader(text, _delimiter(text)), 1)
    try:
        names = next((cells for _, cells in rows if cells), [])
    except csv.Error as error:
        raise Unreadable(f"The first row cannot be read: {error}.") from None
    _check_width(names)
    columns = [each.strip() or f"Column {index}" for index, each in enumerate(names, 1)]
    return columns, _records(rows, len(columns))


def _records(rows: Iterator[tuple[int, list[str]]], width: int) -> Iterator[Row]:
    last = 1
    try:
        for number, cells in rows:
            last = number
            if cells:
                yield Row(number, cells[:width], _misfit(len(cells), width))
    except csv.Error as error:
        raise Unreadable(
            f"It cannot be read after row {last}: {error}. Is there a quote too many, or too few?"
        ) from None


def _misfit(found: int, width: int) -> str:
    if found == width:
        return ""
    return f"This row has {found} cells, and the first row has {width}."


def _reader(text: str, delimiter: str) -> Iterator[list[str]]:
    # Strict: a quote that is never closed would take the rest of the file for one cell.
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)


def _delimiter(text: str) -> str:
    """The one by which the first row has the most cells."""
    return max(_DELIMITERS, key=lambda each: _width(text, each))


def _width(text: str, delimiter: str) -> int:
    try:
        return len(next(filter(None, _reader(text, delimiter)), []))
    except csv.Error:
        return 0


def _objects(text: str) -> tuple[list[str], Iterator[Row]]:
    try:
        found = json.loads(text, parse_constant=_refused)
    except RecursionError:
        raise Unreadable("This is JSON within JSON within JSON, too deep to be read.") from None
    except ValueError as error:
        raise Unreadable(f"This is not JSON that can be read: {error}.") from None
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise Unreadable('JSON has to be one list of objects: [{"title": "…"}, {"title": "…"}].')
    columns = list(dict.fromkeys(name for each in found[:MOST_ROWS] for name in each))
    _check_width(columns)
    return columns, (_row(number, each, columns) for number, each in enumerate(found, 1))


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is no value of JSON")


def _row(number: int, found: dict[str, Any], columns: list[str]) -> Row:
    # A name that is not there leaves its field alone, a null empties it.
    cells = [
        ("" if found[each] is None else found[each]) if each in found else None for each in columns
    ]
    if any(_is_deep(each, _DEEPEST) for each in cells):
        return Row(number, [], "This row holds lists within lists, too deep to be stored.")
    try:
        json.dumps(cells, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:
        # 1e999 is read as infinity, and an escape may be half a character.
        return Row(number, [], "This row holds a number or a character that cannot be stored.")
    return Row(number, cells)


def _is_deep(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deep(each, levels - 1) for each in inner)


def _is_storable(name: str) -> bool:
    return "\0" not in name and name.encode("utf-8", "ignore").decode() == name
