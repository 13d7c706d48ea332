"""The caller's own account."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Request, Response

from backoffice.auth.principals import Principal
from backoffice.auth.routes.answers import check_manages
from backoffice.auth.schemas import Accepted, AddressChange, AdoptedMe, Farewell, Me, PasswordChange
from backoffice.auth.sessions import Client

if TYPE_CHECKING:
    from backoffice.auth.auth import Auth


def add(router: APIRouter, auth: "Auth") -> None:
    """Add the routes of one's own account."""
    services = auth.services
    signed_in = auth.require()

    shown = AdoptedMe if auth.users.adopted else Me

    @router.get("/me", response_model=shown)
    async def me(request: Request, who: Annotated[Principal, signed_in]) -> Me:
        """The caller's account and what they may do, by this credential."""
        user = await services.of(request).users.get(who.id)
        return shown.of(user, who.method, who.permissions)

    @router.patch("/me", status_code=202)
    async def change_address(
        request: Request, body: AddressChange, who: Annotated[Principal, signed_in]
    ) -> Accepted:
        """Ask for another address, knowing the password; no other field is one's own to change."""
        check_manages(request, who)
        found, client = services.of(request), Client.of(request)
        current = body.current_password.get_secret_value()
        await found.limits.recover(client, body.email)
        await found.recovery.request_address(who.id, current, body.email, client)
        return Accepted(message="A mail to the new address is on its way; follow its link.")

    @router.delete("/me", status_code=204)
    async def delete_account(
        request: Request,
        response: Response,
        body: Farewell,
        who: Annotated[Principal, signed_in],
    ) -> None:
        """Delete one's account, knowing the password, with its sessions and keys."""
        check_manages(request, who)
        found, client = services.of(request), Client.of(request)
        current = body.current_password.get_secret_value()
        await found.users.leave(who.id, current, client)
        found.cookie.clear(response, request)

    @router.post("/me/password", status_code=204)
    async def change_password(
        request: Request, body: PasswordChange, who: Annotated[Principal, signed_in]
    ) -> None:
        """Change one's password, knowing the current one; every other session ends."""
        check_manages(request, who)
        found = services.of(request)
        client = Client.of(request)
        await found.users.change_password(
            who.id,
            body.current_password.get_secret_value(),
            body.new_password.get_secret_value(),
            keep=who.session_id,
            client=client,
        )
