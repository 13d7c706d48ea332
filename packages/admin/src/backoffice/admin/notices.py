"""Notices: what the next page tells the person about what they just did."""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from backoffice.admin.visits import Visit, known_visit, root

Level = Literal["done", "refused"]

_COOKIE = "backoffice_notice"
_SECONDS = 60
_MAX_LENGTH = 300


@dataclass(frozen=True)
class Notice:
    """One sentence, and whether it tells of success."""

    text: str
    level: Level = "done"


def leave(request: Request, response: Response, visit: Visit, text: str, level: Level) -> None:
    """Have the session's next page show the text."""
    content = json.dumps([text[:_MAX_LENGTH], level]).encode()
    response.set_cookie(
        _COOKIE,
        base64.urlsafe_b64encode(_mac(visit, content) + content).decode(),
        max_age=_SECONDS,
        path=root(request) or "/",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def pending(request: Request) -> Notice | None:
    """What was left for this session to show; None for a cookie that is not ours."""
    visit, value = known_visit(request), request.cookies.get(_COOKIE)
    if visit is None or visit.known is None or value is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(value.encode())
        mac, content = raw[:32], raw[32:]
        if not hmac.compare_digest(mac, _mac(visit, content)):
            return None
        return Notice(*json.loads(content))
    except (ValueError, TypeError):
        return None


def forget(request: Request, response: Response) -> None:
    """Take back what has been shown."""
    response.delete_cookie(_COOKIE, path=root(request) or "/")


def _mac(visit: Visit, content: bytes) -> bytes:
    return hmac.digest(visit.session_key, b"notice" + content, hashlib.sha256)
