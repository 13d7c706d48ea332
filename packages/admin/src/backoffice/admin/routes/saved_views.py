"""The views of a list: keeping one, changing those that are kept, and which of them comes first."""

from http import HTTPStatus

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette_admin.types import RequestAction

from backoffice.admin import notices
from backoffice.admin.list_columns import COLUMNS
from backoffice.admin.presentation import url_of
from backoffice.admin.records import RecordView
from backoffice.admin.saved import keeping
from backoffice.admin.saved.models import LONGEST_NAME
from backoffice.admin.saved.views import VIEW, kept, kept_query, may_share
from backoffice.admin.site import Site
from backoffice.admin.visits import sent_form, visit_of
from backoffice.core import Conflict, InvalidInput, Refusal


async def saved_views(site: Site, request: Request) -> Response:
    """The views of a list that somebody may use, and the form that keeps it as it is now."""
    request.state.action = RequestAction.LIST
    view = site.view(request)
    if request.method != "POST":
        return await _page(site, request, view, request.url.query)
    form = await sent_form(request)
    deed = _DEEDS.get(str(form.get("do", "")))
    if deed is None:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "There is no such thing to do to a view.")
    try:
        return await deed(view, request, form)
    except (Conflict, InvalidInput) as refusal:
        query = str(form.get("query", ""))
        return await _page(site, request, view, query, form, refusal)


async def _save(view: RecordView, request: Request, form: FormData) -> Response:
    name, query = str(form.get("name", "")), await _with_columns(view, request, form)
    number = await keeping.save(view, request, name, query, "shared" in form)
    if "opens" in form:
        await keeping.open_with(view, request, number)
    return _opened(view, request, query, number, "The view was saved.")


async def _replace(view: RecordView, request: Request, form: FormData) -> Response:
    query = await _with_columns(view, request, form)
    row = await keeping.replace(view, request, str(form.get("pk", "")), query)
    return _opened(view, request, query, row.number, "The view was saved.")


async def _rename(view: RecordView, request: Request, form: FormData) -> Response:
    number, name = str(form.get("pk", "")), str(form.get("name", ""))
    await keeping.rename(view, request, number, name, "shared" in form)
    return _back(view, request, form, "The view was changed.")


async def _delete(view: RecordView, request: Request, form: FormData) -> Response:
    await keeping.remove(view, request, str(form.get("pk", "")))
    return _back(view, request, form, "The view was deleted.")


async def _open(view: RecordView, request: Request, form: FormData) -> Response:
    number = str(form.get("pk", ""))
    found = (await kept(view, request)).find(number)
    if number and found is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "There is no such view of this list.")
    await keeping.open_with(view, request, found.number if found else None)
    text = "The list opens with this view from now on." if found else "The list opens as it was."
    return _back(view, request, form, text)


_DEEDS = {
    "save": _save,
    "replace": _replace,
    "rename": _rename,
    "delete": _delete,
    "open": _open,
}


async def _with_columns(view: RecordView, request: Request, form: FormData) -> str:
    """The query of a list with the columns that it showed, whoever looks at it later."""
    query = kept_query(view, str(form.get("query", "")))
    columns = (await kept(view, request)).columns
    if columns and not any(each.startswith(f"{COLUMNS}=") for each in query.split("&")):
        query = f"{query}{'&' * bool(query)}{COLUMNS}={columns}"
    return kept_query(view, query)


def _opened(
    view: RecordView, request: Request, query: str, number: int | None, text: str
) -> Response:
    url = f"{url_of(request, view.resource)}?{query}{'&' * bool(query)}{VIEW}={number}"
    return _told(request, url, text)


def _back(view: RecordView, request: Request, form: FormData, text: str) -> Response:
    query = kept_query(view, str(form.get("query", "")))
    url = url_of(request, view.resource, "views")
    return _told(request, f"{url}?{query}" if query else url, text)


def _told(request: Request, url: str, text: str) -> Response:
    response = RedirectResponse(url, HTTPStatus.SEE_OTHER)
    notices.leave(request, response, visit_of(request), text, "done")
    return response


async def _page(
    site: Site,
    request: Request,
    view: RecordView,
    query: str,
    form: FormData | None = None,
    refusal: Refusal | None = None,
) -> Response:
    own = await kept(view, request)
    return site.page(
        request,
        "views.html",
        HTTPStatus.OK if refusal is None else refusal.status_code,
        view=view,
        own=own,
        query=kept_query(view, query),
        current=own.find(request.query_params.get(VIEW)),
        may_share=may_share(request),
        sent=form or {},
        error=refusal.message if refusal else "",
        longest=LONGEST_NAME,
        list_url=f"{url_of(request, view.resource)}?{query}",
    )
