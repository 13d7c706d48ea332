"""Beginning to look at the admin as somebody else, and stopping to."""

from dataclasses import replace
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette_admin.types import RequestAction

from backoffice.admin import notices
from backoffice.admin.accounts.users import UserView
from backoffice.admin.impersonation import begin_looking, stop_looking
from backoffice.admin.presentation import url_of
from backoffice.admin.routes import detail
from backoffice.admin.routes.sign_in import text_of
from backoffice.admin.site import Site
from backoffice.admin.visits import ENTER, root, sent_form, visit_of
from backoffice.auth import impersonation, refusals
from backoffice.core import Forbidden, InvalidInput


async def start(site: Site, request: Request) -> Response:
    """The question why, and after the answer the first page as the other sees it."""
    request.state.action = RequestAction.DETAIL
    view = site.named(request, "users")
    assert isinstance(view, UserView)  # noqa: S101 - the site has made it so
    found = await detail.existing(view, request)
    await view.judged(request, "impersonate", [found])
    if not await view.is_row_action_allowed_for_obj(request, "impersonate", found):
        text = f"You may not look at this as {view.named(request, found)}."
        refusal = Forbidden(text, scope=impersonation.PERMISSION)
        refusals.note(request, refusal, view.principal(request))
        raise refusal
    if request.method != "POST":
        return _ask(site, request, view, found)
    visit = visit_of(request)
    visit.check_fresh()
    reason, services = (
        text_of((await sent_form(request)).get("reason")),
        await view.services(request),
    )
    held = await services.effective.of_user(found.id)
    if not held.can(ENTER):
        raise HTTPException(HTTPStatus.CONFLICT, "They may not enter the admin: there is nothing.")
    try:
        row = await impersonation.started(services, visit.principal, found, reason, visit.client)
    except InvalidInput as refusal:
        return _ask(site, request, view, found, refusal.message)
    response = RedirectResponse(f"{root(request)}/", HTTPStatus.SEE_OTHER)
    begin_looking(request, response, visit, row, found.id)
    return response


async def end(_: Site, request: Request) -> Response:
    """Back to oneself."""
    visit = visit_of(request)
    if visit.acting is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "You look at this as nobody else.")
    other, own = visit.principal, replace(visit, known=visit.acting.who, acting=None)
    session: Any = other.session_id
    await impersonation.ended(visit.services, session, own.principal, other.id, visit.client)
    url = url_of(request, "users", "detail", pk=other.id)
    response = RedirectResponse(url, HTTPStatus.SEE_OTHER)
    stop_looking(request, response)
    notices.leave(request, response, own, f"You no longer look as {other.email}.", "done")
    return response


def _ask(site: Site, request: Request, view: UserView, found: Any, wrong: str = "") -> Response:
    status = HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK
    return site.page(
        request,
        "impersonate.html",
        status,
        view=view,
        key=view.keys.of(found),
        label=view.named(request, found),
        error=wrong,
        minutes=int(impersonation.SPAN.total_seconds() // 60),
    )
