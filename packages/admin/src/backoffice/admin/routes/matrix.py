"""The matrix of roles: shown, previewed, and changed in one step."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette_admin.types import RequestAction

from backoffice.admin import notices
from backoffice.admin.accounts import matrix as pages
from backoffice.admin.accounts import matrix_changes as changes
from backoffice.admin.accounts.roles import RoleView
from backoffice.admin.presentation import url_of
from backoffice.admin.site import Site
from backoffice.admin.visits import sent_form, visit_of
from backoffice.auth.role_effects import changed
from backoffice.core import Refusal

#: What of an address says which part of the matrix is shown.
_PLACES = ("q", "of", "after", "from")
#: The codes of refusals that somebody may do something about, at the preview itself.
_TOLD = frozenset({"last_administrator", "role_changed_meanwhile", "unknown_permission"})


async def matrix(site: Site, request: Request) -> Response:
    """The matrix; what its form sends is previewed, and what a preview sends is done."""
    request.state.action = RequestAction.LIST
    view = site.named(request, "roles")
    assert isinstance(view, RoleView)  # noqa: S101 - the site has made it so
    if request.method != "POST":
        return await _page(site, request, view)
    form = await sent_form(request)
    cells = changes.confirmed(form) if "told" in form else changes.marked(form)
    if not cells:
        return _back(request, "Nothing was changed.")
    await changes.check(view, request, cells)
    found = await changes.preview(view, site.users, request, cells)
    if "told" not in form:
        return _ask(site, request, view, found)
    visit_of(request).check_fresh()
    if form["told"] != found.digest:
        told = "Something else would come of it by now; look again, and then save."
        return _ask(site, request, view, found, told, HTTPStatus.CONFLICT)
    try:
        await changed(visit_of(request).services, found.found, actor=view.principal(request).name)
    except Refusal as refusal:
        if refusal.code not in _TOLD:
            raise
        return _ask(site, request, view, found, refusal.message, HTTPStatus(refusal.status_code))
    return _back(request, f"Changed: {len(found.found.cells)} cells of the matrix.")


async def _page(site: Site, request: Request, view: RoleView) -> Response:
    shown = await pages.matrix(view, request)
    asked = {name: request.query_params.get(name, "") for name in _PLACES}
    return site.page(
        request, "matrix.html", view=view, shown=shown, asked=asked, here=_here(request)
    )


def _ask(
    site: Site,
    request: Request,
    view: RoleView,
    found: changes.Preview,
    refusal: str = "",
    status: HTTPStatus = HTTPStatus.OK,
) -> Response:
    return site.page(
        request,
        "matrix_preview.html",
        status,
        view=view,
        preview=found,
        refusal=refusal,
        here=_here(request),
    )


def _back(request: Request, text: str) -> Response:
    response = RedirectResponse(_here(request), HTTPStatus.SEE_OTHER)
    notices.leave(request, response, visit_of(request), text, "done")
    return response


def _here(request: Request) -> str:
    """The address of the part of the matrix that is looked at."""
    asked = request.query_params
    query = {name: asked[name] for name in _PLACES if asked.get(name)}
    return url_of(request, "roles", "matrix", **query)
