"""The session that the caller is signed in by: refreshed, proved anew, and ended."""

import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, cast

from fastapi import APIRouter, Request, Response

from backoffice.auth.guards import public
from backoffice.auth.principals import Principal
from backoffice.auth.schemas import Reauthentication, Refresh, Tokens
from backoffice.auth.services import Services
from backoffice.auth.sessions import TOKEN, Client
from backoffice.core import Unauthenticated

if TYPE_CHECKING:
    from backoffice.auth.auth import Auth


def add(router: APIRouter, auth: "Auth") -> None:
    """Add the routes of the caller's own session; an API key has none."""
    services = auth.services
    signed_in = auth.require(methods=("jwt", "session"))

    @router.post("/refresh")
    @public
    async def refresh(request: Request, body: Refresh) -> Tokens:
        """Exchange a refresh token for a new pair; the old one is spent."""
        found = services.of(request)
        client = Client.of(request)
        try:
            pair = await found.sessions.refreshed(body.refresh_token, client)
        except Unauthenticated:
            await found.limits.may_guess(client)
            await found.limits.guessed(client)
            raise
        return Tokens(**vars(pair))

    @router.post("/reauthenticate", responses={204: {"description": "Sent by cookie: a new one"}})
    async def reauthenticate(
        request: Request, body: Reauthentication, who: Annotated[Principal, signed_in]
    ) -> Tokens:
        """Prove the password again, for routes that ask for a fresh sign-in.

        A new session takes the place of the caller's: a new pair for a token, a new cookie for a
        cookie. What was good before is not any more.
        """
        found = services.of(request)
        client = Client.of(request)
        session = await found.sign_in.again(who, body.password.get_secret_value(), client)
        if session.kind == TOKEN:
            return Tokens(**vars(found.sessions.tokens(session)))
        response = Response(status_code=HTTPStatus.NO_CONTENT)
        found.cookie.set(response, request, found.sessions.cookie(session))
        # FastAPI sends a response as it is, whatever model the route promises.
        return cast(Tokens, response)

    @router.post("/logout", status_code=204)
    async def logout(
        request: Request, response: Response, who: Annotated[Principal, signed_in]
    ) -> None:
        """End this session: its tokens and its cookie are dead from the next request on."""
        found = services.of(request)
        id = cast(uuid.UUID, who.session_id)
        await found.sessions.end(id, actor=who.name, client=Client.of(request))
        _forget(found, request, response, who)

    @router.post("/logout-all", status_code=204)
    async def logout_all(
        request: Request, response: Response, who: Annotated[Principal, signed_in]
    ) -> None:
        """End every session of the caller."""
        found = services.of(request)
        await found.sessions.end_all_of(who.id, actor=who.name, client=Client.of(request))
        _forget(found, request, response, who)


def _forget(found: Services, request: Request, response: Response, who: Principal) -> None:
    found.cookie.clear(response, request)
    if who.method == "session":
        # ASVS 14.3.1. Other cookies and the storage of this host are the app's own.
        response.headers["Clear-Site-Data"] = '"cache"'
