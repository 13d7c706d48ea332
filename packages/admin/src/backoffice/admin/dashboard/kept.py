"""Figures that are kept: what this process counts, written beside the requests once a minute.

So every process shows the same, and a start forgets no more than that minute.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any

import anyio
from fastapi import Depends
from sqlalchemy import delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.admin.dashboard.models import LIMIT, LONGEST_NAME, PAGE, DailyFigure
from backoffice.core import Clock, Database, clock, database, singleton
from backoffice.ratelimit.metrics import LimitMetrics, limit_metrics

log = logging.getLogger(__name__)

#: Seconds for which figures are gathered before they are written, and what that may take.
GATHER, PATIENCE = 60.0, 10.0
#: Days that are kept: as many as charts show at most.
KEPT = timedelta(days=90)
#: Names that are told apart in what is not written yet.
MOST_NAMES = 2000

Key = tuple[date, str, str]


@dataclass(frozen=True)
class Sum:
    """How often something was, and how much it came to."""

    count: int = 0
    amount: float = 0.0

    def __add__(self, other: "Sum") -> "Sum":
        return Sum(self.count + other.count, self.amount + other.amount)


class KeptFigures:
    """What the processes of an app have counted, this one's latest included."""

    def __init__(self, database: Database, clock: Clock, metrics: LimitMetrics) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._pending: dict[Key, Sum] = {}
        #: Of each limit, the refusals that were taken over from the metrics.
        self._refused: dict[str, int] = {}

    def visited(self, page: str, seconds: float) -> None:
        """Count a visit of a page."""
        self._add(PAGE, page, Sum(1, seconds * 1000))

    async def sums(self, session: AsyncSession, kind: str, since: date) -> Mapping[str, Sum]:
        """By name what there was since that day.

        By the session of whoever asks: requests that hold a connection and wait for a second one
        may wait for each other.
        """
        self._take_refusals()
        name, count = col(DailyFigure.name), func.sum(col(DailyFigure.count))
        query = (
            select(name, count, func.sum(col(DailyFigure.amount)))
            .where(col(DailyFigure.day) >= since, col(DailyFigure.kind) == kind)
            .group_by(name)
        )
        rows = await (await session.connection()).execute(query)
        found = {row[0]: Sum(int(row[1]), float(row[2])) for row in rows}
        for (day, of, each), sum_ in self._pending.items():
            if of == kind and day >= since:
                found[each] = found.get(each, Sum()) + sum_
        return found

    async def write(self) -> None:
        """Write what was counted by now; where that fails, it is logged and tried again."""
        self._take_refusals()
        pending, self._pending = self._pending, {}
        if not pending:
            return
        try:
            await self._written(pending)
        except (Exception, asyncio.CancelledError) as error:
            for key, each in pending.items():
                self._gather(key, each)
            if isinstance(error, asyncio.CancelledError):
                raise
            log.exception("the figures of the first page could not be written")

    async def _written(self, pending: Mapping[Key, Sum]) -> None:
        # In one order: of two processes that write the same ones, none waits for ever.
        rows = [
            {"day": day, "kind": kind, "name": name, "count": each.count, "amount": each.amount}
            for (day, kind, name), each in sorted(pending.items())
        ]
        async with self._database.session() as session:
            connection = await session.connection()
            await connection.execute(_adding(self._database.dialect), rows)
            await connection.execute(_outdated(self._clock.now().date()))
            await session.commit()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Write once a minute meanwhile."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._write_again_and_again)
            try:
                yield
            finally:
                group.cancel_scope.cancel()

    async def _write_again_and_again(self) -> None:
        while True:
            await anyio.sleep(GATHER)
            # A transaction is not broken off: whoever ends the run waits for it, if not for a
            # database that says nothing.
            with anyio.move_on_after(PATIENCE, shield=True):
                await self.write()

    def _take_refusals(self) -> None:
        for (name, outcome), count in self._metrics.checks.items():
            more = count - self._refused.get(name, 0)
            if outcome == "refused" and more:
                self._refused[name] = count
                self._add(LIMIT, name, Sum(more))

    def _add(self, kind: str, name: str, more: Sum) -> None:
        self._gather((self._clock.now().date(), kind, name[:LONGEST_NAME]), more)

    def _gather(self, key: Key, more: Sum) -> None:
        if key in self._pending or len(self._pending) < MOST_NAMES:
            self._pending[key] = self._pending.get(key, Sum()) + more


# Any: the insert of either dialect.
def _adding(dialect: str) -> Any:
    insert: Callable[..., Any] = postgresql.insert if dialect == "postgresql" else sqlite.insert
    row = insert(DailyFigure)
    return row.on_conflict_do_update(
        index_elements=["day", "kind", "name"],
        set_={
            "count": col(DailyFigure.count) + row.excluded.count,
            "amount": col(DailyFigure.amount) + row.excluded.amount,
        },
    )


def _outdated(today: date) -> Any:
    return delete(DailyFigure).where(col(DailyFigure.day) < today - KEPT)


@singleton
async def kept_figures(
    database: Annotated[Database, Depends(database)],
    clock: Annotated[Clock, Depends(clock)],
    metrics: Annotated[LimitMetrics, Depends(limit_metrics)],
) -> AsyncIterator[KeptFigures]:
    """The figures of this run."""
    kept = KeptFigures(database, clock, metrics)
    async with kept.writing():
        yield kept
