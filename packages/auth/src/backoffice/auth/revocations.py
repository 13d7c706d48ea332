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
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import cast

import sqlalchemy
from sqlalchemy import delete, func, insert, text
from sqlalchemy.orm.exc import StaleDataError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth.models import Revocation
from backoffice.auth.remembered import EVERYBODY, Whom
from backoffice.core import Clock, Conflict, Database, Unavailable

#: Rows kept: a process that has missed more forgets everybody.
KEPT = 1000
#: How long everybody waits for a database that hangs; seconds.
PATIENCE = 5.0
#: uvloop counts in whole milliseconds, and wakes up to one of them too early; seconds.
EARLY = 0.002
#: Serialises the numbering on PostgreSQL: the ASCII codes of "bo.revoc".
LOCK = 0x626F2E7265766F63
_HOLD = text("SELECT pg_advisory_xact_lock(:key)")
_PATIENCE = text(f"SET LOCAL lock_timeout = '{PATIENCE:g}s'")

#: A number, and when it was given.
Mark = tuple[int, datetime | None]
NONE: Mark = (0, None)


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
        self._seen: Mark | None = None
        self._trusted_until = 0.0
        self._asking: asyncio.Task[None] | None = None

    def on_change(self, forget: Callable[[Whom], None]) -> None:
        """Call this for everybody from whom something was taken, by whatever process."""
        self._forget.append(forget)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Ask meanwhile; no question is under way afterwards, when the database closes."""
        try:
            yield
        finally:
            if self._asking is not None:
                self._asking.cancel()
                await asyncio.wait([self._asking])

    async def commit(self, session: AsyncSession, whom: Whom) -> None:
        """Commit a change that takes something from somebody; comes back when it holds.

        On return no process answers by what was before.
        """
        await self.write(session, whom)
        await session.commit()
        await self.settled()

    async def write(self, session: AsyncSession, whom: Whom) -> None:
        """`commit` without its commit, which is to follow at once, and without its wait.

        Others queue behind the number. Who takes something away many times waits once, `settled`.
        """
        await written(session)
        await _numbered(session, whom, self._clock.now(), self._database.dialect)

    async def settled(self) -> None:
        """Wait until what is committed by now holds everywhere."""
        self._trusted_until = 0.0
        await asyncio.sleep(self.lag + EARLY)

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
        try:
            async with asyncio.timeout(PATIENCE):
                await self._hear()
        except TimeoutError:
            raise Unavailable(
                "The database does not answer; try again in a moment.",
                code="database_unavailable",
                headers={"Retry-After": "5"},
            ) from None
        self._trusted_until = began + self.lag

    async def _hear(self) -> None:
        rows = sqlalchemy.select(
            col(Revocation.number), col(Revocation.at), col(Revocation.user_id)
        )
        if self._seen is None:
            newest = rows.order_by(col(Revocation.number).desc()).limit(1)
            found = await self._database.read(newest)
            self._seen = (found[0][0], found[0][1]) if found else NONE
        else:
            # With the last one seen: where it is gone, or another has its number, numbers
            # were lost, as with a standby that takes over.
            since = rows.where(col(Revocation.number) >= self._seen[0])
            changes = await self._database.read(since.order_by(col(Revocation.number)))
            self._apply(self._seen, [(number, at, whom) for number, at, whom in changes])

    def _apply(self, seen: Mark, changes: list[tuple[int, datetime, Whom]]) -> None:
        marks = [(number, at) for number, at, _ in changes]
        if marks == ([] if seen == NONE else [seen]):
            return
        self.generation += 1
        missed = marks[0][0] != 1 if seen == NONE else marks[:1] != [seen]
        whom = {EVERYBODY} if missed else {each for number, _, each in changes if number > seen[0]}
        for each in whom:
            for forget in self._forget:
                forget(each)
        self._seen = marks[-1] if marks else NONE


async def written(session: AsyncSession) -> None:
    """Every row is held before the numbering is: of two commits, none waits for the other's rows
    while the other waits for its number."""
    try:
        await session.flush()
    except StaleDataError:
        raise Conflict(
            "Somebody else has changed this just now; try again.", code="changed_meanwhile"
        ) from None


async def _numbered(session: AsyncSession, whom: Whom, moment: datetime, dialect: str) -> None:
    """One row, whose number is one more than that of the commit before it.

    Were a lower number committed after a higher one, who has seen the higher would miss it.
    SQLite has one writer at a time by itself.
    """
    if dialect == "postgresql":
        connection = await session.connection()
        await connection.execute(_PATIENCE)
        await connection.execute(_HOLD, {"key": LOCK})
    last = select(func.coalesce(func.max(Revocation.number), 0)).scalar_subquery()
    made = await session.exec(
        insert(Revocation)
        .values(number=last + 1, user_id=whom, at=moment)
        .returning(col(Revocation.number))
    )
    number = made.scalar_one()
    if number % 100 == 0:
        await session.exec(delete(Revocation).where(col(Revocation.number) <= number - KEPT))
