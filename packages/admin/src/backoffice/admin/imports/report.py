"""The report of an import: its bad rows as they were sent, to be mended and sent again.

Of CSV it is CSV, of JSON it is JSON: an empty cell empties its field, and what an object does not
name leaves it alone.
"""

import csv
import io
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette_admin.export.helpers import escape_formula

from backoffice.admin.imports import files, outcomes, shelf
from backoffice.admin.imports.models import Import
from backoffice.admin.imports.outcomes import ROW

WHY = "Why it was refused"
_NUMBER = re.compile(r"[+-]?[\d.,]+")
_NOT_REACHED = "It was not come to."

#: A row, and what is wrong with it.
Bad = tuple[files.Row, str]


async def lines(
    session: AsyncSession, found: Import, labels: Mapping[int, str], place: int | None
) -> AsyncIterator[bytes]:
    """The file, some rows at a time; `place` is the last part that was come to."""
    # Of a file that was such a report itself, the reasons are old.
    columns = {index: each for index, each in enumerate(found.columns) if each != WHY}
    bad = _bad(session, found, labels, place)
    async for each in _as_csv(columns, bad) if found.encoding else _as_json(columns, bad):
        yield each


async def _bad(
    session: AsyncSession, found: Import, labels: Mapping[int, str], place: int | None
) -> AsyncIterator[list[Bad]]:
    async for part in shelf.parts(session, found.number):
        reached = place is not None and part.number <= place
        told = {each.row: each for each in outcomes.read(part.outcomes)}
        rows: list[Bad] = []
        for row in files.rows_of(part.rows):
            outcome = told.get(row.number)
            if not reached:
                rows.append((row, _NOT_REACHED))
            elif outcome is not None and outcome.kind == "refused":
                rows.append((row, why(outcome, labels)))
        if rows:
            yield rows


def why(outcome: outcomes.Outcome, labels: Mapping[int, str]) -> str:
    """What is wrong with a row, in a line."""
    said = [
        text if at == ROW else f"{labels.get(at, '')}: {text}" for at, text in outcome.told.items()
    ]
    return " ".join(said)


async def _as_csv(
    columns: Mapping[int, str], bad: AsyncIterator[list[Bad]]
) -> AsyncIterator[bytes]:
    yield _encoded([[*columns.values(), WHY]], first=True)
    async for rows in bad:
        yield _encoded([[*_texts(columns, row), reason] for row, reason in rows])


def _texts(columns: Mapping[int, str], row: files.Row) -> list[str]:
    return [files.cell_text(row.cell(each)) for each in columns]


def _guarded(text: str) -> str:
    # With a NUL in it, nothing of the file could be sent again.
    text = text.replace("\0", "\ufffd")
    return text if _NUMBER.fullmatch(text) else escape_formula(text)


def _encoded(rows: Sequence[Sequence[str]], *, first: bool = False) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([_guarded(each) for each in row] for row in rows)
    # With its mark: spreadsheets take UTF-8 for something else without one.
    return text.getvalue().encode("utf-8-sig" if first else "utf-8", "replace")


async def _as_json(
    columns: Mapping[int, str], bad: AsyncIterator[list[Bad]]
) -> AsyncIterator[bytes]:
    before = "["
    async for rows in bad:
        for row, reason in rows:
            cells = {name: row.cell(index) for index, name in columns.items()}
            named = {name: each for name, each in cells.items() if each is not None}
            text = json.dumps({**named, WHY: reason}, ensure_ascii=False)
            yield f"{before}\n{text}".encode("utf-8", "replace")
            before = ","
    yield b"\n]\n" if before == "," else b"[]\n"
