"""Tickets: what a browser shows to open a websocket, where it can send no header of its own.

A browser's `WebSocket` sends cookies and subprotocols, and nothing else. So a page that holds an
access token asks for a ticket by it, and offers the ticket as a subprotocol:

    new WebSocket(url, ["backoffice", "backoffice.ticket." + ticket])

It is good once, for a short while, and for a websocket alone. It is taken from the query of no URL,
for servers and proxies write URLs into their logs.
"""

import re
import secrets
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlmodel import col
from starlette.types import Scope

from backoffice.auth.credentials import digest
from backoffice.auth.models import Ticket
from backoffice.auth.principals import Principal
from backoffice.core import Clock, Database, Unauthenticated

SUBPROTOCOL_HEADER = b"sec-websocket-protocol"
#: The subprotocol that is accepted: a browser hangs up if none is of those that it offers.
SUBPROTOCOL = "backoffice"
_OFFERED = "backoffice.ticket."
_BYTES = 24
_TICKET = re.compile(r"bot_[A-Za-z0-9_-]{32}")


@dataclass(frozen=True)
class NewTicket:
    """A ticket just made: its text is shown once; `expires_in` is in seconds."""

    text: str = field(repr=False)
    expires_in: int


@dataclass(frozen=True)
class Spent:
    """The session or the key that a ticket stood for, by id."""

    sessions: tuple[uuid.UUID, ...]
    keys: tuple[uuid.UUID, ...]


class Tickets:
    """Gives out tickets and takes them, each once."""

    def __init__(self, database: Database, clock: Clock, lifetime: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._lifetime = lifetime

    async def issue(self, who: Principal) -> NewTicket:
        """A ticket that stands for the session or key by which the caller asks."""
        text = f"bot_{secrets.token_urlsafe(_BYTES)}"
        moment = self._clock.now()
        async with self._database.session() as session:
            await session.exec(delete(Ticket).where(col(Ticket.expires_at) <= moment))
            session.add(
                Ticket(
                    digest=digest(text),
                    session_id=who.session_id,
                    key_id=who.key_id,
                    expires_at=moment + self._lifetime,
                )
            )
            try:
                await session.commit()
            except IntegrityError:
                raise Unauthenticated(
                    "The credential has just been deleted; sign in again.", code="invalid_token"
                ) from None
        return NewTicket(text, int(self._lifetime.total_seconds()))

    async def spend(self, text: str) -> Spent | None:
        """Whose the ticket is; of any number of tries at once, one gets an answer."""
        if not _TICKET.fullmatch(text):
            return None
        taken = (
            delete(Ticket)
            .where(col(Ticket.digest) == digest(text), col(Ticket.expires_at) > self._clock.now())
            .returning(col(Ticket.session_id), col(Ticket.key_id))
        )
        async with self._database.session() as session:
            row = (await session.exec(taken)).one_or_none()
            await session.commit()
        if row is None:
            return None
        return Spent(_given(row.session_id), _given(row.key_id))


def offered(value: bytes) -> Iterator[bytes]:
    """The tickets among the subprotocols of a header."""
    prefix = _OFFERED.encode()
    for each in value.split(b","):
        if (name := each.strip()).startswith(prefix):
            yield name.removeprefix(prefix)


def hide(scope: Scope) -> None:
    """Leave the app the other subprotocols, of which it may accept the first."""
    names = scope.get("subprotocols") or ()
    scope["subprotocols"] = [each for each in names if not each.startswith(_OFFERED)]


def _given(id: uuid.UUID | None) -> tuple[uuid.UUID, ...]:
    return () if id is None else (id,)
