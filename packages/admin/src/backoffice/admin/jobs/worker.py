"""The worker: goes on with jobs, one step after the other, in turn."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

import anyio
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Scope
from starlette_admin.types import RequestAction

from backoffice.admin.history.circumstances import through
from backoffice.admin.history.recorder import follow
from backoffice.admin.imports.shelf import Shelf
from backoffice.admin.imports.steps import CHECK, DEED, ImportStep, number_of
from backoffice.admin.jobs.holds import Hold
from backoffice.admin.jobs.models import CANCELLED, DONE, STOPPED, BulkJob
from backoffice.admin.jobs.queue import Kind, Queue
from backoffice.admin.jobs.steps import MOST_TOLD, Broken, Step
from backoffice.admin.records import RecordView
from backoffice.admin.settings import AdminSettings
from backoffice.admin.site import Site
from backoffice.admin.visits import Visit, begin
from backoffice.auth import Services
from backoffice.auth.sessions import Client
from backoffice.core import Clock, Refusal, Unavailable

log = logging.getLogger(__name__)

#: How often to look for what another process has left; seconds.
POLL = 2.0
#: How long after a commit in this process.
AFTER_COMMIT = 0.05
#: The same where the database does not answer.
TROUBLE = 5.0
TIDY = 60.0
#: When a job is tried again that the database let nothing be done to.
LATER = timedelta(seconds=10)
#: How long one job is worked on before it is another one's turn.
TURN = 5.0
#: What the end of the run leaves to the step that is being done.
CLOSING = 10.0
#: Records of the first step of a turn; the next ones are of as many as take about this long.
FIRST, MOST, SECONDS = 10, 200, 0.5
#: After how long steps rest on SQLite, and for how long: whoever waits for its only lock looks
#: again every tenth of a second, and would find it taken each time.
BUSY, REST = 1.0, 0.15


class JobWorker:
    """Does the jobs of one site; any number of workers, in any number of processes, share them."""

    def __init__(
        self,
        site: Site,
        services: Services,
        settings: AdminSettings,
        secret: bytes,
        clock: Clock | None = None,
    ) -> None:
        self.queue = Queue(services.database, site.name)
        self._shelf = Shelf(services.database)
        self._site = site
        self._services = services
        self._settings = settings
        self._secret = secret
        self._clock = clock or services.clock
        self._news = anyio.Event()
        self._ending = False
        self._troubled = False
        self._tidied: float | None = None

    def notice_soon(self) -> None:
        """Look once what was just added is committed."""
        asyncio.get_running_loop().call_later(AFTER_COMMIT, self._notice)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Work meanwhile; at the end, the step that is being done has ten seconds."""
        task = asyncio.create_task(self._work())
        try:
            yield
        finally:
            self._ending = True
            self._notice()
            try:
                await asyncio.wait({task}, timeout=CLOSING)
            finally:  # also where somebody has no patience: it must not outlive the database
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def drained(self) -> None:
        """Go on with all jobs until none is left that could."""
        while await self.turn():
            pass

    async def turn(self) -> bool:
        """Work on one job for a while; whether there was one."""
        found = await self.queue.take(self._kinds(), self._clock.now())
        if found is None:
            return False
        number, token = found
        until: datetime | None = self._clock.now() + LATER
        try:
            with through("admin"):
                await self._steps(number, token)
            until = None
        except SQLAlchemyError as error:
            # It may pass: a later turn tries again, and the last one gives up.
            log.warning("a step of bulk job %d failed: %s", number, type(error).__name__)
        finally:
            with anyio.CancelScope(shield=True), suppress(Unavailable):
                await self.queue.release(number, token, until)
        return True

    async def _steps(self, number: int, token: str) -> None:
        ends, size = time.monotonic() + TURN, FIRST
        rested = time.monotonic()
        while not self._ending and time.monotonic() < ends:
            began = time.monotonic()
            if not await self._step(number, token, size):
                return
            spent = time.monotonic() - began
            if spent < SECONDS / 2:
                size = min(MOST, size * 2)
            elif spent > SECONDS * 2:
                size = max(1, size // 2)
            if self._is_alone_in_writing and time.monotonic() - rested > BUSY:
                await anyio.sleep(REST)
                rested = time.monotonic()

    @property
    def _is_alone_in_writing(self) -> bool:
        return self._services.database.dialect == "sqlite"

    def _notice(self) -> None:
        self._news.set()

    async def _work(self) -> None:
        pause = POLL
        while not self._ending:
            with anyio.move_on_after(pause):
                await self._news.wait()
            self._news = anyio.Event()
            if not self._ending:
                pause = await self._round()

    async def _round(self) -> float:
        """A turn; gives how long to wait then."""
        try:
            await self._tidy()
            worked = await self.turn()
        except Exception as error:  # noqa: BLE001 - a worker that ends would do nothing any more
            if not self._troubled:
                told = error.message if isinstance(error, Unavailable) else type(error).__name__
                log.error("bulk jobs cannot be worked on: %s", told)  # noqa: TRY400
            self._troubled = True
            return TROUBLE
        self._troubled = False
        return 0 if worked else POLL

    async def _tidy(self) -> None:
        now = self._clock.monotonic()
        if self._tidied is None or now - self._tidied >= TIDY:
            await self.queue.tidy(self._clock.now())
            await self._shelf.tidy(self._clock.now())
            self._tidied = now

    def _kinds(self) -> list[Kind]:
        views = self._site.records()
        actions = [
            (each.resource, name)
            for each in views
            for name in each.actions or ()
            if name not in each.singly
        ]
        plain = [each for each in views if each.is_written_plainly]
        return actions + [(each.resource, name) for each in plain for name in (CHECK, DEED)]

    async def _step(self, number: int, token: str, size: int) -> bool:
        """Do the next records; whether there may be more."""
        async with self._services.database.session() as session:
            hold = Hold(self.queue, session, number, token, self._clock)
            job = await hold.job()
            if job is None:
                return False
            try:
                ended = await self._advanced(hold, job, size)
            except (SQLAlchemyError, Unavailable):
                raise  # which may pass
            except Exception as error:  # noqa: BLE001 - a policy, say, which would fail again
                await session.rollback()
                ended = await hold.end(STOPPED, _reason(number, error))
            await session.commit()
        return not ended

    async def _advanced(self, hold: Hold, job: BulkJob, size: int) -> bool:
        """Do the next records of the job; whether it has ended by that."""
        if job.cancel_asked:
            return await hold.end(CANCELLED)
        view, request = await self._in_name_of(hold.session, job)
        if not view.in_transaction:
            await hold.session.commit()
        step = _step_of(view, request, job)
        if job.total is None:
            total, until = await step.measured()
            await hold.write(total=total, until=until, began_at=self._clock.now(), vain=0)
            return total == 0 and await hold.end(DONE)
        outcome = await step.done(size)
        if outcome.place is None:
            return await hold.end(DONE)
        await hold.write(
            place=outcome.place,
            done=job.done + outcome.done,
            refused=job.refused + outcome.refused,
            failed=job.failed + outcome.failed,
            failures=job.noted(outcome.failures, MOST_TOLD),
            turn_at=self._clock.now(),
            vain=0,
        )
        return False

    async def _in_name_of(self, session: AsyncSession, job: BulkJob) -> tuple[RecordView, Request]:
        """The view of the job, and a request of whoever started it, as they stand now."""
        found = await self._services.principals.of_session(job.session_id, "session")
        if found is None:
            raise Broken("Whoever started it may not sign in any more.")
        visit = Visit(
            services=self._services,
            settings=self._settings,
            client=Client(address=job.address),
            secret=self._secret,
            known=found[0],
        )
        follow(session, actor=visit.principal.name, through="admin")
        view = next(each for each in self._site.records() if each.resource == job.resource)
        request = _request(job, session, visit)
        seen = visit.may_enter and view.is_accessible(request)
        if not seen or not await view.is_action_allowed(request, job.action):
            raise Broken("Whoever started it may not do this any more.")
        return view, request


def _step_of(view: RecordView, request: Request, job: BulkJob) -> Step | ImportStep:
    kind = Step if number_of(job) is None else ImportStep
    return kind(view, request, job)


def _reason(number: int, error: Exception) -> str:
    """Why a job cannot go on, in words."""
    if isinstance(error, Refusal):
        return error.message
    if isinstance(error, HTTPException):
        return str(error.detail)
    if isinstance(error, Broken):
        return str(error)
    log.error("bulk job %d cannot go on", number, exc_info=error)
    return "It cannot go on; the log of the app says why."


def _request(job: BulkJob, session: AsyncSession, visit: Visit) -> Request:
    """A request such as would do it, had it been asked for by hand."""
    path = f"/{job.resource}/action"
    scope: Scope = {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": job.query.encode(),
        "root_path": "",
        "headers": [],
        "path_params": {"resource": job.resource},
        "client": None,
        "server": None,
        "state": {"session": session, "action": RequestAction.ACTION},
    }
    request = Request(scope)
    begin(request, visit)
    return request
