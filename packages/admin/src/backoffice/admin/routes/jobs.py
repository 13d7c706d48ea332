"""Bulk jobs: asking before one is started, seeing how far it is, and cancelling it."""

import re
import secrets
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette_admin.types import ListParams, RequestAction

from backoffice.admin import notices
from backoffice.admin.deletions import Deletion
from backoffice.admin.jobs.models import BulkJob
from backoffice.admin.jobs.pages import PATH, Shown, may_cancel, may_see_all, shown
from backoffice.admin.jobs.selection import asked_by, listed, meaning, narrowed
from backoffice.admin.lists import size_of
from backoffice.admin.presentation import url_of
from backoffice.admin.records import RecordView
from backoffice.admin.site import Site
from backoffice.admin.values import moment
from backoffice.admin.visits import Visit, sent_form, visit_of

#: Jobs that one person may have waiting and running.
MOST_AT_ONCE = 10
#: Records of which is told what goes with them.
LOOKED_AT = 500
_PAGE = 50
_FORM = re.compile(r"[0-9a-f]{32}")
_NUMBER = re.compile(r"\d{1,15}")


async def start(site: Site, request: Request, view: RecordView, name: str) -> Response:
    """The question before an action on all that match, and after it the job."""
    if name in view.singly:
        raise HTTPException(HTTPStatus.CONFLICT, "Do this to one at a time.")
    posted = request.method == "POST"
    sent = await sent_form(request) if posted else request.query_params
    # One field that holds it, so that nothing else of a form is ever kept with the job.
    query = narrowed(str(sent.get("query", "")))
    asked = asked_by(view, request, query)
    if not posted:
        return await _question(site, request, view, name, query, asked)
    view.check_fresh(request, name)
    job = await _added(site, request, view, name, query, asked, str(sent.get("form", "")))
    return RedirectResponse(url_of(request, PATH, "detail", pk=job.number), HTTPStatus.SEE_OTHER)


async def _question(
    site: Site, request: Request, view: RecordView, name: str, query: str, asked: ListParams
) -> Response:
    return site.page(
        request,
        "job_ask.html",
        view=view,
        action=view._actions[name],
        count=await size_of(view, listed(request, query), asked),
        deletion=await _reached(view, listed(request, query), name, asked),
        looked_at=LOOKED_AT,
        query=query,
        list_url=f"{url_of(request, view.resource)}{f'?{query}' if query else ''}",
        form=secrets.token_hex(16),
    )


async def _reached(
    view: RecordView, request: Request, name: str, asked: ListParams
) -> Deletion | None:
    """What a deletion reaches, of the first records that it is about."""
    if not view.destroys(name):
        return None
    matching = await view.matching(request, asked.q, asked.filters)
    permitted = view.within(request, matching, view.verb_of(name))
    first = permitted.order_by(*view.order(request, ()).clauses()).limit(LOOKED_AT)
    records = (await view.executed(request, first)).scalars().all()
    return await view.deletion(request, records) if records else None


async def _added(
    site: Site,
    request: Request,
    view: RecordView,
    name: str,
    query: str,
    asked: ListParams,
    form: str,
) -> BulkJob:
    form = form if _FORM.fullmatch(form) else secrets.token_hex(16)
    return await start_job(
        site, request, view, name, query=query, meaning=meaning(asked), form=form
    )


async def start_job(
    site: Site,
    request: Request,
    view: RecordView,
    name: str,
    *,
    query: str,
    meaning: str,
    form: str,
) -> BulkJob:
    """A job of whoever asks, begun as soon as this request is committed; 409 for too many."""
    visit, worker = visit_of(request), site.jobs.of(request)
    session, actor = view.session(request), visit.principal.name
    if await worker.queue.unfinished(session, actor) >= MOST_AT_ONCE:
        text = f"You have {MOST_AT_ONCE} bulk jobs already that are not over."
        raise HTTPException(HTTPStatus.CONFLICT, text)
    now = visit.services.clock.now()
    session_id = visit.principal.session_id
    assert session_id is not None  # noqa: S101 - the guard lets nobody in but by a session
    job = BulkJob(
        form=form,
        site=site.name,
        resource=view.resource,
        action=name,
        query=query,
        meaning=meaning,
        actor=actor,
        session_id=session_id,
        address=visit.client.address,
        created_at=now,
        turn_at=now,
    )
    added = await worker.queue.add(session, job)
    if added.actor != actor:
        raise HTTPException(HTTPStatus.CONFLICT, "Load the page again.")
    worker.notice_soon()
    return added


async def jobs(site: Site, request: Request) -> Response:
    """The jobs of whoever looks, or of all, the newest first."""
    request.state.action = RequestAction.LIST
    visit = visit_of(request)
    sees_all = may_see_all(visit)
    everybody = sees_all and request.query_params.get("whose") == "all"
    before = request.query_params.get("before", "")
    if before and not _NUMBER.fullmatch(before):
        raise HTTPException(HTTPStatus.BAD_REQUEST, "There is no such place in this list.")
    found = await site.jobs.of(request).queue.page(
        request.state.session,
        None if everybody else visit.principal.name,
        int(before) if before else None,
        _PAGE + 1,
    )
    more = found[_PAGE - 1].number if len(found) > _PAGE else None
    whose = "all" if everybody else None
    return site.page(
        request,
        "jobs.html",
        jobs=[shown(site, request, each) for each in found[:_PAGE]],
        sees_all=sees_all,
        everybody=everybody,
        path=PATH,
        moment=moment,
        older=None if more is None else url_of(request, PATH, before=more, whose=whose),
    )


async def job(site: Site, request: Request) -> Response:
    """How far one is; as JSON for the script that looks again."""
    request.state.action = RequestAction.DETAIL
    key = request.query_params.get("pk", "")
    found = shown(site, request, await _existing(site, request, key))
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse(_as_json(found))
    return site.page(request, "job.html", job=found, path=PATH, moment=moment)


async def cancel(site: Site, request: Request) -> Response:
    """Have one end before its next step."""
    request.state.action = RequestAction.ACTION
    found = await _existing(site, request, str((await sent_form(request)).get("pk", "")))
    visit = visit_of(request)
    if not may_cancel(visit, found):
        raise HTTPException(HTTPStatus.FORBIDDEN, "You may not cancel this.")
    number, now = found.number or 0, visit.services.clock.now()
    done = await site.jobs.of(request).queue.cancel(request.state.session, number, now)
    response = RedirectResponse(url_of(request, PATH, "detail", pk=number), HTTPStatus.SEE_OTHER)
    text = "It ends before its next step." if done else "It is over already."
    notices.leave(request, response, visit, text, "done" if done else "refused")
    return response


async def _existing(site: Site, request: Request, key: str) -> BulkJob:
    """The job of that number; 404 if there is none that they may see."""
    visit = visit_of(request)
    found: BulkJob | None = None
    if _NUMBER.fullmatch(key):
        found = await request.state.session.get(BulkJob, int(key))
    if found is None or found.site != site.name or not _may_see(visit, found):
        raise HTTPException(HTTPStatus.NOT_FOUND, "There is no such bulk job.")
    return found


def _may_see(visit: Visit, job: BulkJob) -> bool:
    return job.actor == visit.principal.name or may_see_all(visit)


def _as_json(found: Shown) -> dict[str, Any]:
    return {
        "state": found.state,
        "text": found.progress,
        "handled": found.handled,
        "total": found.total,
        "over": found.is_over,
    }
