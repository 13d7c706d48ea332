"""Pages of the app's own."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from backoffice.admin.pages import OwnPage, PageContext, Table
from backoffice.admin.site import Site
from backoffice.admin.visits import visit_of
from backoffice.auth.origin import SAFE_METHODS

PLAIN = "own.html"


async def own(site: Site, request: Request) -> Response:
    """What the function of the page gives."""
    page = site.own_pages.get(request.path_params["name"])
    if page is None:
        raise HTTPException(404, "There is no such page.")
    if not visit_of(request).principal.can(page.permission):
        raise HTTPException(403, f"You may not see {page.label}.")
    if request.method not in SAFE_METHODS:
        _check_form(request, page)
    given = await page.function(PageContext(request))
    if isinstance(given, Response):
        return given
    return site.page(request, page.template or PLAIN, own=page, **_context(page, given))


def _check_form(request: Request, page: OwnPage) -> None:
    if not page.takes_forms:
        raise HTTPException(405, "This page takes no forms.", {"Allow": "GET, HEAD"})
    if page.dangerous:
        visit_of(request).check_fresh()


def _context(page: OwnPage, given: object) -> dict[str, Any]:
    if page.template:
        if not isinstance(given, Mapping):
            raise TypeError(f"the page {page.name!r} has a template: give what it shows, by name")
        return dict(given)
    table = given if isinstance(given, Table) else None
    text = given if isinstance(given, str | Markup) else None
    if table is None and text is None:
        raise TypeError(f"the page {page.name!r} has no template: give a Table or a text")
    return {"table": table, "text": text}
