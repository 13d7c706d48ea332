"""What people ask to be sent, answered beside the request.

Whoever asks for a link, for an address that has an account or for one that has none, causes one
row to be written and gets one answer, in one time. Who it is for is looked up afterwards, in the
transaction that writes the mail and takes the row away: a crash loses none and answers none twice.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import anyio
from sqlalchemy import and_, delete, or_
from sqlalchemy import event as sqlalchemy_events
from sqlalchemy.orm import Session
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth import audit
from backoffice.auth.events import LinkSent
from backoffice.auth.letters import Letters
from backoffice.auth.links import Links
from backoffice.auth.models import LinkRequest, User
from backoffice.auth.row_locks import held_user
from backoffice.auth.user_records import UserRecords
from backoffice.core import Clock, Database, Events, Unavailable
from backoffice.core.mail import Outbox

log: logging.Logger = logging.getLogger(__name__)

Asked = Literal["verify", "reset", "address", "registered"]

#: How often to look for what another process was asked, or what failed; seconds.
POLL = 5.0
TOGETHER = 50
#: How often to forget tokens that have run out; seconds.
TIDY = 3600.0
#: What could not be answered by then is forgotten: nobody waits for it any more.
STALE = timedelta(hours=1)


class LinkRequests:
    """Takes requests within a transaction, and answers them by mail."""

    def __init__(
        self,
        database: Database,
        events: Events,
        clock: Clock,
        outbox: Outbox,
        links: Links,
        letters: Letters,
        records: UserRecords,
    ) -> None:
        self._records = records
        self._database = database
        self._events = events
        self._clock = clock
        self._outbox = outbox
        self._links = links
        self._letters = letters
        self._news = asyncio.Event()
        self._troubled = False
        self._tidied: float | None = None

    async def add(
        self,
        session: AsyncSession,
        asked: Asked,
        email: str,
        *,
        user_id: UUID | None = None,
        address: str = "",
    ) -> None:
        """Have it answered once the session's transaction is committed.

        `address` is the client's. Nothing is asked for where links are not possible.
        """
        if not self._links.possible:
            return
        session.add(
            LinkRequest(
                asked=asked, email=email, user_id=user_id, address=address, at=self._clock.now()
            )
        )
        self._tell_after_commit(session.sync_session)

    @asynccontextmanager
    async def answering(self) -> AsyncIterator[None]:
        """Answer meanwhile."""
        task = asyncio.create_task(self._work())
        self._outbox.sources.add(self.answer)
        try:
            yield
        finally:
            self._outbox.sources.discard(self.answer)
            task.cancel()
            await asyncio.wait([task])

    async def answer(self) -> int:
        """Answer what was asked by now; how many there were.

        What cannot be answered keeps nobody else from an answer: it is raised at the end.
        """
        answered, last, fault = 0, None, None
        while waiting := await self._waiting(last):
            for _, id in waiting:
                try:
                    answered += await self._answer(id)
                except Unavailable:
                    raise
                except Exception as error:  # noqa: BLE001 - whatever one letter may raise
                    fault = error
            last = waiting[-1]
        if fault is not None:
            raise fault
        return answered

    async def _work(self) -> None:
        while True:
            self._news.clear()
            try:
                await self.answer()
                await self._tidy()
                self._troubled = False
            except Exception as error:  # noqa: BLE001 - a worker that ends would answer nobody
                self._complain(error)
            with anyio.move_on_after(POLL):
                await self._news.wait()

    async def _tidy(self) -> None:
        now = self._clock.monotonic()
        if self._tidied is None or now - self._tidied >= TIDY:
            async with self._database.session() as session:
                await self._links.tidy(session)
                await session.commit()
            self._tidied = now

    async def _waiting(self, last: tuple[datetime, UUID] | None) -> list[tuple[datetime, UUID]]:
        """The oldest after that one."""
        at, id = col(LinkRequest.at), col(LinkRequest.id)
        oldest = select(at, id).order_by(at, id).limit(TOGETHER)
        if last is not None:
            oldest = oldest.where(or_(at > last[0], and_(at == last[0], id > last[1])))
        return [(row[0], row[1]) for row in await self._database.read(oldest)]

    async def _answer(self, id: UUID) -> int:
        async with self._database.session() as session:
            answered = await self._taken(session, id)
            await session.commit()
        return answered

    async def _taken(self, session: AsyncSession, id: UUID) -> int:
        taken = await session.exec(
            delete(LinkRequest)
            .where(col(LinkRequest.id) == id)
            .returning(
                col(LinkRequest.asked),
                col(LinkRequest.email),
                col(LinkRequest.user_id),
                col(LinkRequest.address),
                col(LinkRequest.at),
            )
        )
        row = taken.one_or_none()
        if row is None:
            return 0  # somebody else was faster
        asked, email, user_id, address, at = row
        if self._clock.now() - at < STALE:
            user = await self._addressee(session, email, user_id)
            if user is not None and user_id is not None and _changed_since(user, at):
                user = None  # whoever asked knew a password that is good no more
            if await self._written(session, asked, user, email):
                subject = audit.user(user.id) if user is not None else ""
                sent = LinkSent(subject=subject, address=address, purpose=asked)
                await self._events.emit(sent, session)
        return 1

    async def _addressee(
        self, session: AsyncSession, email: str, user_id: UUID | None
    ) -> User | None:
        if user_id is None:
            known = select(self._records.user.id).where(self._records.has_email(email))
            ids = (await session.exec(known)).all()
            user_id = ids[0] if len(ids) == 1 else None
        # Held: of two links that are made at once, one voids the other.
        return None if user_id is None else await held_user(session, self._records, user_id)

    async def _written(
        self, session: AsyncSession, asked: str, user: User | None, email: str
    ) -> bool:
        if user is None or not user.is_active or user.is_service:
            return False
        if asked == "reset":
            await self._letters.reset(session, user)
        elif asked == "registered":
            await self._letters.already_registered(session, email)
        elif asked == "address":
            await self._write_to_new_address(session, user, email)
        elif not user.is_verified:
            await self._letters.verify(session, user)
        else:
            return False
        return True

    async def _write_to_new_address(self, session: AsyncSession, user: User, email: str) -> None:
        owner = select(self._records.user.id).where(self._records.has_email(email))
        taken = await session.exec(owner)
        if taken.first() is None:
            await self._letters.change_address(session, user, email)
        else:
            await self._letters.already_registered(session, email)

    def _tell_after_commit(self, session: Session) -> None:
        if self not in session.info:
            session.info[self] = True
            sqlalchemy_events.listen(session, "after_commit", self._committed)

    def _committed(self, session: Session) -> None:
        if not session.in_nested_transaction():
            self._news.set()

    def _complain(self, error: Exception) -> None:
        if not self._troubled:
            told = error.message if isinstance(error, Unavailable) else type(error).__name__
            log.error("requests for links cannot be answered: %s", told)
        self._troubled = True


def _changed_since(user: User, moment: datetime) -> bool:
    """Whether the password is another one since; of an adopted table that may not be known."""
    changed: datetime | None = user.password_changed_at
    return changed is not None and changed > moment
