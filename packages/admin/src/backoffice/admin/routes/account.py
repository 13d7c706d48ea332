"""One's own account: where it is signed in, and its password."""

import uuid
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from backoffice.admin import notices
from backoffice.admin.guard import ACCOUNT, LOGIN
from backoffice.admin.routes.sign_in import text_of
from backoffice.admin.site import Site
from backoffice.admin.values import moment
from backoffice.admin.visits import root, sent_form, visit_of
from backoffice.core import NotFound, Refusal


async def account(site: Site, request: Request) -> Response:
    """Who it is, and where they are signed in."""
    return await _page(site, request)


async def end_sessions(_: Site, request: Request) -> Response:
    """Sign out: of all sessions, of all `others`, or of the one whose id `which` is."""
    visit = visit_of(request)
    form = await sent_form(request)
    which, who = text_of(form.get("which")), visit.principal
    if which not in ("others", "all") and _id(which) is None:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "Say which session to end.")
    visit.check_fresh()
    keep = who.session_id if which == "others" else None
    sessions = visit.services.sessions
    if (id := _id(which)) is None:
        await sessions.end_all_of(who.id, actor=who.name, client=visit.client, keep=keep)
    else:
        try:
            await sessions.end(id, actor=who.name, client=visit.client, owner=who.id)
        except NotFound:
            raise HTTPException(HTTPStatus.NOT_FOUND, "There is no such session.") from None
    if which == "all" or id == who.session_id:
        return _signed_out(request)
    return _done(request, "The session has ended." if id else "All other sessions have ended.")


async def change_password(site: Site, request: Request) -> Response:
    """A new password, by the current one; all other sessions end."""
    visit = visit_of(request)
    form = await sent_form(request)
    current, new = (text_of(form.get(each)) for each in ("current_password", "password"))
    who = visit.principal
    try:
        await visit.services.users.change_password(
            who.id, current, new, keep=who.session_id, client=visit.client
        )
    except Refusal as refusal:
        return await _page(site, request, refusal)
    return _done(request, "The password was changed. All other sessions have ended.")


async def _page(site: Site, request: Request, refusal: Refusal | None = None) -> Response:
    visit = visit_of(request)
    who = visit.principal
    response = site.page(
        request,
        "account.html",
        HTTPStatus.OK if refusal is None else refusal.status_code,
        sessions=await visit.services.sessions.of_user(who.id),
        roles=sorted(who.roles),
        moment=moment,
        refusal=refusal,
    )
    response.headers.update({} if refusal is None else refusal.headers or {})
    return response


def _id(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _done(request: Request, text: str) -> Response:
    response = RedirectResponse(f"{root(request)}{ACCOUNT}", HTTPStatus.SEE_OTHER)
    notices.leave(request, response, visit_of(request), text, "done")
    return response


def _signed_out(request: Request) -> Response:
    response = RedirectResponse(f"{root(request)}{LOGIN}", HTTPStatus.SEE_OTHER)
    visit_of(request).services.cookie.clear(response, request)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response
