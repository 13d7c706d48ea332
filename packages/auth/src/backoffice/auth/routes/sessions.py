"""The caller's sessions."""

import uuid
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Request

from backoffice.auth.principals import Principal
from backoffice.auth.routes.answers import check_manages
from backoffice.auth.schemas import SessionOut
from backoffice.auth.sessions import Client

if TYPE_CHECKING:
    from backoffice.auth.auth import Auth


def add(router: APIRouter, auth: "Auth") -> None:
    """Add the routes of one's own sessions."""
    services = auth.services
    signed_in = auth.require()

    @router.get("/sessions")
    async def sessions(request: Request, who: Annotated[Principal, signed_in]) -> list[SessionOut]:
        """The caller's sessions that are alive, newest first."""
        check_manages(request, who)
        alive = await services.of(request).sessions.of_user(who.id)
        return [SessionOut.of(each, who.session_id) for each in alive]

    @router.delete("/sessions", status_code=204)
    async def end_other_sessions(request: Request, who: Annotated[Principal, signed_in]) -> None:
        """End every session of the caller but this one."""
        check_manages(request, who)
        await services.of(request).sessions.end_all_of(
            who.id, actor=who.name, client=Client.of(request), keep=who.session_id
        )

    @router.delete("/sessions/{id}", status_code=204)
    async def end_session(
        request: Request, id: uuid.UUID, who: Annotated[Principal, signed_in]
    ) -> None:
        """End one of the caller's sessions."""
        check_manages(request, who)
        await services.of(request).sessions.end(
            id, actor=who.name, client=Client.of(request), owner=who.id
        )
