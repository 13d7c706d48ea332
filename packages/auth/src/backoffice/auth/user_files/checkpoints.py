"""How far a file was imported: moved on in the transaction of what was imported."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth.models import UserImport
from backoffice.core import Clock, Database


@dataclass
class Counts:
    """What has come of the lines."""

    created: int = 0
    updated: int = 0
    #: There already, and left as they were.
    skipped: int = 0
    refused: int = 0


class Checkpoints:
    """The imports that were begun, by the digest of the file and of how it is read."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def find(self, digest: str) -> UserImport | None:
        """How far it was imported; None where it was never begun."""
        async with self._database.session() as session:
            return await session.get(UserImport, digest)

    async def begun(self, digest: str) -> UserImport:
        """The same; begun now where it never was."""
        postgres = self._database.dialect == "postgresql"
        insert = postgresql.insert if postgres else sqlite.insert
        made = UserImport(digest=digest, started_at=self._clock.now())
        async with self._database.session() as session:
            await session.exec(
                insert(UserImport).values(**made.model_dump()).on_conflict_do_nothing()
            )
            await session.commit()
            return (await session.exec(select(UserImport).where(_is(digest)))).one()

    async def forget(self, digest: str) -> None:
        """Let it begin anew."""
        async with self._database.session() as session:
            await session.exec(delete(UserImport).where(_is(digest)))
            await session.commit()


async def moved(session: AsyncSession, digest: str, before: int, after: int) -> bool:
    """Move on from line to line; the row is held until the transaction ends.

    False where it does not stand there: somebody else imports the same file, and did those lines.
    """
    at = (_is(digest), col(UserImport.line) == before, col(UserImport.finished_at).is_(None))
    done = await session.exec(update(UserImport).where(*at).values(line=after))
    return bool(done.rowcount == 1)


async def counted(session: AsyncSession, digest: str, counts: Counts) -> None:
    """Add these to what has come of the file, in the transaction that moved it on."""
    more = {name: getattr(UserImport, name) + count for name, count in asdict(counts).items()}
    await session.exec(update(UserImport).where(_is(digest)).values(**more))


async def finished(session: AsyncSession, digest: str, moment: datetime) -> bool:
    """All of it is done; False where that is known already."""
    open_ = (_is(digest), col(UserImport.finished_at).is_(None))
    done = await session.exec(update(UserImport).where(*open_).values(finished_at=moment))
    return bool(done.rowcount == 1)


# Any: SQLModel's `col` gives what `where` takes, under a name that differs by version.
def _is(digest: str) -> Any:
    return col(UserImport.digest) == digest
