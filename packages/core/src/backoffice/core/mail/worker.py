"""The worker: sends what the outbox holds, until it is sent or given up.

At least once: SMTP has no way to hand a message over and write that down in one step. A process
that is killed in between has the message sent again, by another and under the same Message-ID.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

import anyio
from anyio.abc import TaskGroup
from fastapi import Depends

from backoffice.core.clock import Clock
from backoffice.core.clock import clock as app_clock
from backoffice.core.database import Database
from backoffice.core.database import database as app_database
from backoffice.core.dependencies import reads
from backoffice.core.errors import Unavailable
from backoffice.core.mail.claims import GRACE, Claim, Claims
from backoffice.core.mail.errors import MailUnavailable
from backoffice.core.mail.mailer import Mailer
from backoffice.core.mail.mailer import mailer as app_mailer
from backoffice.core.mail.outbox import Outbox
from backoffice.core.mail.outbox import outbox as app_outbox
from backoffice.core.mail.settings import MailSettings, mail_settings
from backoffice.core.singletons import singleton

log: logging.Logger = logging.getLogger(__name__)

#: How often to look for what another process has added, or what is due again; seconds.
POLL = 1.0
#: How long after a commit in this process; seconds.
AFTER_COMMIT = 0.05
#: The same where the database does not answer.
TROUBLE = 5.0
TIDY = 60.0
#: What the end of the run leaves to what is being sent; seconds.
CLOSING = 10.0
#: What sending may take beyond the mailer's own limit; less than the lease allows.
MARGIN = 5.0
#: What writing down an outcome may take before it is tried again.
NOTING = 10.0

FIRST_DELAY = timedelta(seconds=10)
LONGEST_DELAY = timedelta(hours=1)

Note = Callable[[], Awaitable[bool]]


@dataclass(frozen=True)
class Failure:
    """Why a message was not sent, without an address or a secret; whether that may pass."""

    reason: str
    temporary: bool


class _Handover:
    """Notes that a message was sent: when the server has taken it, else once all is over."""

    def __init__(self, note: Callable[[], Awaitable[None]]) -> None:
        self._note = note
        self.taken = False
        self._noted = False

    async def __call__(self) -> None:
        self.taken = True
        await self._note()
        self._noted = True

    async def finish(self) -> None:
        if not self._noted:
            await self()


class MailWorker:
    """Sends messages of the outbox, several at a time; any number of workers may share it."""

    def __init__(
        self,
        claims: Claims,
        mailer: Mailer,
        settings: MailSettings,
        clock: Clock | None = None,
    ) -> None:
        self._claims = claims
        self._mailer = mailer
        self._settings = settings
        self._clock = clock or Clock()
        self._sending: set[Claim] = set()
        self._taking = anyio.Lock()
        self._news = anyio.Event()
        self._settled = anyio.Event()
        self._ending = False
        self._troubled = False
        self._tidied: float | None = None
        #: Whether it works by itself; else it does what `drained` asks for.
        self.working: bool = False
        #: How many messages it has tried, and how many of these it has sent.
        self.taken: int = 0
        self.sent: int = 0

    def notice(self) -> None:
        """Look at once: there may be something to send."""
        self._news.set()

    def notice_soon(self) -> None:
        """Look once whoever has committed something has had time to answer.

        At once, the work of sending would delay the answer, and so tell of it.
        """
        asyncio.get_running_loop().call_later(AFTER_COMMIT, self.notice)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Work meanwhile; at the end, what is being sent has ten seconds."""
        self.working = True
        task = asyncio.create_task(self._work())
        try:
            yield
        finally:
            self.working = False
            self._ending = True
            self.notice()
            try:
                await asyncio.wait({task}, timeout=CLOSING)
            finally:  # also where somebody has no patience: it must not outlive the database
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def drained(self) -> None:
        """Send all that is due; return once nothing is, and nothing is being sent.

        Unavailable where the database does not answer.
        """
        await self.tidy()
        while claims := await self._take(self._settings.connections):
            async with anyio.create_task_group() as group:
                for each in claims:
                    group.start_soon(self._settle, each)
        while self._sending:
            await self._settled.wait()

    async def _work(self) -> None:
        async with anyio.create_task_group() as group:
            while not self._ending:
                # Renewed before the look: what comes during it is seen by the next one.
                self._news = anyio.Event()
                pause = await self._round(group)
                with anyio.move_on_after(pause):
                    await self._news.wait()

    async def _round(self, group: TaskGroup) -> float:
        """Start what is due, as far as there is room; gives how long to wait then."""
        room = self._settings.connections - len(self._sending)
        try:
            await self.tidy()
            claims = await self._take(room) if room > 0 else []
        except Exception as error:  # noqa: BLE001 - a worker that ends would send nothing any more
            self._complain(error)
            return TROUBLE
        self._troubled = False
        for each in claims:
            group.start_soon(self._settle, each)
        return 0 if claims else POLL

    async def _take(self, limit: int) -> list[Claim]:
        lease = timedelta(seconds=self._settings.timeout) + GRACE
        # Under a lock, so that `drained` never looks between a claim and its entry here.
        async with self._taking:
            claims = await self._claims.take(limit, self._clock.now(), lease)
            self._sending.update(claims)
            self.taken += len(claims)
        return claims

    async def tidy(self) -> None:
        """Forget what has run out or was settled long ago, unless that was done just now."""
        now = self._clock.monotonic()
        if self._tidied is None or now - self._tidied >= TIDY:
            await self._claims.tidy(self._clock.now(), self._settings.keep)
            self._tidied = now

    async def _settle(self, claim: Claim) -> None:
        handover = _Handover(lambda: self._note_sent(claim))
        try:
            failure = await self._tried(claim, handover)
            if failure is None or handover.taken:
                await handover.finish()
                self.sent += 1
            else:
                await self._note_failed(claim, failure)
        except Exception as error:  # noqa: BLE001 - one message must not end the work on others
            told = _named(error)
            log.error("what came of mail %s could not be noted: %s", claim.id, told)  # noqa: TRY400
        finally:
            self._sending.discard(claim)
            self._settled.set()
            self._settled = anyio.Event()
            self.notice()

    async def _tried(self, claim: Claim, handover: _Handover) -> Failure | None:
        if claim.attempt > self._settings.attempts:
            return Failure("whoever tried to send it never came back", temporary=False)
        try:
            message = claim.message()
        except Exception as error:  # noqa: BLE001 - the row may hold anything
            return Failure(f"what is kept is no message ({_named(error)})", temporary=False)
        try:
            with anyio.fail_after(self._settings.timeout + MARGIN):
                await self._mailer.send(message, taken=handover)
        except MailUnavailable as error:
            return Failure(error.reason, error.temporary)
        except Exception as error:  # noqa: BLE001 - a way out of the app's own may raise anything
            return Failure(f"the way out failed with {_named(error)}", temporary=True)
        return None

    async def _note_sent(self, claim: Claim) -> None:
        if not await _noted(lambda: self._claims.sent(claim, self._clock.now())):
            log.warning("mail %s was sent, but too late: another worker sends it as well", claim.id)

    async def _note_failed(self, claim: Claim, failure: Failure) -> None:
        now, reason = self._clock.now(), failure.reason[:200]
        if failure.temporary and claim.attempt < self._settings.attempts:
            due = now + delay(claim.attempt)
            await _noted(lambda: self._claims.failed(claim, due, reason))
        elif await _noted(lambda: self._claims.dead(claim, now, reason)):
            log.error("mail %s is given up after %d attempts: %s", claim.id, claim.attempt, reason)

    def _complain(self, error: Exception) -> None:
        if not self._troubled:
            told = error.message if isinstance(error, Unavailable) else _named(error)
            log.error("the outbox cannot be worked on: %s", told)
        self._troubled = True


def delay(attempt: int) -> timedelta:
    """How long to wait after an attempt that failed: 10 s, then twice as long, up to an hour."""
    doubled: int = 2 ** min(attempt - 1, 20)
    return min(FIRST_DELAY * doubled, LONGEST_DELAY)


async def _noted(note: Note) -> bool:
    """Write an outcome down, again and again: a message that is not noted is sent again."""
    while True:
        # Shielded: a run that ends would else leave a message that was sent to be sent again.
        with suppress(Unavailable), anyio.move_on_after(NOTING, shield=True):
            return await note()
        await anyio.sleep(POLL)


def _named(error: Exception) -> str:
    """Its type says enough: its message may repeat an address or a row."""
    return type(error).__name__


@singleton
async def mail_worker(
    database: Annotated[Database, Depends(app_database)],
    mailer: Annotated[Mailer, Depends(app_mailer)],
    outbox: Annotated[Outbox, Depends(app_outbox)],
    settings: Annotated[MailSettings, Depends(mail_settings)],
    clock: Annotated[Clock, Depends(app_clock)],
) -> AsyncIterator[MailWorker]:
    """The worker of this run; it works unless BACKOFFICE_MAIL__WORKER is false."""
    worker = MailWorker(Claims(database), mailer, settings, clock)
    outbox.listeners.add(worker.notice_soon)
    try:
        if settings.worker:
            async with worker.at_work():
                yield worker
        else:
            yield worker
    finally:
        outbox.listeners.discard(worker.notice_soon)


# A route that takes the outbox has the worker beside it; a command that opens it has not.
reads(app_outbox, mail_worker)(app_outbox)
