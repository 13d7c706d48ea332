"""Registering, signing in, refreshing and signing out."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Form, Request, Response

from backoffice.auth.principals import Principal
from backoffice.auth.routes.answers import no_store, person
from backoffice.auth.schemas import (
    MAX_PASSWORD_TEXT,
    Accepted,
    Refresh,
    Registration,
    Tokens,
)
from backoffice.auth.sessions import TOKEN, Client
from backoffice.core import Forbidden

if TYPE_CHECKING:
    from backoffice.auth.auth import Auth


def add(router: APIRouter, auth: "Auth") -> None:
    """Add the routes of signing in and out."""
    services = auth.services
    signed_in = auth.require()

    @router.post("/register", status_code=202)
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
    async def login(
        request: Request,
        response: Response,
        username: Annotated[str, Form(max_length=320)],
        password: Annotated[str, Form(max_length=MAX_PASSWORD_TEXT)],
    ) -> Tokens:
        """Exchange an address and a password for an access token and a refresh token."""
        found = services.of(request)
        client = Client.of(request)
        await found.limits.sign_in(client)
        _, session = await found.sign_in.with_password(username, password, TOKEN, client)
        no_store(response)
        return Tokens(**vars(found.sessions.tokens(session)))

    @router.post("/refresh")
    async def refresh(request: Request, response: Response, body: Refresh) -> Tokens:
        """Exchange a refresh token for a new pair; the old one is spent."""
        pair = await services.of(request).sessions.refreshed(body.refresh_token, Client.of(request))
        no_store(response)
        return Tokens(**vars(pair))

    @router.post("/logout", status_code=204)
    async def logout(
        request: Request, response: Response, who: Annotated[Principal, signed_in]
    ) -> None:
        """End this session: its tokens and its cookie are dead from the next request on."""
        found = services.of(request)
        person(who)
        if who.session_id is not None:
            await found.sessions.end(who.session_id, actor=who.name, client=Client.of(request))
        found.cookie.clear(response, request)

    @router.post("/logout-all", status_code=204)
    async def logout_all(
        request: Request, response: Response, who: Annotated[Principal, signed_in]
    ) -> None:
        """End every session of the caller."""
        found = services.of(request)
        person(who)
        await found.sessions.end_all_of(who.id, actor=who.name, client=Client.of(request))
        found.cookie.clear(response, request)
