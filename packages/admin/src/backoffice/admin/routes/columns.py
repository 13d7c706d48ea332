"""Choosing the columns of a list, and their order; they are kept for whoever chose them."""

from http import HTTPStatus
from typing import Any

from starlette.datastructures import FormData, QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette_admin.types import RequestAction

from backoffice.admin.list_addresses import PLACES
from backoffice.admin.list_columns import COLUMNS, chosen, moved, offered
from backoffice.admin.presentation import url_of
from backoffice.admin.records import RecordView
from backoffice.admin.saved.keeping import keep_columns
from backoffice.admin.saved.views import kept
from backoffice.admin.site import Site
from backoffice.admin.visits import sent_form


async def columns(site: Site, request: Request) -> Response:
    """What the list may show, in its order; what is chosen of it opens with the list."""
    request.state.action = RequestAction.LIST
    view = site.view(request)
    if request.method != "POST":
        own = await kept(view, request)
        names = [each.name for each in chosen(view, request, own.columns)]
        query = request.url.query
        return _page(site, request, view, names, [*names, *offered(view, request)], query)
    form = await sent_form(request)
    names, order = _sent(form, COLUMNS), _sent(form, "order")
    query = str(form.get("query", ""))
    for button, steps in (("up", -1), ("down", 1)):
        if button in form:
            order = moved(order, str(form[button]), steps)
            return _page(site, request, view, names, order, query)
    return await _kept(view, request, [each for each in order if each in names], query, form)


async def _kept(
    view: RecordView, request: Request, names: list[str], query: str, form: FormData
) -> Response:
    known = offered(view, request)
    text = ",".join(each for each in names if each in known)
    if "reset" in form or text == ",".join(each.name for each in view.columns(request)):
        text = ""
    await keep_columns(view, request, text)
    left = [each for each in QueryParams(query).multi_items() if each[0] not in (COLUMNS, *PLACES)]
    asked: dict[str, Any] = {}
    for name, value in [*left, *([(COLUMNS, text)] if text else [])]:
        asked.setdefault(name, []).append(value)
    return RedirectResponse(url_of(request, view.resource, **asked), HTTPStatus.SEE_OTHER)


def _page(
    site: Site, request: Request, view: RecordView, names: list[str], order: list[str], query: str
) -> Response:
    fields = offered(view, request)
    listed = [fields[each] for each in dict.fromkeys(order) if each in fields]
    return site.page(
        request,
        "columns.html",
        view=view,
        rows=[(each.name, each.label, each.name in names) for each in listed],
        query=query,
    )


def _sent(form: FormData, name: str) -> list[str]:
    return [each for each in form.getlist(name) if isinstance(each, str)]
