"""Imports: a file is sent, its columns are matched, it is tried, and then written."""

import re
import secrets
from http import HTTPStatus
from typing import Any

import anyio.to_thread
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette_admin.types import RequestAction

from backoffice.admin.holding import begin_to_write
from backoffice.admin.imports import files, matching, report, shelf
from backoffice.admin.imports.files import Sheet, Unreadable
from backoffice.admin.imports.matching import Matching, Mismatch
from backoffice.admin.imports.models import Import
from backoffice.admin.imports.previews import preview_of
from backoffice.admin.imports.steps import CHECK, DEED, query_of
from backoffice.admin.jobs.models import DONE, BulkJob
from backoffice.admin.jobs.pages import shown
from backoffice.admin.presentation import url_of
from backoffice.admin.records import RecordView
from backoffice.admin.routes.jobs import start_job
from backoffice.admin.site import Site
from backoffice.admin.values import moment
from backoffice.admin.visits import sent_form, visit_of

_NUMBER = re.compile(r"\d{1,15}")
_LONGEST_NAME = 200
_BADGES = {"new": "good", "changed": "info", "same": "", "refused": "bad"}


async def imports(site: Site, request: Request) -> Response:
    """Where a file is sent, and the page of one that was."""
    view = _view(site, request)
    if request.method == "POST":
        return await _receive(site, request, view)
    if "pk" not in request.query_params:
        return await _door(site, request, view)
    found = await _existing(request, view, request.query_params["pk"])
    job = await _job(request, found)
    if job is None or "match" in request.query_params or not _tells(job):
        return await _columns(site, request, view, found, job)
    return await _told(site, request, view, found, job)


async def match(site: Site, request: Request) -> Response:
    """Say what the columns are, and have the file tried."""
    view = _view(site, request)
    form = await sent_form(request)
    found = await _existing(request, view, str(form.get("pk", "")), hold=True)
    if found.deed_job is not None:
        raise HTTPException(HTTPStatus.CONFLICT, "This file is written already. Send it again.")
    said = Matching([""] * len(found.columns), "", adds=True)
    try:
        said = matching.read(view, request, found.columns, form)
    except Mismatch as error:
        return await _columns(site, request, view, found, None, said=form, wrong=str(error))
    found.matched, found.key, found.adds = said.fields, said.key, said.adds
    session = view.session(request)
    await shelf.forget_outcomes(session, found)
    await shelf.note_doubles(session, found, matching.unique_columns(view, request, said))
    job = await _start(site, request, view, found, CHECK)
    found.check_job = job.number
    session.add(found)
    return _to(request, view, found)


async def write(site: Site, request: Request) -> Response:
    """Write what was tried."""
    view = _view(site, request)
    form = await sent_form(request)
    found = await _existing(request, view, str(form.get("pk", "")), hold=True)
    if found.deed_job is not None:
        # Sent twice: once is enough.
        return _to(request, view, found)
    job = await _job(request, found)
    if job is None or job.state != DONE or job.meaning != matching.digest(found):
        raise HTTPException(HTTPStatus.CONFLICT, "Have the file tried first.")
    _check_fresh(view, request, found)
    session = view.session(request)
    await shelf.forget_outcomes(session, found)
    found.deed_job = (await _start(site, request, view, found, DEED)).number
    session.add(found)
    return _to(request, view, found)


async def refused(site: Site, request: Request) -> Response:
    """The bad rows, as CSV or JSON, whichever they were sent as."""
    view = _view(site, request)
    found = await _existing(request, view, request.query_params.get("pk", ""))
    job = await _job(request, found)
    if job is None or not job.is_over:
        raise HTTPException(HTTPStatus.CONFLICT, "There is no report before its end.")
    place = None if job.place is None else int(job.place)
    labels = dict(enumerate(found.columns))
    session = view.session(request)
    content = [each async for each in report.lines(session, found, labels, place)]
    kind, media_type = ("csv", "text/csv") if found.encoding else ("json", "application/json")
    headers = {"Content-Disposition": f'attachment; filename="{view.resource}-refused.{kind}"'}
    return Response(b"".join(content), media_type=media_type, headers=headers)


def _view(site: Site, request: Request) -> RecordView:
    request.state.action = RequestAction.EDIT
    view = site.view(request)
    if not view.can_import(request):
        raise HTTPException(403, f"You may not import {view.menu_label.lower()}.")
    return view


async def _existing(request: Request, view: RecordView, key: str, *, hold: bool = False) -> Import:
    """The file of that number; 404 if they have sent none such."""
    found: Import | None = None
    if _NUMBER.fullmatch(key):
        session = view.session(request)
        if hold:
            await (await session.connection()).run_sync(begin_to_write)
        found = await session.get(Import, int(key), with_for_update=True if hold else None)
    actor = visit_of(request).principal.name
    if found is None or (found.actor, found.resource) != (actor, view.resource):
        raise HTTPException(404, "There is no such file any more. Send it again.")
    return found


async def _job(request: Request, found: Import) -> BulkJob | None:
    """The last job of a file."""
    number = found.deed_job or found.check_job
    job: BulkJob | None = None
    if number is not None:
        job = await request.state.session.get(BulkJob, number)
    return job


def _tells(job: BulkJob) -> bool:
    """Whether there is more to see than what the columns are: a trial that has ended early is
    begun again."""
    return job.action == DEED or not job.is_over or job.state == DONE


async def _receive(site: Site, request: Request, view: RecordView) -> Response:
    sent = (await sent_form(request)).get("file")
    if not isinstance(sent, UploadFile) or not sent.filename:
        return await _door(site, request, view, "Choose a file first.")
    limit = visit_of(request).settings.import_limit
    content = await sent.read()
    if len(content) > limit:
        return await _door(site, request, view, f"A file may have at most {limit:,} bytes.")
    try:
        sheet = await anyio.to_thread.run_sync(files.read, content)
    except Unreadable as error:
        return await _door(site, request, view, str(error))
    found = await shelf.put(view.session(request), _new(request, view, sent, sheet), sheet)
    return _to(request, view, found)


def _new(request: Request, view: RecordView, sent: UploadFile, sheet: Sheet) -> Import:
    visit = visit_of(request)
    name = "".join(each for each in sent.filename or "" if each.isprintable())
    return Import(
        actor=visit.principal.name,
        resource=view.resource,
        name=name[:_LONGEST_NAME],
        encoding=sheet.encoding,
        columns=sheet.columns,
        total=sheet.total,
        created_at=visit.services.clock.now(),
    )


async def _door(site: Site, request: Request, view: RecordView, wrong: str = "") -> Response:
    """The page that takes a file."""
    visit = visit_of(request)
    found = await shelf.recent(view.session(request), visit.principal.name, view.resource)
    return site.page(
        request,
        "import.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK,
        view=view,
        wrong=wrong,
        limit=visit.settings.import_limit,
        most=files.MOST_ROWS,
        offered=matching.offered(view, request),
        required={each.name for each in matching.required(view, request)},
        recent=found,
        moment=moment,
    )


async def _columns(
    site: Site,
    request: Request,
    view: RecordView,
    found: Import,
    job: BulkJob | None,
    said: Any = None,
    wrong: str = "",
) -> Response:
    """The page that asks what the columns are."""
    if found.deed_job is not None:
        raise HTTPException(HTTPStatus.CONFLICT, "This file is written already. Send it again.")
    chosen = _chosen(view, request, found, said)
    return site.page(
        request,
        "import_columns.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK,
        view=view,
        found=found,
        wrong=wrong,
        ended=shown(site, request, job) if job is not None else None,
        chosen=chosen,
        offered=matching.offered(view, request),
        keys=matching.keys_of(view, request),
        examples=await _examples(view, request, found),
        windows=files.WINDOWS,
    )


def _chosen(view: RecordView, request: Request, found: Import, said: Any) -> Matching:
    """What stands in the form: what was just sent, what was said before, or what names suggest."""
    if said is not None:
        fields = [str(said.get(f"column.{each}", "")) for each in range(len(found.columns))]
        return Matching(fields, str(said.get("key", "")), "adds" in said)
    if found.matched:
        return Matching(found.matched, found.key, found.adds)
    return matching.suggested(view, request, found.columns)


async def _examples(view: RecordView, request: Request, found: Import) -> list[str]:
    """What stands in each column first."""
    rows: list[files.Row] = []
    async for part in shelf.parts(view.session(request), found.number):
        rows = files.rows_of(part.rows)
        break
    texts = [
        [files.cell_text(row.cell(index)) for row in rows] for index in range(len(found.columns))
    ]
    return [next((each for each in column if each.strip()), "") for column in texts]


async def _told(
    site: Site, request: Request, view: RecordView, found: Import, job: BulkJob
) -> Response:
    """The page of what would come of the rows, or of what did."""
    tried = job.action == CHECK
    preview = await preview_of(view, request, found) if job.is_over else None
    return site.page(
        request,
        "import_told.html",
        view=view,
        found=found,
        job=shown(site, request, job),
        tried=tried,
        preview=preview,
        counts=_counts(found, tried),
        badges=_BADGES,
        is_whole=job.state == DONE,
        asks=tried and _is_dangerous(view, found) and not visit_of(request).is_fresh,
    )


def _counts(found: Import, tried: bool) -> list[tuple[str, int]]:
    return [
        ("To be added" if tried else "Added", found.added),
        ("To be changed" if tried else "Changed", found.changed),
        ("As they are already", found.same),
        ("Refused", found.refused),
    ]


async def _start(
    site: Site, request: Request, view: RecordView, found: Import, action: str
) -> BulkJob:
    return await start_job(
        site,
        request,
        view,
        action,
        query=query_of(found.number or 0),
        meaning=matching.digest(found),
        form=secrets.token_hex(16),
    )


def _verbs(found: Import) -> list[str]:
    adds = ["add"] if found.adds or not found.key else []
    return [*adds, *(["change"] if found.key else []), DEED]


def _is_dangerous(view: RecordView, found: Import) -> bool:
    return any(view.is_dangerous(each) for each in _verbs(found))


def _check_fresh(view: RecordView, request: Request, found: Import) -> None:
    for each in _verbs(found):
        view.check_fresh(request, each)


def _to(request: Request, view: RecordView, found: Import) -> Response:
    url = url_of(request, view.resource, "import", pk=found.number)
    return RedirectResponse(url, HTTPStatus.SEE_OTHER)
