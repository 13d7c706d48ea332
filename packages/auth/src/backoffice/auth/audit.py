"""The audit log: what happens to accounts and limits, in the transaction in which it happened."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import Connection, and_, delete, func, or_, true
from sqlalchemy import event as sqlalchemy_events
from sqlalchemy.orm import Session, SessionTransaction
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth.audit_chain import Chain, NewEntry, Verified
from backoffice.auth.events import AuditPruned, AuthEvent
from backoffice.auth.models import AuditEntry
from backoffice.auth.row_locks import freeze
from backoffice.core import Clock, Database, Events
from backoffice.core.events import transactions_around
from backoffice.core.request_ids import request_id
from backoffice.ratelimit.events import LimitChanged

#: Actor of what nobody signed in did.
NOBODY = ""


#: Between who acts, and in whose place.
AS = " as "


def user(id: object) -> str:
    """How the log names a user."""
    return f"user:{id}"


def role(name: str) -> str:
    """How the log names a role."""
    return f"role:{name}"


def key(id: UUID) -> str:
    """How the log names an API key."""
    return f"key:{id}"


@dataclass
class _Pending:
    """What a session has yet to write."""

    #: The transactions that must all be committed for an entry to stay, and the entry.
    entries: list[tuple[set[SessionTransaction], NewEntry]] = field(default_factory=list)
    #: The one that is asked for its commit, as the session does not tell.
    watched: Connection | None = None


class AuditLog:
    """The log of one run of the app.

    An entry is written in the transaction of what it tells, and chained to the one before it as
    the last thing before the commit.
    """

    def __init__(
        self, database: Database, events: Events, clock: Clock, secrets: Sequence[bytes]
    ) -> None:
        self._database = database
        self._events = events
        self._clock = clock
        self._chain = Chain(secrets)

    async def record(self, event: AuthEvent | LimitChanged, session: AsyncSession) -> None:
        """Add the event to the log; it is there once the session commits."""
        # As it is read back: the digest is of what the database gives.
        data = json.loads(json.dumps(asdict(event)))
        entry = NewEntry(
            at=self._clock.now(),
            event=event.name,
            outcome=getattr(event, "outcome", "success"),
            actor=data.pop("actor"),
            subject=data.pop("subject"),
            address=data.pop("address"),
            request_id=request_id() or "",
            data=data,
        )
        pending = self._pending(session.sync_session)
        pending.entries.append((transactions_around(session.sync_session), entry))

    async def entries(
        self, *, event: str = "", subject: str = "", actor: str = "", limit: int = 100
    ) -> Sequence[AuditEntry]:
        """The newest entries first; of this event, about this subject, by this actor."""
        wanted = {AuditEntry.event: event, AuditEntry.subject: subject, AuditEntry.actor: actor}
        query = select(AuditEntry).where(
            *(col(name) == each for name, each in wanted.items() if each)
        )
        async with self._database.session() as session:
            newest = query.order_by(col(AuditEntry.at).desc(), col(AuditEntry.number).desc())
            return (await session.exec(newest.limit(limit))).all()

    async def verified(self) -> Verified:
        """Look at the whole chain, and say what is wrong with it."""
        async with self._database.session() as session:
            await freeze(session)
            return await self._chain.verified(session)

    async def digest(self, number: int) -> str | None:
        """The digest of that entry; None where there is no such entry."""
        async with self._database.session() as session:
            query = select(AuditEntry.digest).where(AuditEntry.number == number)
            return (await session.exec(query)).one_or_none()

    async def prune(self, older_than: timedelta, *, actor: str) -> int:
        """Delete what is older, from the oldest on, and say so in the log; how many there were."""
        cutoff = self._clock.now() - older_than
        async with self._database.session() as session:
            number, digest = await _last_before(session, cutoff)
            # Where a part of the chain goes, what is older than all of it goes as well.
            aged = col(AuditEntry.at) < cutoff if not number else true()
            unchained = and_(col(AuditEntry.number).is_(None), aged)
            old = or_(col(AuditEntry.number) <= number, unchained)
            gone = await session.exec(delete(AuditEntry).where(old))
            if gone.rowcount:
                pruned = AuditPruned(actor=actor, subject="audit", through=number, digest=digest)
                await self._events.emit(pruned, session)
                await session.commit()
        return gone.rowcount

    def _pending(self, session: Session) -> _Pending:
        pending: _Pending | None = session.info.get(self)
        if pending is None:
            pending = session.info[self] = _Pending()
            sqlalchemy_events.listen(session, "before_commit", self._chained)
            sqlalchemy_events.listen(session, "after_soft_rollback", self._rolled_back)
        return pending

    def _chained(self, session: Session) -> None:
        pending: _Pending = session.info[self]
        if not session.in_nested_transaction():
            if pending.entries:
                session.flush()
                self._append(session, session.connection())
        elif pending.entries and pending.watched is not session.connection():
            # A savepoint that is released may be rolled back still. Or all is committed at once,
            # with the savepoint open, of which the session says nothing that is any different.
            pending.watched = session.connection()
            committing = partial(self._append, session)
            sqlalchemy_events.listen(pending.watched, "commit", committing)

    def _append(self, session: Session, connection: Connection) -> None:
        entries, whole = session.info[self].entries, session.get_transaction()
        # A session that was closed, and is used again, has those of what it never committed.
        if kept := [entry for around, entry in entries if whole in around]:
            self._chain.append(connection, kept)
        entries.clear()

    def _rolled_back(self, session: Session, ended: SessionTransaction) -> None:
        entries = session.info[self].entries
        entries[:] = [each for each in entries if ended not in each[0]]


async def _last_before(session: AsyncSession, cutoff: datetime) -> tuple[int, str]:
    """Number and digest of the last entry that can go: none before it is younger. 0 for none."""
    young = select(func.min(AuditEntry.number)).where(col(AuditEntry.at) >= cutoff)
    first_young = (await session.exec(young)).one()
    old = select(AuditEntry.number, AuditEntry.digest).where(
        col(AuditEntry.at) < cutoff, col(AuditEntry.number).is_not(None)
    )
    if first_young is not None:
        old = old.where(col(AuditEntry.number) < first_young)
    newest = old.order_by(col(AuditEntry.number).desc()).limit(1)
    found = (await session.exec(newest)).one_or_none()
    return (0, "") if found is None else (found[0] or 0, found[1])
