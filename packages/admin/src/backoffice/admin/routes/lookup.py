"""Finding a record for a reference while typing."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette_admin.types import RequestAction

from backoffice.admin.site import Site

_MOST = 50


async def lookup(site: Site, request: Request) -> Response:
    """Keys and names alone: no other column leaves by this way."""
    request.state.action = RequestAction.RELATION_LOOKUP
    view = site.view(request)
    text = request.query_params.get("q", "").strip() or None
    found = await view.find_all(request, limit=_MOST, q=text)
    items = [{"key": view.keys.of(each), "label": view.named(request, each)} for each in found]
    return JSONResponse({"items": items, "more": len(found) == _MOST})
