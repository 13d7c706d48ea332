"""Previews: what would come of the rows of a file, or what did, for its page."""

from dataclasses import dataclass, field

from starlette.requests import Request

from backoffice.admin.imports import files, outcomes, shelf
from backoffice.admin.imports.models import Import
from backoffice.admin.imports.outcomes import ROW
from backoffice.admin.labels import shortened
from backoffice.admin.records import RecordView

#: Rows that a page shows of each kind.
MOST_REFUSED, MOST_FIRST = 100, 20
WORDS = {"new": "New", "changed": "Changed", "same": "As it is", "refused": "Refused"}


@dataclass(frozen=True)
class Cell:
    """A cell of a row: what the file says, what was there before, what is wrong with it."""

    label: str
    text: str
    before: str | None = None
    wrong: str = ""


@dataclass(frozen=True)
class Line:
    """A row, and what came of it."""

    number: int
    kind: str
    word: str
    cells: list[Cell]
    #: What is wrong with the whole of it.
    wrong: str = ""


@dataclass
class Preview:
    """The bad rows, and the first of all."""

    labels: list[str]
    refused: list[Line] = field(default_factory=list)
    first: list[Line] = field(default_factory=list)


async def preview_of(view: RecordView, request: Request, found: Import) -> Preview:
    """What a page shows of it."""
    used = [index for index, name in enumerate(found.matched) if name]
    preview = Preview([found.columns[each] for each in used])
    for part in await shelf.telling(view.session(request), found.number, MOST_REFUSED):
        rows = {each.number: each for each in files.rows_of(part.rows)}
        for outcome in outcomes.read(part.outcomes):
            if outcome.row in rows:
                _add(preview, _line(found, used, rows[outcome.row], outcome))
    return preview


def _add(preview: Preview, line: Line) -> None:
    if line.kind == "refused" and len(preview.refused) < MOST_REFUSED:
        preview.refused.append(line)
    elif line.kind != "refused" and len(preview.first) < MOST_FIRST:
        preview.first.append(line)


def _line(found: Import, used: list[int], row: files.Row, outcome: outcomes.Outcome) -> Line:
    bad = outcome.kind == "refused"
    cells = [
        Cell(
            label=found.columns[each],
            text=shortened(files.cell_text(row.cell(each))),
            before=None if bad else outcome.told.get(each),
            wrong=outcome.told.get(each, "") if bad else "",
        )
        for each in used
    ]
    wrong = outcome.told.get(ROW, "") if bad else ""
    return Line(row.number, outcome.kind, WORDS[outcome.kind], cells, wrong)
