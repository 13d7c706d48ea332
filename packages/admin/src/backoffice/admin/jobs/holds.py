"""Holds: a job that is ours for one step, and ours alone."""

from dataclasses import dataclass, field

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.admin.jobs.models import BulkJob
from backoffice.admin.jobs.queue import Queue
from backoffice.core import Clock


class Lost(SQLAlchemyError):
    """The job went to another process: nothing of this step may be kept."""


@dataclass(frozen=True)
class Hold:
    """A job in our hands, for one step."""

    queue: Queue
    session: AsyncSession
    number: int
    token: str = field(repr=False)
    clock: Clock

    async def job(self) -> BulkJob | None:
        """The job as it is now; None where it is not ours any more."""
        return await self.queue.held(self.session, self.number, self.token, self.clock.now())

    async def write(self, **values: object) -> None:
        """Write to it; Lost where it is not ours any more."""
        if not await self.queue.write(self.session, self.number, self.token, **values):
            raise Lost("it is another process's now")

    async def end(self, state: str, reason: str = "") -> bool:
        """End it; True."""
        now = self.clock.now()
        await self.write(state=state, reason=reason[:200], ended_at=now, turn_at=now)
        return True
