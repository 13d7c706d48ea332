"""Finding a record for a reference while typing."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette_admin.types import ListParams, RequestAction

from backoffice.admin.lists import page_of
from backoffice.admin.site import Site

_MOST = 50


async def lookup(site: Site, request: Request) -> Response:
    """Keys and names alone: no other column leaves by this way. `next` is for `after`."""
    request.state.action = RequestAction.RELATION_LOOKUP
    view = site.view(request)
    text = request.query_params.get("q", "").strip() or None
    page = await page_of(view, request, ListParams(page_size=_MOST, q=text))
    records = page.records
    items = [{"key": view.keys.of(each), "label": view.named(request, each)} for each in records]
    return JSONResponse({"items": items, "more": page.after is not None, "next": page.after})
