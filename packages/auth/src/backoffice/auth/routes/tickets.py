"""Tickets, by which browsers open websockets."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Request

from backoffice.auth.principals import Principal
from backoffice.auth.resolution import InvalidRequest
from backoffice.auth.schemas import TicketOut

if TYPE_CHECKING:
    from backoffice.auth.auth import Auth


def add(router: APIRouter, auth: "Auth") -> None:
    """Add the route that gives out tickets."""
    services = auth.services
    signed_in = auth.require()

    @router.post("/ws-ticket")
    async def ws_ticket(request: Request, who: Annotated[Principal, signed_in]) -> TicketOut:
        """A ticket that opens one websocket as the caller, where no header can be sent.

        Offer it as a subprotocol: `backoffice.ticket.` and the ticket, beside `backoffice`.
        """
        found = services.of(request)
        if (await found.resolver.resolution(request)).together:
            raise InvalidRequest("Ask for a ticket by one credential: it stands for that one.")
        made = await found.tickets.issue(who)
        return TicketOut(ticket=made.text, expires_in=made.expires_in)
