"""Reading the history: what somebody may see of it, page by page, the newest first."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import ColumnElement, func, select, union_all
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette_admin.fields import BaseField
from starlette_admin.types import RequestAction

from backoffice.admin.history.asking import Asked
from backoffice.admin.history.models import Change
from backoffice.admin.history.tracks import Track, track_of
from backoffice.admin.history.values import restored
from backoffice.admin.records import RecordView
from backoffice.admin.visits import visit_of

#: How often a page asks on for changes that may be seen, before it leaves that to the next page.
_ROUNDS = 4
#: Changes that one statement looks through for what no index finds.
_SEARCHED = 50_000


@dataclass(frozen=True)
class Entry:
    """A change, as somebody may see it."""

    change: Change
    view: RecordView
    #: The names of the fields that they may read, in the order of the page.
    fields: Sequence[str]

    @property
    def number(self) -> int:
        """Of the change."""
        return self.change.number or 0


@dataclass
class Page:
    """Changes, the newest first, and the numbers that the pages beside begin at."""

    entries: list[Entry] = field(default_factory=list)
    before: int | None = None
    after: int | None = None


@dataclass(frozen=True)
class _Stretch:
    """A stretch of the history: from a number on, up to another one."""

    start: int | None
    reach: int | None
    backwards: bool
    most: int

    def of(self, clauses: Sequence[ColumnElement[bool]], query: Any) -> Any:
        """The query of what fulfils this in the stretch."""
        number = col(Change.number)
        bounds = list(clauses)
        if self.start is not None:
            bounds.append(number > self.start if self.backwards else number < self.start)
        if self.reach is not None:
            bounds.append(number <= self.reach if self.backwards else number >= self.reach)
        return self.sorted(query.where(*bounds))

    def sorted(self, query: Any) -> Any:
        """As many as are wanted, in the direction of the stretch."""
        number = col(Change.number)
        return query.order_by(number if self.backwards else number.desc()).limit(self.most)


class Reader:
    """The history as the person of a request may see it."""

    def __init__(self, request: Request, views: Iterable[RecordView]) -> None:
        request.state.action = RequestAction.DETAIL
        self._request = request
        self._session: AsyncSession = request.state.session
        self.tracks = {
            each.resource: track
            for each in views
            if each.is_accessible(request) and (track := track_of(each)) is not None
        }
        self.views = {resource: each.view for resource, each in self.tracks.items()}
        self._readable: dict[str, dict[str, BaseField]] = {}

    async def page(self, asked: Asked, size: int) -> Page:
        """The changes that are asked for; fewer than a page where many may not be seen, or a
        search has found nothing for long: it goes on where this one ends."""
        backwards = asked.before is not None
        start = asked.before if backwards else asked.after
        entries: list[Entry] = []
        more = True
        for _ in range(_ROUNDS):
            reach = await self._reach(asked, start, backwards)
            rows = await self._rows(asked, _Stretch(start, reach, backwards, size + 1))
            entries += await self.visible(rows)
            start = rows[-1].number if len(rows) > size else reach
            more = len(entries) > size or start is not None
            if len(entries) > size or not more:
                break
        edge = entries[size - 1].number if len(entries) > size else start
        return _page(entries[:size], asked, edge if more else None)

    async def _reach(self, asked: Asked, start: int | None, backwards: bool) -> int | None:
        """How far one statement looks for what no index finds; None for to the end."""
        if not asked.is_sifted:
            return None
        number = func.max(col(Change.number))
        newest = (await self._session.exec(select(number))).scalar_one() or 0  # type: ignore[call-overload]
        if backwards:
            upper = (start or 0) + _SEARCHED
            return upper if upper < newest else None
        lower = min(start or newest + 1, newest + 1) - _SEARCHED
        return lower if lower > 1 else None

    async def entry(self, resource: str, number: int | None) -> Entry | None:
        """One change of a record of this page; None if there is none that may be seen."""
        if number is None:
            return None
        clauses = self._query(Asked(resource=resource))
        query = select(Change).where(*clauses, col(Change.number) == number)
        return next(iter(await self.visible(await self._found(query))), None)

    async def undone(self, numbers: Sequence[int]) -> set[int]:
        """Those of the changes that were taken back."""
        taken = col(Change.undoes)
        query: Any = select(taken).distinct().where(taken.in_(numbers))
        return set((await self._session.exec(query)).scalars())

    def readable(self, view: RecordView) -> dict[str, BaseField]:
        """The fields of a page that may be read, by name."""
        if view.resource not in self._readable:
            fields = view.get_fields_list(self._request)
            self._readable[view.resource] = {each.name: each for each in fields}
        return self._readable[view.resource]

    async def visible(self, changes: Sequence[Change]) -> list[Entry]:
        """Those that may be seen, with the fields that may be read."""
        by_resource: dict[str, list[Change]] = {}
        for each in changes:
            by_resource.setdefault(each.resource, []).append(each)
        seen = {
            resource: await self._seen(self.views[resource], several)
            for resource, several in by_resource.items()
        }
        entries = (
            Entry(each, self.views[each.resource], self._fields(each))
            for each in changes
            if each.number in seen[each.resource]
        )
        return [each for each in entries if each.fields or each.change.action != "change"]

    def _fields(self, change: Change) -> list[str]:
        """In the order of the page; what has a secret's name is told of, and has no value."""
        view = self.views[change.resource]
        secret = self.tracks[change.resource].secret - view.hidden(self._request)
        names = [*self.readable(view), *sorted(secret)]
        return [each for each in dict.fromkeys(names) if each in change.changes]

    async def _rows(self, asked: Asked, stretch: "_Stretch") -> Sequence[Change]:
        names = [each for each in self.views if asked.resource in ("", each)]
        if len(names) < 2 or asked.actor or asked.is_sifted:
            return await self._found(stretch.of(self._query(asked), select(Change)))
        # Of each page its own newest: however rare the changes of those are that may be seen,
        # none of the others is read.
        number = col(Change.number)
        parts = (
            stretch.of(self._query(replace(asked, resource=each)), select(number)).subquery()
            for each in names
        )
        newest = union_all(*(select(each.c.number) for each in parts))
        return await self._found(stretch.sorted(select(Change).where(number.in_(newest))))

    def _query(self, asked: Asked) -> list[ColumnElement[bool]]:
        names = [each for each in self.views if asked.resource in ("", each)]
        # What is hidden from somebody may stand in what a record is called.
        named = [each for each in names if not self.views[each].hidden(self._request)]
        return [col(Change.resource).in_(names), *asked.clauses(named)]

    async def _found(self, query: Any) -> Sequence[Change]:
        return list((await self._session.exec(query)).scalars())

    async def _seen(self, view: RecordView, changes: Sequence[Change]) -> set[int | None]:
        """The numbers of those that policies let them see: by the record that has the key now, or
        as the one was that had it then."""
        if not view.has_policy(self._request, "view"):
            return {each.number for each in changes}
        ends = await self._ends(view, changes)
        keys = {each.record_key for each in changes if ends[each.number] is None}
        found = {view.keys.of(each) for each in await view.find_by_pks(self._request, list(keys))}
        gone = await self._seen_of_gone(view, [each for each in ends.values() if each is not None])
        return {
            each.number
            for each in changes
            if (
                each.record_key in found
                if (end := ends[each.number]) is None
                else end.number in gone
            )
        }

    async def _ends(
        self, view: RecordView, changes: Sequence[Change]
    ) -> dict[int | None, Change | None]:
        """Number to the deletion that came to the record after it; None where none has lasted."""
        deleted = select(Change).where(
            col(Change.resource) == view.resource,
            col(Change.record_key).in_({each.record_key for each in changes}),
            col(Change.action) == "delete",
        )
        found = await self._found(deleted.order_by(col(Change.number)))
        back = await self.undone([each.number or 0 for each in found])
        return {
            each.number: next((end for end in found if _is_end(end, each, back)), None)
            for each in changes
        }

    async def _seen_of_gone(self, view: RecordView, ends: Sequence[Change]) -> set[int | None]:
        """Those deletions, by number, whose records they may see, as they were."""
        track, visit = self.tracks[view.resource], visit_of(self._request)
        several = list({each.number: each for each in ends}.values())
        if not several or view._ruled(self._request) is not view.model:
            return set()
        answers = await visit.services.policies.among(
            visit.principal,
            "view",
            [last_state(track, each) for each in several],
            self._session,
        )
        return {each.number for each, answer in zip(several, answers, strict=True) if answer}


def _is_end(end: Change, change: Change, taken_back: Collection[int]) -> bool:
    """Whether the record that was changed ended by this deletion, or by an earlier one."""
    same = end.record_key == change.record_key and end.number not in taken_back
    return same and (end.number or 0) >= (change.number or 0)


def _page(entries: list[Entry], asked: Asked, edge: int | None) -> Page:
    """With the ways to the pages beside; `edge` is where the one further on begins, if any does."""
    if asked.before is not None:
        newest_first = entries[::-1]
        older = newest_first[-1].number if entries else asked.before + 1
        return Page(newest_first, before=edge, after=older)
    newer = entries[0].number if entries else (asked.after or 1) - 1
    return Page(entries, before=newer if asked.after is not None else None, after=edge)


def last_state(track: Track, deleted: Change) -> Any:
    """The record that was deleted, as an object of no session."""
    kinds = {name: each.type for name, each in track.columns.items()}
    pairs = deleted.changes.items()
    return track.record(
        {name: restored(pair[0], kinds[name]) for name, pair in pairs if name in kinds}
    )
