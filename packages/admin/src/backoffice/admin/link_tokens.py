"""Tokens of links that lead here: taken out of the address before anybody writes that down."""

from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.types import Scope

RESET, VERIFY = "/reset-password", "/verify"
_STATE = "backoffice_link_token"
_LONGEST = 200


def may_hold_token(scope: Scope) -> bool:
    """Whether this is the address of a page that a link leads to."""
    path: str = scope.get("path", "")
    return scope["type"] == "http" and path.endswith((RESET, VERIFY))


def hide_token(scope: Scope) -> None:
    """Keep the token of the query for `token_of`, and leave the query empty.

    In the scope itself, not in a copy: servers write the address into their access log from it
    when the answer begins, and whoever reads that log could take the account over.
    """
    if may_hold_token(scope):
        query = scope["query_string"].decode("latin-1")
        scope.setdefault("state", {})[_STATE] = parse_qs(query).get("token", [""])[0]
        scope["query_string"] = b""


def token_of(request: Request) -> str:
    """The token that the address had; empty if it had none, or what is none."""
    text: str = getattr(request.state, _STATE, "")
    return text if len(text) <= _LONGEST else ""
