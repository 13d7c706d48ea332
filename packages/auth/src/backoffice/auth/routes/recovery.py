"""Links by mail: proving an address, and replacing a forgotten password."""

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request

from backoffice.auth.guards import public
from backoffice.auth.schemas import Accepted, LinkAsked, LinkTaken, PasswordReset
from backoffice.auth.sessions import Client

if TYPE_CHECKING:
    from backoffice.auth.auth import Auth

_SENT = Accepted(message="If the address has an account, a mail is on its way.")


def add(router: APIRouter, auth: "Auth") -> None:
    """Add the routes of links."""
    services = auth.services

    @router.post("/forgot-password", status_code=202)
    @public
    async def forgot_password(request: Request, body: LinkAsked) -> Accepted:
        """Have a link sent by which a new password is chosen; the answer is always the same."""
        found, client = services.of(request), Client.of(request)
        await found.limits.recover(client, body.email)
        await found.recovery.ask("reset", body.email, client)
        return _SENT

    @router.post("/reset-password", status_code=204)
    @public
    async def reset_password(request: Request, body: PasswordReset) -> None:
        """Set a new password by a link's token, once; every session of the account ends."""
        found, client = services.of(request), Client.of(request)
        async with found.limits.links_counted(client):
            await found.recovery.reset(body.token, body.password.get_secret_value(), client)

    @router.post("/request-verify", status_code=202)
    @public
    async def request_verify(request: Request, body: LinkAsked) -> Accepted:
        """Have a link sent that proves the address; the answer is always the same."""
        found, client = services.of(request), Client.of(request)
        await found.limits.recover(client, body.email)
        await found.recovery.ask("verify", body.email, client)
        return _SENT

    @router.post("/verify", status_code=204)
    @public
    async def verify(request: Request, body: LinkTaken) -> None:
        """Prove the address that a link was sent to: the account's own, or its new one."""
        found, client = services.of(request), Client.of(request)
        async with found.limits.links_counted(client):
            await found.recovery.verify(body.token, client)
