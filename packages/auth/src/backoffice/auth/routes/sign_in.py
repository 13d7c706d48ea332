"""Registering, signing in, refreshing and signing out."""

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, cast

from fastapi import APIRouter, Form, Request, Response

from backoffice.auth.guards import public
from backoffice.auth.origin import same_origin
from backoffice.auth.principals import Principal
from backoffice.auth.routes.answers import person
from backoffice.auth.schemas import (
    MAX_PASSWORD_TEXT,
    Accepted,
    Reauthentication,
    Refresh,
    Registration,
    Tokens,
)
from backoffice.auth.services import Services
from backoffice.auth.sessions import BROWSER, TOKEN, Client
from backoffice.core import Forbidden, Unauthenticated

if TYPE_CHECKING:
    from backoffice.auth.auth import Auth


def add(router: APIRouter, auth: "Auth") -> None:
    """Add the routes of signing in and out."""
    services = auth.services
    signed_in = auth.require()

    @router.post("/register", status_code=202)
    @public
    async def register(request: Request, body: Registration) -> Accepted:
        """Create an account; the answer is the same whether the address is free or taken."""
        found = services.of(request)
        if not found.settings.registration:
            raise Forbidden("Accounts are made by an administrator.", code="registration_closed")
        client = Client.of(request)
        await found.limits.register(client)
        await found.users.register(body.email, body.password.get_secret_value(), client)
        return Accepted(message="If the address was free, it has an account now: sign in.")

    @router.post("/login")
    @public
    async def login(
        request: Request,
        username: Annotated[str, Form(max_length=320)],
        password: Annotated[str, Form(max_length=MAX_PASSWORD_TEXT)],
    ) -> Tokens:
        """Exchange an address and a password for an access token and a refresh token."""
        found = services.of(request)
        client = Client.of(request)
        await found.limits.sign_in(client)
        _, session = await found.sign_in.with_password(username, password, TOKEN, client)
        return Tokens(**vars(found.sessions.tokens(session)))

    @router.post("/login/cookie", status_code=204)
    @public
    async def login_by_cookie(
        request: Request,
        response: Response,
        username: Annotated[str, Form(max_length=320)],
        password: Annotated[str, Form(max_length=MAX_PASSWORD_TEXT)],
    ) -> None:
        """Sign a browser in by the session cookie; the session that it had before ends.

        For pages of this very site: another one could sign somebody in under its own account.
        """
        if not same_origin(request):
            raise Forbidden("This was not sent by a page of this site.", code="csrf_failed")
        found = services.of(request)
        client = Client.of(request)
        await found.limits.sign_in(client)
        _, session = await found.sign_in.with_password(username, password, BROWSER, client)
        await found.sessions.end_before(found.cookie.read(request), client)
        found.cookie.set(response, request, found.sessions.cookie(session))

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
        if who.session_id is None:
            raise Forbidden("A key has no session; sign in first.", code="sign_in_required")
        await found.limits.sign_in(client)
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
        person(who)
        if who.session_id is not None:
            await found.sessions.end(who.session_id, actor=who.name, client=Client.of(request))
        _forget(found, request, response, who)

    @router.post("/logout-all", status_code=204)
    async def logout_all(
        request: Request, response: Response, who: Annotated[Principal, signed_in]
    ) -> None:
        """End every session of the caller."""
        found = services.of(request)
        person(who)
        await found.sessions.end_all_of(who.id, actor=who.name, client=Client.of(request))
        _forget(found, request, response, who)


def _forget(found: Services, request: Request, response: Response, who: Principal) -> None:
    found.cookie.clear(response, request)
    if who.method == "session":
        # ASVS 14.3.1. Other cookies and the storage of this host are the app's own.
        response.headers["Clear-Site-Data"] = '"cache"'
