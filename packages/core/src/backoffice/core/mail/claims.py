"""Claims: which worker sends which message, so that however many there are, one does.

A claim is a lease. Whoever crashes while holding one leaves the message to the next worker once
it has run out; whoever comes back from a long sleep finds that it holds nothing any more.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, delete, or_, select, update
from sqlmodel import col

from backoffice.core.database import Database
from backoffice.core.mail.messages import Message
from backoffice.core.mail.models import DEAD, DECOY, SENDING, SENT, WAITING, OutgoingMail
from backoffice.core.mail.outbox import unexpired

#: What else a lease allows beyond sending: to write down what came of it, and clocks that differ.
GRACE = timedelta(seconds=30)


@dataclass(frozen=True, eq=False)
class Claim:
    """A message in our hands, for the attempt of that number."""

    id: str
    token: str = field(repr=False)
    attempt: int
    recipient: str = field(repr=False)
    content: dict[str, Any] | None = field(repr=False)

    def message(self) -> Message:
        """The message as it was added; what was tampered with raises, one way or another."""
        return Message(id=self.id, to=self.recipient, **(self.content or {}))


class Claims:
    """The rows of the outbox as workers see them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, limit: int, moment: datetime, lease: timedelta) -> list[Claim]:
        """Up to `limit` messages that are due, the longest due first, ours until the lease ends."""
        # Mostly there are none, and an UPDATE takes SQLite's only lock to find that out.
        if not await self._database.read(_due(moment).limit(1)):
            return []
        token = secrets.token_hex(16)
        # In a CTE: PostgreSQL may run a plain subquery again, and take more than the limit.
        due = _due(moment).limit(limit).with_for_update(skip_locked=True).cte("due")
        statement = (
            update(OutgoingMail)
            .where(col(OutgoingMail.id).in_(select(due.c.id)))
            .values(
                state=SENDING,
                claim=token,
                due_at=moment + lease,
                attempts=col(OutgoingMail.attempts) + 1,
            )
            .returning(
                col(OutgoingMail.id),
                col(OutgoingMail.attempts),
                col(OutgoingMail.recipient),
                col(OutgoingMail.content),
            )
            .execution_options(synchronize_session=False)
        )
        async with self._database.session() as session:
            rows = (await session.exec(statement)).all()
            await session.commit()
        return [Claim(row.id, token, row.attempts, row.recipient, row.content) for row in rows]

    async def sent(self, claim: Claim, moment: datetime) -> bool:
        """Note that the message is sent, and forget what it said; False where it is not ours."""
        return await self._settle(
            claim, state=SENT, due_at=moment, settled_at=moment, content=None, error=""
        )

    async def failed(self, claim: Claim, due: datetime, reason: str) -> bool:
        """Note that the message is to be tried again then."""
        return await self._settle(claim, state=WAITING, due_at=due, error=reason)

    async def dead(self, claim: Claim, moment: datetime, reason: str) -> bool:
        """Note that the message is given up; it stays whole for whoever wants to retry it."""
        return await self._settle(claim, state=DEAD, due_at=moment, settled_at=moment, error=reason)

    async def tidy(self, moment: datetime, keep: timedelta) -> None:
        """Give up what has run out, and forget what it said; delete what is long settled."""
        lapsed, settled = _lapsed(moment), _settled(moment - keep)
        if not await self._any(lapsed | settled):
            return
        async with self._database.session() as session:
            await session.exec(_expiry(lapsed, moment))
            await session.exec(delete(OutgoingMail).where(settled))
            await session.commit()

    async def _any(self, which: ColumnElement[bool]) -> Sequence[Any]:
        return await self._database.read(select(col(OutgoingMail.id)).where(which).limit(1))

    async def _settle(self, claim: Claim, **values: Any) -> bool:
        statement = (
            update(OutgoingMail)
            .where(col(OutgoingMail.id) == claim.id, col(OutgoingMail.claim) == claim.token)
            .values(claim=None, **values)
            .execution_options(synchronize_session=False)
        )
        async with self._database.session() as session:
            done = await session.exec(statement)
            await session.commit()
        return done.rowcount == 1


def _due(moment: datetime) -> Any:
    return (
        select(col(OutgoingMail.id))
        .where(
            col(OutgoingMail.state).in_((WAITING, SENDING)),
            col(OutgoingMail.due_at) <= moment,
            unexpired(moment),
        )
        .order_by(col(OutgoingMail.due_at))
    )


def _lapsed(moment: datetime) -> ColumnElement[bool]:
    """What has run out, and is in nobody's hands."""
    return (
        col(OutgoingMail.state).in_((WAITING, SENDING, DEAD))
        & or_(col(OutgoingMail.state) != SENDING, col(OutgoingMail.due_at) <= moment)
        & (col(OutgoingMail.expires_at) <= moment)
        & col(OutgoingMail.content).is_not(None)
    )


def _settled(before: datetime) -> ColumnElement[bool]:
    """What nobody needs to remember."""
    # By due_at, which is then the moment of settling as well: that has the index.
    old = col(OutgoingMail.state).in_((SENT, DEAD)) & (col(OutgoingMail.due_at) <= before)
    return old | (col(OutgoingMail.state) == DECOY)


def _expiry(lapsed: ColumnElement[bool], moment: datetime) -> Any:
    last = col(OutgoingMail.error)
    return (
        update(OutgoingMail)
        .where(lapsed)
        .values(
            state=DEAD,
            due_at=moment,
            settled_at=moment,
            content=None,
            claim=None,
            error=case((last == "", "it has run out"), else_=last),
        )
        .execution_options(synchronize_session=False)
    )
