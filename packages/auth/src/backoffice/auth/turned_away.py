"""Who was turned away by a limit, or came with a link that is no good: for the audit log.

Told once an hour of each, and in each process: what costs a stranger nothing must not fill the
log. What those did who were turned away more often is in the log of requests.
"""

from contextlib import suppress
from dataclasses import replace

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth import audit
from backoffice.auth.events import AuthEvent, LinkRefused, Throttled
from backoffice.auth.sessions import Client
from backoffice.auth.user_records import UserRecords
from backoffice.core import Clock, Database, Events, Unavailable
from backoffice.ratelimit import Limiter, limits
from backoffice.ratelimit.judgements import Check
from backoffice.ratelimit.memory import MemoryStore

#: Of one limit and whom it refused,
_EACH = limits("1/hour")
#: and of all together, from however many networks they come.
_ALL = limits("600/hour")
_REMEMBERED = 10_000


class TurnedAway:
    """Writes refusals of strangers into the audit log, each once in a while."""

    def __init__(
        self, database: Database, events: Events, clock: Clock, records: UserRecords
    ) -> None:
        self._database = database
        self._events = events
        self._records = records
        # In this process alone: nobody is refused by it, and nobody waits for Redis.
        self._told = Limiter(MemoryStore(_REMEMBERED, clock), clock=clock)

    async def by_limit(self, limit: str, key: str, client: Client, *, email: str = "") -> None:
        """One whom that limit refuses, counted by `key`; `email` is the account they came for."""
        event = Throttled(address=client.address, limit=limit)
        await self._tell(event, f"{limit} {key}", email)

    async def with_link(self, client: Client) -> None:
        """One whose link is not good: used, replaced, run out or made up."""
        await self._tell(LinkRefused(address=client.address), f"link {client.network}", "")

    async def _tell(self, event: AuthEvent, key: str, email: str) -> None:
        each, together = Check("each", key, _EACH), Check("all", "", _ALL)
        if not all(found.allowed for found in await self._told.check_all([each, together])):
            return
        # The answer is a refusal whether or not it could be written down.
        with suppress(Unavailable):
            await self._write(event, email)

    async def _write(self, event: AuthEvent, email: str) -> None:
        async with self._database.session() as session:
            subject = await self._subject(session, email) if email else ""
            await self._events.emit(replace(event, subject=subject), session)
            await session.commit()

    async def _subject(self, session: AsyncSession, email: str) -> str:
        # Asked for known and unknown addresses alike, so that both cost the same.
        known = select(self._records.user.id).where(self._records.has_email(email))
        found = (await session.exec(known)).all()
        return audit.user(found[0]) if len(found) == 1 else ""
