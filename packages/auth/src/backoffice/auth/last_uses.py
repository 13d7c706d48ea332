"""When a session or a key was last used: written beside the requests, and not with each."""

import logging
import uuid
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import anyio
from sqlalchemy import Update, or_, update
from sqlmodel import col

from backoffice.auth.models import ApiKey, UserSession
from backoffice.core import Database

log = logging.getLogger(__name__)

#: A use within this span of the last one written is not written.
EVERY = timedelta(minutes=1)
#: Uses are gathered for this long before they are written; seconds.
GATHER = 1.0
#: Sessions and keys whose last written use this process knows.
KNOWN = 50_000

Used = type[UserSession] | type[ApiKey]


def due(moment: datetime, written: datetime) -> bool:
    """Whether a use at that moment is to be written, after the last one that was."""
    return abs(moment - written) >= EVERY


class LastUses:
    """Gathers uses and writes them; whoever holds the database keeps no caller waiting."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._written: OrderedDict[uuid.UUID, datetime] = OrderedDict()
        self._pending: dict[uuid.UUID, tuple[Used, datetime]] = {}
        self._news = anyio.Event()

    def note(self, kind: Used, id: uuid.UUID, moment: datetime) -> datetime:
        """Note a use at that moment, if one is due; gives when the last one noted was."""
        written = self._written.get(id)
        if written is not None and not due(moment, written):
            return written
        self._written[id] = moment
        if len(self._written) > KNOWN:
            self._written.popitem(last=False)
        self._pending[id] = (kind, moment)
        self._news.set()
        return moment

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Write what is noted meanwhile, and the rest at the end."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._write)
            try:
                yield
            finally:
                group.cancel_scope.cancel()
        await self.flush()

    async def _write(self) -> None:
        while True:
            await self._news.wait()
            await anyio.sleep(GATHER)
            self._news = anyio.Event()
            with anyio.CancelScope(shield=True):
                await self.flush()

    async def flush(self) -> None:
        """Write what was noted by now; where that fails, it is logged and lost."""
        if not self._pending:
            return
        pending, self._pending = self._pending, {}
        try:
            async with self._database.session() as session:
                # In one order: of two processes that write the same ones, none waits for ever.
                for id, (kind, moment) in sorted(pending.items()):
                    await session.exec(_statement(kind, id, moment))
                await session.commit()
        except Exception:
            # Whatever it is (a standby that takes no writes): the app goes on without the notes.
            log.exception("the last use of %d credentials could not be noted", len(pending))


def _statement(kind: Used, id: uuid.UUID, moment: datetime) -> Update:
    name = "last_used_at" if kind is ApiKey else "last_seen_at"
    column = col(getattr(kind, name))
    older = or_(column.is_(None), column <= moment - EVERY)
    return update(kind).where(col(kind.id) == id, older).values({name: moment})
