"""Registering and signing in."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Form, Request, Response

from backoffice.auth import refusals
from backoffice.auth.guards import public
from backoffice.auth.origin import same_origin
from backoffice.auth.schemas import MAX_PASSWORD_TEXT, Accepted, Registration, Tokens
from backoffice.auth.sessions import BROWSER, TOKEN, Client
from backoffice.core import Forbidden

if TYPE_CHECKING:
    from backoffice.auth.auth import Auth


def add(router: APIRouter, auth: "Auth") -> None:
    """Add the routes by which somebody comes in."""
    services = auth.services

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
            refusal = Forbidden("This was not sent by a page of this site.", code="csrf_failed")
            refusals.note(request, refusal, None)
            raise refusal
        found = services.of(request)
        client = Client.of(request)
        _, session = await found.sign_in.with_password(username, password, BROWSER, client)
        await found.sessions.end_before(found.cookie.read(request), client)
        found.cookie.set(response, request, found.sessions.cookie(session))
