"""Confirming a password: asked before what is dangerous, of whoever signed in a while ago.

What was typed is kept: the page that asks holds the form that was sent, posts it to where it was
sent to, and the deed is done in the same step. So it works without scripts, and nothing waits in
a store. The session is a new one from then on (ASVS 7.2.4), and its cookie goes with the answer,
whatever the answer is.

The same page holds a form that was made before the session was renewed, as in another tab, or
before it ended, and asks for no password but a second look.
"""

from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING
from uuid import UUID

from sqlmodel import col, select
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Scope, Send

from backoffice.admin.visits import NotFresh, Visit, begin, sent_form, visit_of
from backoffice.auth.csrf import FIELD
from backoffice.auth.models import UserSession
from backoffice.core import Forbidden, InvalidInput, Refusal, TooManyRequests, Unauthenticated

if TYPE_CHECKING:
    from backoffice.admin.site import Handler, Site

#: The field of a form that carries the password of who sends it.
CONFIRMATION = "confirm_password"
_RENEWED = "backoffice_renewed_cookie"


async def changed(site: "Site", request: Request, handler: "Handler") -> Response:
    """The answer to a form of somebody who is signed in, or the page that holds the form."""
    form, visit = await sent_form(request), visit_of(request)
    try:
        visit.check(request, form)
    except Forbidden as refusal:
        if not await _is_of_earlier_session(visit, form):
            raise
        return held(site, request, form, refusal)
    try:
        await _confirm(request, visit, form)
        return await handler(site, request)
    except (NotFresh, WrongPassword) as refusal:
        if "application/json" in request.headers.get("accept", ""):
            raise
        return held(site, request, form, refusal)


class WrongPassword(InvalidInput):
    """The password that should confirm a deed is not right, or too many were tried."""

    code = "invalid_credentials"

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message, code=refusal.code, headers=refusal.headers)
        self.status_code = refusal.status_code


async def _confirm(request: Request, visit: Visit, form: FormData) -> None:
    """Renew the session if the form carries the password."""
    password = form.get(CONFIRMATION)
    # Of whom somebody looks as, nobody tries the password here.
    if not isinstance(password, str) or not password or visit.acting is not None:
        return
    services = visit.services
    try:
        session = await services.sign_in.again(visit.principal, password, visit.client)
    except Unauthenticated:
        # Another tab was faster: this form is of a session that has ended meanwhile.
        raise
    except (InvalidInput, TooManyRequests) as refusal:
        raise WrongPassword(refusal) from None
    moment = session.proved_at or session.created_at
    known = replace(visit.principal, session_id=session.id, auth_time=moment)
    begin(request, replace(visit, known=known))
    answer = Response()
    services.cookie.set(answer, request, services.sessions.cookie(session))
    setattr(request.state, _RENEWED, answer.headers["set-cookie"])


def renewing(scope: Scope, send: Send) -> Send:
    """The same `send`; the cookie of a session that was renewed goes with the answer.

    An error has it too: the session before it has ended.
    """

    async def sent(message: Message) -> None:
        cookie: str | None = scope.get("state", {}).get(_RENEWED)
        if message["type"] == "http.response.start" and cookie is not None:
            headers = [*message.get("headers", ()), (b"set-cookie", cookie.encode("latin-1"))]
            message = {**message, "headers": headers}
        await send(message)

    return sent


async def _is_of_earlier_session(visit: Visit, form: FormData) -> bool:
    """Whether the token is of another session of the same person, which we have made."""
    id = visit.services.csrf.session_of(form.get(FIELD))
    return id is not None and await _owner(visit, id) == visit.principal.id


async def _owner(visit: Visit, id: UUID) -> object:
    async with visit.services.database.session() as session:
        query = select(UserSession.user_id).where(col(UserSession.id) == id)
        return (await session.exec(query)).one_or_none()


def held(
    site: "Site", request: Request, form: FormData, refusal: Refusal | None = None
) -> Response:
    """The page with the form as it was sent, and what stands in its way.

    Without a refusal it is the form of somebody whose session has ended meanwhile. Its token stays
    in it, by which their next session knows it again.
    """
    visit = visit_of(request)
    if refusal is None:
        refusal = Unauthenticated("Sign in again.", headers=visit.services.resolver.challenge())
    unheld = {CONFIRMATION} if visit.known is None else {CONFIRMATION, FIELD}
    response = site.page(
        request,
        "confirm.html",
        HTTPStatus.CONFLICT if refusal.code == "csrf_failed" else refusal.status_code,
        held=[
            (name, value)
            for name, value in form.multi_items()
            # A file cannot be held by a page: it is asked for again.
            if name not in unheld and isinstance(value, str)
        ],
        address=request.scope["path"] + (f"?{request.url.query}" if request.url.query else ""),
        asks=isinstance(refusal, NotFresh | WrongPassword),
        wrong=refusal.message if isinstance(refusal, WrongPassword) else "",
        span=_in_words(visit.settings.confirm_after),
    )
    response.headers.update(refusal.headers or {})
    return response


def _in_words(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)):
        number, rest = divmod(seconds, length)
        if number and not rest:
            return f"{number} {unit}{'s' * (number != 1)}"
    return f"{seconds} seconds"
