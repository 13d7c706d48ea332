"""The history: of everything, of one page, of one record, of one person; and undoing a change."""

from dataclasses import replace
from http import HTTPStatus
from typing import Any

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from backoffice.admin import notices
from backoffice.admin.accounts.views import AccountView
from backoffice.admin.changers import actor_names
from backoffice.admin.deletions import TOLD
from backoffice.admin.history.asking import ACTIONS, WAYS, Asked
from backoffice.admin.history.entries import Reader
from backoffice.admin.history.telling import label_of_record, told
from backoffice.admin.history.undoing import VERBS, Undo, planned, undone
from backoffice.admin.presentation import url_of
from backoffice.admin.records import RecordView
from backoffice.admin.site import Site
from backoffice.admin.visits import sent_form, visit_of
from backoffice.core import Conflict

_PLACES = ("after", "before")


async def everything(site: Site, request: Request) -> Response:
    """All changes that may be seen, whoever made them."""
    reader = Reader(request, site.visible(request))
    if not reader.views:
        raise HTTPException(HTTPStatus.FORBIDDEN, "You may see no records, nor their history.")
    asked = Asked.by(request.query_params)
    view = next(iter(reader.views.values()))
    names = await actor_names(view, request, [asked.actor] if asked.actor else [])
    title = f"Changes by {names.get(asked.actor, asked.actor)}" if asked.actor else "History"
    return await _page(site, request, reader, asked, title=title, whole_history=True)


async def of_records(site: Site, request: Request) -> Response:
    """The changes of one page, or of the record that `?pk=` names."""
    view = site.view(request)
    reader = Reader(request, [view])
    if not reader.views:
        raise HTTPException(HTTPStatus.NOT_FOUND, "No history is kept of this.")
    key = request.query_params.get("pk", "").replace("\0", "")
    asked = replace(Asked.by(request.query_params), resource=view.resource, key=key)
    if not key:
        return await _page(site, request, reader, asked, title=f"History: {view.menu_label}")
    record = await view.find_by_pk(request, key)
    page = await reader.page(Asked(resource=view.resource, key=key), 1)
    if record is None and not page.entries:
        raise HTTPException(
            HTTPStatus.NOT_FOUND, f"There is no such {str(view.display_name).lower()}."
        )
    label = label_of_record(request, page.entries[0]) if page.entries else ""
    label = view.named(request, record) if record is not None else label
    return await _page(
        site,
        request,
        reader,
        asked,
        title=f"History of {label}",
        view=view,
        trail=[
            (url_of(request, view.resource), view.menu_label),
            (url_of(request, view.resource, "detail", pk=key), label) if record else None,
        ],
    )


async def undo(site: Site, request: Request) -> Response:
    """The question what undoing a change would do, and after it the deed."""
    view = site.view(request)
    reader = Reader(request, site.visible(request))
    number = Asked.by({"after": request.query_params.get("change", "")}).after
    entry = await reader.entry(view.resource, number)
    if entry is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "There is no such change.")
    if request.method == "POST" and not isinstance(view, AccountView):
        await view.hold(request, [entry.change.record_key])
    plan = await planned(request, entry)
    if request.method != "POST":
        return await _question(site, request, reader, plan)
    view.check_fresh(request, VERBS[entry.change.action])
    if not plan.possible or _is_news(plan, (await sent_form(request)).get(TOLD)):
        return await _question(site, request, reader, plan, HTTPStatus.CONFLICT)
    try:
        record = await undone(request, plan)
    except Conflict as conflict:
        plan.refused.append(conflict.message)
        return await _question(site, request, reader, plan, HTTPStatus.CONFLICT)
    return _done(request, view, plan, record)


def _is_news(plan: Undo, told: object) -> bool:
    """Whether more or something else would be deleted than whoever says so was told of."""
    return told is not None and plan.deletion is not None and plan.deletion.digest != told


async def _question(
    site: Site,
    request: Request,
    reader: Reader,
    plan: Undo,
    status: HTTPStatus = HTTPStatus.OK,
) -> Response:
    # The answer may be an error, after which nothing that was begun is kept.
    entry = plan.entry
    labels = {str(each.label): each.name for each in entry.view.fields}
    (change,) = await told(reader, request, [entry])
    lines = [
        each
        for each in change.lines
        if labels.get(each.label) in plan.fields or entry.change.action == "add"
    ]
    return site.page(
        request,
        "undo.html",
        status,
        view=entry.view,
        plan=plan,
        change=change,
        lines=lines,
        label=label_of_record(request, entry),
    )


def _done(request: Request, view: RecordView, plan: Undo, record: Any) -> Response:
    label = label_of_record(request, plan.entry)
    if record is None:
        url = url_of(request, view.resource)
    else:
        url = url_of(request, view.resource, "detail", pk=view.keys.of(record))
    response = RedirectResponse(url, HTTPStatus.SEE_OTHER)
    text = f"Undone: {view.display_name} “{label}”."
    notices.leave(request, response, visit_of(request), text, "done")
    return response


async def _page(
    site: Site, request: Request, reader: Reader, asked: Asked, **context: Any
) -> Response:
    page = await reader.page(asked, visit_of(request).settings.page_size)
    return site.page(
        request,
        "history.html",
        changes=await told(reader, request, page.entries),
        asked=asked,
        query=request.query_params,
        pages=[(each.resource, each.menu_label) for each in reader.views.values()],
        actions=ACTIONS,
        ways=WAYS,
        newer=_here(request, before=page.before) if page.before else None,
        older=_here(request, after=page.after) if page.after else None,
        first=_here(request),
        **context,
    )


def _here(request: Request, **place: int) -> str:
    """The address of this page at another place."""
    kept = [each for each in request.query_params.multi_items() if each[0] not in _PLACES]
    query = QueryParams([*kept, *((name, str(value)) for name, value in place.items())])
    return f"?{query}"
