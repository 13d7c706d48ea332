"""The audit log: what happens to accounts and limits, in the transaction in which it happened."""

from dataclasses import asdict
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth.events import AuthEvent
from backoffice.auth.models import AuditEntry
from backoffice.core import Clock
from backoffice.ratelimit.events import LimitChanged

#: Actor of what nobody signed in did.
NOBODY = ""


def user(id: UUID) -> str:
    """How the log names a user."""
    return f"user:{id}"


def role(name: str) -> str:
    """How the log names a role."""
    return f"role:{name}"


def key(id: UUID) -> str:
    """How the log names an API key."""
    return f"key:{id}"


class AuditLog:
    """The log of one run of the app."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def record(self, event: AuthEvent | LimitChanged, session: AsyncSession) -> None:
        """Add the event to the log; it is there once the session commits."""
        data = asdict(event)
        session.add(
            AuditEntry(
                at=self._clock.now(),
                event=event.name,
                actor=data.pop("actor"),
                subject=data.pop("subject"),
                address=data.pop("address"),
                data=data,
            )
        )
