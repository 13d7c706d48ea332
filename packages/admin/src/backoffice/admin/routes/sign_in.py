"""Signing in and out."""

from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from backoffice.admin import notices
from backoffice.admin.guard import LOGIN, next_page
from backoffice.admin.site import Site
from backoffice.admin.visits import Visit, root, sent_form, visit_of
from backoffice.auth.models import UserSession
from backoffice.auth.sessions import BROWSER
from backoffice.core import TooManyRequests, Unauthenticated

#: What was done on a page of recovery, by the word for it in the address of this one.
_DONE = {
    "asked": "If the address has an account, a mail is on its way.",
    "reset": "The password was changed. Sign in with the new one.",
    "verified": "The address is confirmed.",
}


async def login(site: Site, request: Request) -> Response:
    """The form, and what is sent by it: a fresh session, or the form again."""
    visit = visit_of(request)
    if request.method != "POST":
        return _signed_in_before(request, visit) if visit.may_enter else _form(site, request)
    form = await sent_form(request)
    email, password = (text_of(form.get(each)) for each in ("email", "password"))
    try:
        _, session = await visit.services.sign_in.with_password(
            email, password, BROWSER, visit.client
        )
    except (Unauthenticated, TooManyRequests) as refusal:
        return _form(site, request, email=email, error=refusal)
    return await _signed_in(request, visit, session)


async def logout(_: Site, request: Request) -> Response:
    """End the session; its cookie is dead from now on, wherever it may lie."""
    visit = visit_of(request)
    await _end_session(visit)
    response = RedirectResponse(f"{root(request)}{LOGIN}", HTTPStatus.SEE_OTHER)
    visit.services.cookie.clear(response, request)
    # The app beside us has cookies and storage of its own on this host: they stay.
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


def after(request: Request, done: str) -> Response:
    """The way back here, where the person is told what was done."""
    return RedirectResponse(f"{root(request)}{LOGIN}?done={done}", HTTPStatus.SEE_OTHER)


def _done(request: Request) -> str:
    return _DONE.get(request.query_params.get("done", ""), "")


def _signed_in_before(request: Request, visit: Visit) -> Response:
    response = RedirectResponse(next_page(request), HTTPStatus.SEE_OTHER)
    if done := _done(request):
        notices.leave(request, response, visit, done, "done")
    return response


def _form(
    site: Site,
    request: Request,
    email: str = "",
    error: Unauthenticated | TooManyRequests | None = None,
) -> Response:
    if error is None:
        return site.page(request, "login.html", email=email, error="", done=_done(request))
    status = error.status_code
    response = site.page(request, "login.html", status, email=email, error=error.message)
    headers: dict[str, Any] = dict(error.headers or {})
    if isinstance(error, Unauthenticated):
        headers |= visit_of(request).services.resolver.challenge()
    response.headers.update(headers)
    return response


async def _signed_in(request: Request, visit: Visit, session: UserSession) -> Response:
    await _end_session(visit)
    response = RedirectResponse(next_page(request), HTTPStatus.SEE_OTHER)
    value = visit.services.sessions.cookie(session)
    visit.services.cookie.set(response, request, value)
    return response


async def _end_session(visit: Visit) -> None:
    for who in (visit.known, visit.acting.who if visit.acting is not None else None):
        if who is not None and who.session_id is not None:
            await visit.services.sessions.end(who.session_id, actor=who.name, client=visit.client)


def text_of(value: object) -> str:
    """What a field of a form holds; empty if it was not sent, or is no text."""
    return value if isinstance(value, str) else ""
