"""The shelf: where files lie between being sent and being written, and for how long."""

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.admin.imports import cells, files
from backoffice.admin.imports.models import Import, ImportPart
from backoffice.core import Database

#: For how long a file is kept, whatever came of it.
KEPT = timedelta(days=30)
#: The same of one that nobody has written.
KEPT_UNWRITTEN = timedelta(days=2)
_SHOWN = 10


class Shelf:
    """The rows of both tables, past any request."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tidy(self, moment: datetime) -> None:
        """Forget files that lie there for too long."""
        old = col(Import.created_at) < moment - KEPT
        left = col(Import.deed_job).is_(None) & (col(Import.created_at) < moment - KEPT_UNWRITTEN)
        found = await self._database.read(select(col(Import.number)).where(old | left).limit(100))
        numbers = [number for (number,) in found]
        if not numbers:
            return
        async with self._database.session() as session:
            await _forget(session, numbers)
            await session.commit()


async def put(session: AsyncSession, found: Import, sheet: files.Sheet) -> Import:
    """Keep a file, and of those that the same person did not write the last few."""
    session.add(found)
    await session.flush()
    assert found.number is not None  # noqa: S101 - the database has counted it
    for number, rows in enumerate(sheet.parts):
        session.add(ImportPart(import_number=found.number, number=number, rows=rows))
    await session.flush()
    await _forget(session, await _unwritten(session, found))
    return found


async def _unwritten(session: AsyncSession, found: Import) -> Sequence[int | None]:
    """Files of the same person and page that nobody has written, but for the last ones."""
    query = select(Import.number).where(
        col(Import.actor) == found.actor,
        col(Import.resource) == found.resource,
        col(Import.deed_job).is_(None),
    )
    older = query.order_by(col(Import.number).desc()).offset(_SHOWN).limit(100)
    return (await session.exec(older)).all()


async def _forget(session: AsyncSession, numbers: Sequence[int | None]) -> None:
    if numbers:
        # Any: as in SQLModel's `exec`, for what it has no type of its own.
        asked: Any = session
        await asked.exec(delete(ImportPart).where(col(ImportPart.import_number).in_(numbers)))
        await asked.exec(delete(Import).where(col(Import.number).in_(numbers)))


async def recent(session: AsyncSession, actor: str, resource: str) -> Sequence[Import]:
    """The last files that somebody sent for a page."""
    query = select(Import).where(col(Import.actor) == actor, col(Import.resource) == resource)
    found = await session.exec(query.order_by(col(Import.number).desc()).limit(_SHOWN))
    return found.all()


async def parts(session: AsyncSession, number: int | None) -> AsyncIterator[ImportPart]:
    """The parts of a file, one after the other."""
    index = 0
    while (part := await session.get(ImportPart, (number, index))) is not None:
        yield part
        index += 1


async def telling(session: AsyncSession, number: int | None, most: int) -> Sequence[ImportPart]:
    """The first part, and the first of those some of whose rows were refused."""
    tells = (col(ImportPart.number) == 0) | (func.length(col(ImportPart.outcomes)) > len("[]"))
    query = select(ImportPart).where(col(ImportPart.import_number) == number, tells)
    found = await session.exec(query.order_by(col(ImportPart.number)).limit(most))
    return found.all()


async def forget_outcomes(session: AsyncSession, found: Import) -> None:
    """Begin anew: nothing has come of any row yet."""
    found.added = found.changed = found.same = found.refused = 0
    # Any: as in SQLModel's `exec`, for what it has no type of its own.
    asked: Any = session
    mine = col(ImportPart.import_number) == found.number
    await asked.exec(update(ImportPart).where(mine).values(outcomes=""))


async def note_doubles(
    session: AsyncSession, found: Import, unique: Sequence[tuple[int, ...]]
) -> None:
    """Find rows that say the same, where no two may: in each of these sets of columns."""
    seen: dict[tuple[int, ...], dict[tuple[str, ...], int]] = {each: {} for each in unique}
    async for part in parts(session, found.number):
        told = _doubles(files.rows_of(part.rows), seen)
        part.doubles = json.dumps(told) if told else ""
        session.add(part)


def _doubles(
    rows: Sequence[files.Row], seen: Mapping[tuple[int, ...], dict[tuple[str, ...], int]]
) -> dict[int, dict[int, int]]:
    told: dict[int, dict[int, int]] = defaultdict(dict)
    for row in rows:
        for columns, values in seen.items():
            texts = (files.cell_text(row.cell(each)) for each in columns)
            value = tuple(cells.unguarded(each).strip() for each in texts)
            # What is empty is no value, of which there may be any number.
            first = values.setdefault(value, row.number) if all(value) else row.number
            if first != row.number:
                told[row.number][columns[0]] = first
    return told
