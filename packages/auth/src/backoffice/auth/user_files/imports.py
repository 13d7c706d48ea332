"""A file of accounts, imported: portion after portion, each in one transaction with how far it is.

Whoever is killed goes on from there when the same file is imported again, and so does a second
process that imports it at the same time: each portion is done by one of them.
"""

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass

from anyio import to_thread
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth.models import UserImport
from backoffice.auth.passwords import Passwords
from backoffice.auth.remembered import EVERYBODY
from backoffice.auth.revocations import Revocations
from backoffice.auth.roles import Roles
from backoffice.auth.user_files.batches import SAID_OF_A_LINE, Batches, MeanwhileError, Written
from backoffice.auth.user_files.checkpoints import Checkpoints, Counts, counted, finished, moved
from backoffice.auth.user_files.events import UsersImported
from backoffice.auth.user_files.faults import Fault
from backoffice.auth.user_files.portions import Portion, portions
from backoffice.auth.user_files.reports import Report
from backoffice.auth.user_files.seen import opened_seen
from backoffice.auth.user_files.sources import Source
from backoffice.auth.user_files.terms import Terms
from backoffice.auth.users import Users
from backoffice.core import Clock, Conflict, Database, Events, Unavailable

#: How often a portion is tried that the database did not take, and the seconds in between.
_TRIES, _PAUSE = 5, 1.0


@dataclass
class Imported:
    """What has come of a file, from its first line on."""

    counts: Counts
    #: The last line that was done before: this time it went on from there.
    resumed: int = 0
    #: Whether all of it was done before.
    already: bool = False


@dataclass
class Run:
    """One import of a file, in this process."""

    digest: str
    batches: Batches
    actor: str
    report: Report | None
    dry_run: bool
    #: Those of before, and what this process has done.
    counts: Counts

    def keep(self) -> None:
        """What the report has is of lines that are done."""
        if self.report is not None:
            self.report.keep()

    def add(self, counts: Counts) -> None:
        """So much more is done."""
        for name, count in asdict(counts).items():
            setattr(self.counts, name, getattr(self.counts, name) + count)


class Imports:
    """Imports files of accounts."""

    def __init__(
        self,
        database: Database,
        events: Events,
        clock: Clock,
        revocations: Revocations,
        users: Users,
        roles: Roles,
        passwords: Passwords,
    ) -> None:
        self._passwords = passwords
        self._database = database
        self._events = events
        self._clock = clock
        self._revocations = revocations
        self._users = users
        self._roles = roles
        self._checkpoints = Checkpoints(database, clock)

    async def load(
        self,
        source: Source,
        terms: Terms,
        *,
        actor: str,
        report: Report | None = None,
        dry_run: bool = False,
        again: bool = False,
        advance: Callable[[int], None] = lambda _: None,
    ) -> Imported:
        """Import the file, or what is left of it; `advance` is told of each so many lines.

        `again` begins with the first line, even if all of it was done before. With `dry_run`
        everything is done but for the commits, and for the hashing of passwords. InvalidInput for
        a file whose columns are not known, Conflict for one that is changed meanwhile.
        """
        self._users.records.check_new()
        digest = terms.digest(source.digest)
        at = await self._at(digest, dry_run=dry_run, again=again)
        if at.finished_at is not None:
            return Imported(_counts(at), at.line, already=True)
        if report is not None:
            report.resume(at.line)
        batches = Batches(
            self._users, self._roles, self._passwords, self._events, self._clock, terms, actor
        )
        run = Run(digest, batches, actor, report, dry_run, _counts(at))
        done, read = at.line, 0
        with opened_seen() as seen:
            parts = portions(source, terms, seen, self._clock.now(), done)
            while part := await to_thread.run_sync(next, parts, None):
                if part.line > done:
                    done = await self._write(run, part, done)
                    run.keep()
                advance(part.line - read)
                read = part.line
        return Imported(run.counts if dry_run else await self._end(run), at.line)

    async def _write(self, run: Run, part: Portion, done: int) -> int:
        """Write what nobody else has written of it; the last line that is done then."""
        together = run.batches.can_write_together
        for left in reversed(range(_TRIES)):
            try:
                if await self._commit(run, part, done, together=together):
                    await self._events.delivered()
                    return part.line
                done = await self._done_elsewhere(run, done)
                part.drop(done)
                if part.line <= done:
                    return done
            except Unavailable:
                if not left:
                    raise
                await asyncio.sleep(_PAUSE)
            except (*SAID_OF_A_LINE, MeanwhileError):
                if not left:
                    raise
                together = False
        raise Unavailable("Too many import this file at once; import it again.", code="busy")

    async def _commit(self, run: Run, part: Portion, done: int, *, together: bool) -> bool:
        """One transaction; False where these lines are not the next ones any more."""
        part.refuse(await run.batches.hash(self._database, part.rows, dry_run=run.dry_run))
        async with self._database.session() as session:
            if not run.dry_run and not await moved(session, run.digest, done, part.line):
                return False
            write = run.batches.write_together if together else run.batches.write_each
            written = await write(session, part.rows)
            written.refuse(part.refused)
            await session.flush()
            if run.report is not None:
                await to_thread.run_sync(run.report.add, sorted(written.refused, key=_line))
            if not run.dry_run:
                await self._keep(session, run, written)
        run.add(written.counts)
        return True

    async def _keep(self, session: AsyncSession, run: Run, written: Written) -> None:
        await counted(session, run.digest, written.counts)
        if written.counts.updated:
            await self._revocations.write(session, EVERYBODY)
        await session.commit()

    async def _done_elsewhere(self, run: Run, done: int) -> int:
        found = await self._checkpoints.find(run.digest)
        if found is None or found.line <= done:
            raise Conflict(
                "somebody has begun this import anew; import the file again to go on",
                code="import_begun_anew",
            )
        return found.line

    async def _end(self, run: Run) -> Counts:
        """What has come of the file, whoever did it; the last one to come says so in the log."""
        async with self._database.session() as session:
            if await finished(session, run.digest, self._clock.now()):
                found = await session.get_one(UserImport, run.digest)
                event = UsersImported(
                    actor=run.actor, subject="users", digest=run.digest, **asdict(_counts(found))
                )
                await self._events.emit(event, session)
            await session.commit()
        if run.counts.updated:
            await self._revocations.settled()
        at = await self._checkpoints.find(run.digest)
        return run.counts if at is None else _counts(at)

    async def _at(self, digest: str, *, dry_run: bool, again: bool) -> UserImport:
        if dry_run:
            found = None if again else await self._checkpoints.find(digest)
            return found or UserImport(digest=digest, started_at=self._clock.now())
        if again:
            await self._checkpoints.forget(digest)
        return await self._checkpoints.begun(digest)


def _line(refused: tuple[int, Fault]) -> int:
    return refused[0]


def _counts(found: UserImport) -> Counts:
    return Counts(found.created, found.updated, found.skipped, found.refused)
