"""A step of a job: some of its records, each judged as it is now, in one transaction.

What was done and how far the job is are committed together: a process that dies in between has done
neither. The views of accounts are the exception: they act by the services of `auth`, which have
transactions of their own, record by record; a record that was come to twice is refused by them.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, or_
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette_admin.actions import ActionSelection
from starlette_admin.exceptions import ActionFailed, FormValidationError

from backoffice.admin.constraints import explained
from backoffice.admin.jobs.models import BulkJob
from backoffice.admin.jobs.selection import asked_by, meaning
from backoffice.admin.records import RecordView
from backoffice.core import Refusal

log = logging.getLogger(__name__)

#: Failures that are told one by one.
MOST_TOLD = 20
_REASON_LENGTH = 200
_BROKEN = "The action itself failed; the log of the app says how."


class Broken(Exception):
    """The action raised what is no refusal: it would do so for each record."""


@dataclass
class Outcome:
    """What came of some records."""

    done: int = 0
    refused: int = 0
    failed: int = 0
    failures: list[list[str]] = field(default_factory=list)
    #: The place of the last of them; None where there was none left.
    place: str | None = None

    def fail(self, key: str, label: str, reason: str) -> None:
        """Note a record that it was not done to."""
        self.failed += 1
        if len(self.failures) < MOST_TOLD:
            self.failures.append([key, label, reason[:_REASON_LENGTH]])


class Step:
    """The next records of a job, in the order of their keys."""

    def __init__(self, view: RecordView, request: Request, job: BulkJob) -> None:
        self._view, self._request, self._job = view, request, job
        self._order = view.order(request, ())
        self._asked = asked_by(view, request, job.query)
        if meaning(self._asked) != job.meaning:
            raise Broken("Its search and filters do not mean the same records any more.")

    @property
    def _session(self) -> AsyncSession:
        return self._view.session(self._request)

    async def measured(self) -> tuple[int, str | None]:
        """How many records match, and the place of the last: what comes later is left alone."""
        view, request = self._view, self._request
        query = await view.matching(request, self._asked.q, self._asked.filters)
        counting = query.with_only_columns(func.count(), maintain_column_froms=True)
        total = int((await view.executed(request, counting)).scalar_one())
        last = query.add_columns(*self._order.values()).order_by(*self._order.clauses(True))
        row = (await view.executed(request, last.limit(1))).first()
        return total, None if row is None else self._order.token(row[1:], None)

    async def done(self, size: int) -> Outcome:
        """Do the action to up to `size` records; Broken where it cannot be done at all."""
        records, place = await self._records(size)
        outcome = Outcome(place=place)
        allowed = [each for each in records if await self._is_allowed(each)]
        outcome.refused = len(records) - len(allowed)
        keys = [self._view.keys.of(each) for each in allowed]
        if not keys:
            return outcome
        if self._view.in_transaction and await self._together(keys):
            outcome.done = len(keys)
            return outcome
        for key in keys:
            await self._alone(key, outcome)
        return outcome

    async def _records(self, size: int) -> tuple[Sequence[Any], str | None]:
        """The records after the place, and the place of the last of them."""
        query = await self._view.matching(self._request, self._asked.q, self._asked.filters)
        query = query.add_columns(*self._order.values()).order_by(*self._order.clauses())
        if self._job.place is not None:
            query = query.where(or_(*self._after(self._job.place)))
        if self._job.until is not None:
            query = query.where(~or_(*self._after(self._job.until)))
        if self._view.in_transaction:
            # As it is judged, so it stays until it is done.
            query = query.with_for_update(of=self._view.model)
        rows = (await self._view.executed(self._request, query.limit(size))).all()
        records = [row[0] for row in rows]
        await self._view.judged(self._request, self._view.verb_of(self._job.action), records)
        return records, self._order.token(rows[-1][1:], None) if rows else None

    def _after(self, token: str) -> list[Any]:
        place = self._order.place(token)
        if place is None:
            raise Broken("The keys of these records have changed.")
        return self._order.ranges(place)

    async def _is_allowed(self, record: Any) -> bool:
        return await self._view.is_row_action_allowed_for_obj(
            self._request, self._job.action, record
        )

    async def _together(self, keys: list[str]) -> bool:
        """Whether it was done to all of them; else it was done to none."""
        try:
            async with self._session.begin_nested():
                await self._act(keys)
        except _REFUSALS:
            return False
        except DBAPIError:
            raise
        except Exception as error:
            log.exception("the action %s of %s failed", self._job.action, self._job.resource)
            raise Broken(_BROKEN) from error
        return True

    async def _alone(self, key: str, outcome: Outcome) -> None:
        """Do it to one of them, and note why it was not done if it was not."""
        record = await self._view.find_by_pk(self._request, key)
        if record is None:
            # Gone since, perhaps with one that was before it.
            outcome.refused += 1
            return
        label = self._view.named(self._request, record)
        try:
            if self._view.in_transaction:
                async with self._session.begin_nested():
                    await self._act([key])
            else:
                await self._act([key])
        except _REFUSALS as refusal:
            outcome.fail(key, label, _told(refusal, self._view))
        else:
            outcome.done += 1

    async def _act(self, keys: list[str]) -> None:
        view, request = self._view, self._request
        selection = ActionSelection(view, request, list(keys), None, None)
        await view.handle_action(request, selection, self._job.action)
        if view.secret(request) is not None:
            raise Broken("It makes secrets, which nobody would see: do it to one at a time.")


_REFUSALS = (ActionFailed, Refusal, HTTPException, FormValidationError, IntegrityError)


def _told(refusal: Exception, view: RecordView) -> str:
    if isinstance(refusal, IntegrityError):
        return " ".join(explained(refusal, view.model).values())
    if isinstance(refusal, FormValidationError):
        return " ".join(str(each) for each in refusal.errors.values())
    if isinstance(refusal, ActionFailed):
        return str(refusal.msg)
    return refusal.message if isinstance(refusal, Refusal) else str(getattr(refusal, "detail", ""))
