"""The queue: which process works on which job, so that however many there are, one does.

A claim is a lease, renewed with each step. Whoever dies leaves the job, as far as it came, to the
next process once the lease has run out; whoever comes back from a long sleep holds nothing.
"""

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, or_, select, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.admin.jobs.models import CANCELLED, RUNNING, STOPPED, UNFINISHED, BulkJob
from backoffice.core import Database

#: For how long a job is left to a process that says nothing.
LEASE = timedelta(seconds=60)
#: Turns that bring a job no further before it is given up.
MOST_IN_VAIN = 5
#: For how long a job that is over is remembered.
KEPT = timedelta(days=30)

#: Resource and action.
Kind = tuple[str, str]


class Queue:
    """The rows of the table that are of one admin, as processes see them."""

    def __init__(self, database: Database, site: str) -> None:
        self._database = database
        self._site = site

    async def take(self, kinds: Collection[Kind], moment: datetime) -> tuple[int, str] | None:
        """The job of these kinds that has waited longest for its turn, and our claim to it."""
        # Mostly there is none, and an UPDATE takes SQLite's only lock to find that out.
        free = _free(self._site, kinds, moment).limit(1)
        if not await self._database.read(free):
            return None
        token = secrets.token_hex(16)
        # In a CTE: PostgreSQL may run a plain subquery again, and take more than one.
        taken = free.with_for_update(skip_locked=True).cte("free")
        statement = (
            _update(col(BulkJob.number).in_(select(taken.c.number)))
            .values(
                state=RUNNING,
                claim=token,
                lease_until=moment + LEASE,
                turn_at=moment,
                vain=col(BulkJob.vain) + 1,
            )
            .returning(col(BulkJob.number))
        )
        async with self._database.session() as session:
            # Any: as in SQLModel's `exec`, for what it has no type of its own.
            asked: Any = session
            row = (await asked.exec(statement)).one_or_none()
            await session.commit()
        return None if row is None else (row[0], token)

    async def held(
        self, session: AsyncSession, number: int, token: str, moment: datetime
    ) -> BulkJob | None:
        """The job, held until the transaction ends; None where it is not ours any more."""
        if not await self.write(session, number, token, lease_until=moment + LEASE):
            return None
        return await session.get(BulkJob, number, populate_existing=True)

    async def write(self, session: AsyncSession, number: int, token: str, **values: Any) -> bool:
        """Write to a job that is ours; False where it is not any more."""
        statement = _update(col(BulkJob.number) == number, col(BulkJob.claim) == token)
        asked: Any = session
        return bool((await asked.exec(statement.values(**values))).rowcount == 1)

    async def release(self, number: int, token: str, until: datetime | None = None) -> None:
        """Leave the job to whoever comes next, at once or after that moment."""
        async with self._database.session() as session:
            await self.write(session, number, token, claim=None, lease_until=until)
            await session.commit()

    async def add(self, session: AsyncSession, job: BulkJob) -> BulkJob:
        """The job, or the one that the same form has started before."""
        try:
            async with session.begin_nested():
                session.add(job)
        except IntegrityError:
            query = select(BulkJob).where(col(BulkJob.form) == job.form)
            asked: Any = session
            found: BulkJob = (await asked.exec(query)).scalar_one()
            return found
        return job

    async def cancel(self, session: AsyncSession, number: int, moment: datetime) -> bool:
        """Have a job end before its next step; False for one that is over."""
        which = (col(BulkJob.number) == number, col(BulkJob.state).in_(UNFINISHED))
        asked: Any = session
        idle = _update(*which, _is_free(moment)).values(
            state=CANCELLED, cancel_asked=True, ended_at=moment, claim=None, lease_until=None
        )
        if (await asked.exec(idle)).rowcount == 1:
            return True
        return bool((await asked.exec(_update(*which).values(cancel_asked=True))).rowcount == 1)

    async def unfinished(self, session: AsyncSession, actor: str) -> int:
        """How many jobs somebody has that are not over, counted up to a hundred."""
        query = select(col(BulkJob.number)).where(
            col(BulkJob.actor) == actor, col(BulkJob.state).in_(UNFINISHED)
        )
        asked: Any = session
        return len((await asked.exec(query.limit(100))).all())

    async def page(
        self, session: AsyncSession, actor: str | None, before: int | None, size: int
    ) -> Sequence[BulkJob]:
        """Jobs from the newest on, of somebody or of all."""
        query = select(BulkJob).where(col(BulkJob.site) == self._site)
        query = query.order_by(col(BulkJob.number).desc()).limit(size)
        if actor is not None:
            query = query.where(col(BulkJob.actor) == actor)
        if before is not None:
            query = query.where(col(BulkJob.number) < before)
        asked: Any = session
        found: Sequence[BulkJob] = (await asked.exec(query)).scalars().all()
        return found

    async def tidy(self, moment: datetime) -> None:
        """Give up what came no further again and again, and forget what is long over."""
        vain = (
            col(BulkJob.state).in_(UNFINISHED)
            & (col(BulkJob.vain) >= MOST_IN_VAIN)
            & _is_free(moment)
        )
        old = col(BulkJob.state).not_in(UNFINISHED) & (col(BulkJob.turn_at) < moment - KEPT)
        if not await self._database.read(select(col(BulkJob.number)).where(vain | old).limit(1)):
            return
        reason = "It was broken off at the same place again and again."
        given_up = _update(vain).values(
            state=STOPPED, reason=reason, ended_at=moment, claim=None, lease_until=None
        )
        async with self._database.session() as session:
            asked: Any = session
            await asked.exec(given_up)
            await asked.exec(delete(BulkJob).where(old))
            await session.commit()


def _update(*which: ColumnElement[bool]) -> Any:
    return update(BulkJob).where(*which).execution_options(synchronize_session=False)


def _is_free(moment: datetime) -> ColumnElement[bool]:
    return or_(col(BulkJob.lease_until).is_(None), col(BulkJob.lease_until) <= moment)


def _free(site: str, kinds: Collection[Kind], moment: datetime) -> Any:
    return (
        select(col(BulkJob.number))
        .where(
            col(BulkJob.site) == site,
            col(BulkJob.state).in_(UNFINISHED),
            col(BulkJob.vain) < MOST_IN_VAIN,
            _is_free(moment),
            tuple_(col(BulkJob.resource), col(BulkJob.action)).in_(list(kinds)),
        )
        .order_by(col(BulkJob.turn_at))
    )
