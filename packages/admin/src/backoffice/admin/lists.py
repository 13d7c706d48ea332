"""A page of a list: its records, what lies beyond them, and how many there are."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.sql import Select
from starlette.requests import Request
from starlette_admin.types import ListParams

from backoffice.admin.counts import Count, counted
from backoffice.admin.paging import Order, Page, Place
from backoffice.admin.reading import ReadableView
from backoffice.admin.visits import visit_of

#: What `before` says in the address of the last page.
LAST = "last"


async def page_of(view: ReadableView, request: Request, asked: ListParams) -> Page:
    """The page that the address asks for by `after` or `before`, the first one by default.

    What was there may be gone meanwhile: a page that would be empty is the last one, and one that
    would have too few records before it is the first.
    """
    query = await view.matching(request, asked.q, asked.filters)
    listed = _List(view, request, query, view.order(request, asked.sorts), asked.page_size)
    after, before = request.query_params.get("after"), request.query_params.get("before")
    if before == LAST:
        return await listed.end()
    if before and (place := listed.order.place(before)):
        return await listed.preceding(place)
    if after and (place := listed.order.place(after)):
        return await listed.following(place)
    return await listed.start()


async def size_of(
    view: ReadableView, request: Request, asked: ListParams | None = None, page: Page | None = None
) -> Count:
    """How many records match; `page` spares the question where it holds all of them."""
    if page is not None and page.before is None and page.after is None:
        return Count(len(page.records))
    asked = asked or ListParams()
    query = await view.matching(request, asked.q, asked.filters)
    limit = visit_of(request).settings.count_limit
    return await counted(view.session(request), query, limit)


class _List:
    """The records that match, in their order, in pages of `size`."""

    def __init__(
        self, view: ReadableView, request: Request, query: Select[Any], order: Order, size: int
    ) -> None:
        self.order = order
        self._view, self._request = view, request
        self._query = query.add_columns(*order.values())
        self._size = size

    async def start(self) -> Page:
        """The first page."""
        rows = await self._rows(None, backwards=False)
        return self._page(rows[: self._size], False, len(rows) > self._size, 0)

    async def end(self) -> Page:
        """The last page."""
        rows = await self._rows(None, backwards=True)
        more = len(rows) > self._size
        return self._page(rows[: self._size][::-1], more, False, None if more else 0)

    async def following(self, place: Place) -> Page:
        """What comes after the place."""
        rows = await self._rows(place, backwards=False)
        if not rows:
            return await self.end()
        position = place.position
        return self._page(rows[: self._size], True, len(rows) > self._size, position)

    async def preceding(self, place: Place) -> Page:
        """What comes before the place."""
        rows = await self._rows(place, backwards=True)
        if len(rows) <= self._size:
            return await self.start()
        position = None if place.position is None else max(place.position - self._size, 1)
        return self._page(rows[: self._size][::-1], True, True, position)

    async def _rows(self, place: Place | None, backwards: bool) -> list[Any]:
        """One more than the page holds, which tells whether there is one."""
        wanted = self._size + 1
        query = self._query.order_by(*self.order.clauses(backwards))
        found: list[Any] = []
        for each in [None] if place is None else self.order.ranges(place, backwards):
            part = query if each is None else query.where(each)
            rows = await self._view.executed(self._request, part.limit(wanted - len(found)))
            found += rows.all()
            if len(found) == wanted:
                break
        return found

    def _page(self, rows: Sequence[Any], before: bool, after: bool, position: int | None) -> Page:
        ends = None if position is None else position + len(rows)
        return Page(
            [row[0] for row in rows],
            self.order.token(rows[0][1:], position) if before else None,
            self.order.token(rows[-1][1:], ends) if after else None,
            position,
        )
