"""What was taken from whom: known in every process within a stated span.

A process remembers who may do what (`remembered.py`), so that a request costs no question to the
database. Whatever takes something away is therefore written down, numbered, in its own
transaction, and two promises meet:

* A process trusts what it remembers for no longer than `lag` after it last *began* to ask for new
  numbers. Where it cannot ask, it answers 503 rather than trust.
* Whoever takes something away comes back `lag` after the commit. By then every process has asked
  since, so that the change holds on the next request, everywhere.

Both measure spans on their own clock alone: no two clocks need to agree.
"""

import asyncio
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import cast

from sqlalchemy import delete, func, insert, text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth.models import Revocation
from backoffice.core import Clock, Database

#: Rows kept: a process that has missed more forgets everybody.
KEPT = 1000
#: Serialises the numbering on PostgreSQL: the ASCII codes of "bo.revoc".
LOCK = 0x626F2E7265766F63
_HOLD = text("SELECT pg_advisory_xact_lock(:key)")

#: Whom a change is about.
Whom = uuid.UUID | None
#: As when a role changes, which many may hold.
EVERYBODY: Whom = None


class Revocations:
    """Writes down what is taken away, and tells this process what others have."""

    def __init__(self, database: Database, clock: Clock, lag: float) -> None:
        self._database = database
        self._clock = clock
        #: How long this process may trust what it remembers without asking; seconds.
        self.lag = lag
        #: Grows whenever something is taken away: what was loaded before may be outdated.
        self.generation = 0
        self._forget: list[Callable[[Whom], None]] = []
        self._seen: int | None = None
        self._trusted_until = 0.0
        self._asking: asyncio.Task[None] | None = None

    def on_change(self, forget: Callable[[Whom], None]) -> None:
        """Call this for everybody from whom something was taken, by whatever process."""
        self._forget.append(forget)

    async def commit(self, session: AsyncSession, whom: Whom) -> None:
        """Commit a change that takes something from somebody; comes back when it holds.

        On return no process answers by what was before.
        """
        await _numbered(session, whom, self._clock.now(), self._database.dialect)
        await session.commit()
        await self.settled()

    async def settled(self) -> None:
        """Wait until what is committed by now holds everywhere."""
        self._trusted_until = 0.0
        await asyncio.sleep(self.lag)

    @property
    def fresh(self) -> bool:
        """Whether what this process remembers can be trusted now, without asking."""
        return time.monotonic() < self._trusted_until

    async def refresh(self) -> None:
        """Ask for new numbers, once for all who wait; Unavailable where nothing answers.

        On return an answer was had that was asked for after this call.
        """
        for _ in range(2):
            joined = self._asking is not None and not self._asking.done()
            if not joined:
                self._asking = asyncio.create_task(self._ask())
                self._asking.add_done_callback(lambda done: done.cancelled() or done.exception())
            await asyncio.shield(cast(asyncio.Task[None], self._asking))
            # One that was under way had begun before: what it gives may be outdated by now.
            if self.fresh or not joined:
                return

    async def _ask(self) -> None:
        began = time.monotonic()
        async with self._database.session() as session:
            if self._seen is None:
                newest = select(func.coalesce(func.max(Revocation.number), 0))
                self._seen = (await session.exec(newest)).one()
            else:
                query = (
                    select(Revocation.number, Revocation.user_id)
                    .where(col(Revocation.number) > self._seen)
                    .order_by(col(Revocation.number))
                )
                self._apply(list((await session.exec(query)).all()))
        self._trusted_until = began + self.lag

    def _apply(self, changes: list[tuple[int, Whom]]) -> None:
        if not changes:
            return
        self.generation += 1
        missed = self._seen is None or changes[0][0] != self._seen + 1
        whom = {None} if missed else {each for _, each in changes}
        for each in whom:
            for forget in self._forget:
                forget(each)
        self._seen = changes[-1][0]


async def _numbered(session: AsyncSession, whom: Whom, moment: datetime, dialect: str) -> None:
    """One row, whose number is one more than that of the commit before it.

    Were a lower number committed after a higher one, who has seen the higher would miss it.
    SQLite has one writer at a time by itself.
    """
    if dialect == "postgresql":
        await (await session.connection()).execute(_HOLD, {"key": LOCK})
    last = select(func.coalesce(func.max(Revocation.number), 0)).scalar_subquery()
    made = await session.exec(
        insert(Revocation)
        .values(number=last + 1, user_id=whom, at=moment)
        .returning(col(Revocation.number))
    )
    number = made.scalar_one()
    if number % 100 == 0:
        await session.exec(delete(Revocation).where(col(Revocation.number) <= number - KEPT))
