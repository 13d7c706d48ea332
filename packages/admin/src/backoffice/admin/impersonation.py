"""Looking at the admin as somebody else sees it: which requests are such, and what they may do.

A cookie of its own says as whom, sealed for the session of who looks: it is good for nobody else,
and for nothing without that session. While it is there, nothing can be changed, and nothing of
the other's own account is shown. Forms of before and of after carry another session's token.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import quote
from uuid import UUID

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from backoffice.admin.visits import Acting, Visit, inner_path, root
from backoffice.auth import impersonation
from backoffice.auth.models import UserSession
from backoffice.auth.origin import SAFE_METHODS
from backoffice.core import Forbidden

COOKIE = "backoffice_acting"
END = "/impersonation/end"
_MAC_BYTES = 32


def begin_looking(
    request: Request, response: Response, visit: Visit, row: UserSession, user_id: object
) -> None:
    """Have the browser of this session look as that user from the next request on."""
    content = json.dumps([str(row.id), str(user_id)]).encode()
    response.set_cookie(
        COOKIE,
        base64.urlsafe_b64encode(_mac(visit, content) + content).decode(),
        path=root(request) or "/",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def stop_looking(request: Request, response: Response) -> None:
    """Have it look as who is signed in."""
    response.delete_cookie(COOKIE, path=root(request) or "/")


async def looking(request: Request, visit: Visit) -> Visit | None:
    """The same visit, as whom it is made; None for a cookie that is good no more."""
    named = _named(request, visit)
    if named is None:
        return None
    session, user_id = named
    found = await impersonation.looked_as(visit.services, session, visit.principal, user_id)
    if found is None:
        return None
    principal, until = found
    return replace(visit, known=principal, acting=Acting(visit.principal, until))


def over(request: Request) -> Response:
    """The same address once more, without the cookie; the first page for who would end it."""
    query = f"?{request.url.query}" if request.url.query else ""
    # One slash in front: two would be another host.
    path = quote(f"/{request.scope['path'].lstrip('/')}", safe="/")
    url = f"{root(request)}/" if inner_path(request) == END else path + query
    response = RedirectResponse(url, HTTPStatus.SEE_OTHER)
    stop_looking(request, response)
    return response


def refusal(request: Request, visit: Visit) -> Forbidden | None:
    """Why who looks as somebody else may not do this; None where they may."""
    if visit.acting is None:
        return None
    if request.method not in SAFE_METHODS:
        return Forbidden(
            f"You look at this as {visit.principal.email}, and can change nothing. Stop looking "
            "as somebody else first.",
            code="looking_as_another",
        )
    if f"{inner_path(request)}/".startswith("/account/"):
        return Forbidden(
            f"This is the account of {visit.principal.email}, which is theirs alone.",
            code="looking_as_another",
        )
    return None


def _named(request: Request, visit: Visit) -> tuple[UUID, UUID] | None:
    """The session and the user that the cookie names."""
    try:
        raw = base64.urlsafe_b64decode(request.cookies[COOKIE].encode())
        mac, content = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, _mac(visit, content)):
            return None
        session, user_id = json.loads(content)
        return UUID(session), visit.services.records.read_id(user_id)
    except ValueError:
        return None


def _mac(visit: Visit, content: bytes) -> bytes:
    return hmac.digest(visit.session_key, b"acting" + content, hashlib.sha256)
