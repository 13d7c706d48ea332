"""A step of an import: the rows of one part, tried or written in one transaction.

Each row goes the way that a form would: the same checks, policies, field rules, events and history.
A row that is refused leaves the others as they are.
"""

import logging
from collections.abc import Sequence
from contextlib import nullcontext

from sqlalchemy.exc import DBAPIError
from sqlmodel import col, select
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette_admin.exceptions import FormValidationError

from backoffice.admin.imports import files, matching, outcomes
from backoffice.admin.imports.models import Import, ImportPart
from backoffice.admin.imports.outcomes import ROW, Outcome
from backoffice.admin.imports.rows import Refused, Writer
from backoffice.admin.jobs.models import BulkJob
from backoffice.admin.jobs.steps import Broken
from backoffice.admin.jobs.steps import Outcome as Progress
from backoffice.admin.records import RecordView
from backoffice.core import Refusal

log = logging.getLogger(__name__)

#: The actions of jobs that try an import, and that write it.
CHECK, DEED = "import-check", "import"
_PREFIX = "import="
_TOLD = 100
_BROKEN = "Row {} broke the app itself; its log says how."


def query_of(number: int) -> str:
    """What a job of an import is about."""
    return f"{_PREFIX}{number}"


def number_of(job: BulkJob) -> int | None:
    """The import that a job is about; None for one about records."""
    if job.action not in (CHECK, DEED) or not job.query.startswith(_PREFIX):
        return None
    return int(job.query.removeprefix(_PREFIX))


class ImportStep:
    """The next part of an import."""

    def __init__(self, view: RecordView, request: Request, job: BulkJob) -> None:
        self._view, self._request, self._job = view, request, job
        self._session = view.session(request)

    async def measured(self) -> tuple[int, str | None]:
        """How many rows there are."""
        return (await self._import()).total, None

    async def done(self, _: int) -> Progress:
        """Try or write the next part; Broken where it cannot be done at all."""
        found = await self._import()
        number = 0 if self._job.place is None else int(self._job.place) + 1
        part = await self._session.get(ImportPart, (found.number, number))
        if part is None:
            return Progress(place=None)
        rows = files.rows_of(part.rows)
        told = await self._outcomes(found, part, rows)
        self._note(found, part, rows, told)
        refused = sum(each.kind == "refused" for each in told)
        return Progress(done=len(told) - refused, failed=refused, place=str(number))

    async def _import(self) -> Import:
        """The import, held, and meant as it was when the job was started."""
        query = select(Import).where(col(Import.number) == number_of(self._job)).with_for_update()
        found = (await self._session.exec(query)).one_or_none()
        if found is None:
            raise Broken("The file is gone.")
        if self._job.meaning != matching.digest(found):
            raise Broken("Its columns were matched in another way meanwhile.")
        try:
            said = matching.Matching(found.matched, found.key, found.adds)
            matching.check(self._view, self._request, said)
        except matching.Mismatch as error:
            raise Broken(str(error)) from None
        if self._job.number not in (found.check_job, found.deed_job):
            raise Broken("It was begun anew meanwhile.")
        return found

    async def _outcomes(
        self, found: Import, part: ImportPart, rows: Sequence[files.Row]
    ) -> list[Outcome]:
        trial = self._job.action == CHECK
        writer = Writer.of(self._view, self._request, found, part.doubles)
        async with self._view.trial(self._request) if trial else nullcontext():
            await writer.find(rows, hold=not trial)
            return [await self._outcome(writer, each) for each in rows]

    async def _outcome(self, writer: Writer, row: files.Row) -> Outcome:
        try:
            # What is refused once it is written, by a listener say, is taken back.
            async with self._session.begin_nested():
                return await writer.write(row)
        except Refused as refused:
            return Outcome(row.number, "refused", refused.told)
        except FormValidationError as error:
            return Outcome(row.number, "refused", writer.told(error.errors))
        except (HTTPException, Refusal) as refusal:
            return Outcome(row.number, "refused", {ROW: _words(refusal)})
        except DBAPIError:
            raise
        except Exception as error:
            log.exception("row %d of an import of %s failed", row.number, self._job.resource)
            raise Broken(_BROKEN.format(row.number)) from error

    def _note(
        self, found: Import, part: ImportPart, rows: Sequence[files.Row], told: list[Outcome]
    ) -> None:
        for kind, name in _COUNTED.items():
            count = sum(each.kind == kind for each in told)
            setattr(found, name, getattr(found, name) + count)
        kept = told if part.number == 0 else [each for each in told if each.kind == "refused"]
        part.outcomes = outcomes.written(kept)
        if self._job.action == DEED:
            # What is in the database by now need not be here as well.
            refused = {each.row for each in told if each.kind == "refused"}
            part.rows = files.written(each for each in rows if each.number in refused)
            part.outcomes = outcomes.written(each for each in told if each.kind == "refused")
        self._session.add_all([found, part])


_COUNTED = {"new": "added", "changed": "changed", "same": "same", "refused": "refused"}


def _words(refusal: HTTPException | Refusal) -> str:
    return refusal.message if isinstance(refusal, Refusal) else str(refusal.detail)
