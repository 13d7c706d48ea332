"""The report of an import: its bad rows as CSV, to be mended and sent again."""

import csv
import io
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


async def lines(
    session: AsyncSession, found: Import, labels: Mapping[int, str], place: int | None
) -> AsyncIterator[bytes]:
    """The file, some rows at a time; `place` is the last part that was come to."""
    yield _encoded([[*found.columns, WHY]], first=True)
    async for part in shelf.parts(session, found.number):
        reached = place is not None and part.number <= place
        told = {each.row: each for each in outcomes.read(part.outcomes)}
        rows = []
        for row in files.rows_of(part.rows):
            outcome = told.get(row.number)
            if not reached:
                rows.append(_line(found, row, _NOT_REACHED))
            elif outcome is not None and outcome.kind == "refused":
                rows.append(_line(found, row, why(outcome, labels)))
        if rows:
            yield _encoded(rows)


def why(outcome: outcomes.Outcome, labels: Mapping[int, str]) -> str:
    """What is wrong with a row, in a line."""
    said = [
        text if at == ROW else f"{labels.get(at, '')}: {text}" for at, text in outcome.told.items()
    ]
    return " ".join(said)


def _line(found: Import, row: files.Row, reason: str) -> list[str]:
    width = len(found.columns)
    texts = [files.cell_text(each) for each in row.cells][:width]
    return [*texts, *[""] * (width - len(texts)), reason]


def _guarded(text: str) -> str:
    # With a NUL in it, nothing of the file could be sent again.
    text = text.replace("\0", "\ufffd")
    return text if _NUMBER.fullmatch(text) else escape_formula(text)


def _encoded(rows: Sequence[Sequence[str]], *, first: bool = False) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([_guarded(each) for each in row] for row in rows)
    # With its mark: spreadsheets take UTF-8 for something else without one.
    return text.getvalue().encode("utf-8-sig" if first else "utf-8", "replace")
