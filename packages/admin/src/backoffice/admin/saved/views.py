"""Saved views as a list shows them: whose they are, who may use them, what they keep."""

from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from sqlalchemy import bindparam, or_, select
from sqlmodel import col
from starlette.datastructures import QueryParams
from starlette.requests import Request

from backoffice.admin.facets import FIND, parameters
from backoffice.admin.fields import Reference, References
from backoffice.admin.list_columns import COLUMNS, offered
from backoffice.admin.presentation import url_of
from backoffice.admin.records import RecordView
from backoffice.admin.saved.models import SavedView
from backoffice.admin.soft_deletion import DELETED
from backoffice.admin.visits import visit_of

#: The parameter of a list that says which view it began as; `all` for none of them.
VIEW, ALL = "view", "all"
#: Whoever has it shares views with all who see the list, and changes those that are shared.
RESOURCE, SHARE = "saved-views", "share"
_COLUMNS = (
    SavedView.number,
    SavedView.name,
    SavedView.query,
    SavedView.about,
    SavedView.shared,
    SavedView.owner,
    SavedView.opens,
)
# Each list asks this: it is made once.
_SEEN = (
    select(*map(col, _COLUMNS))
    .where(
        col(SavedView.resource) == bindparam("resource"),
        or_(col(SavedView.owner) == bindparam("owner"), col(SavedView.shared)),
    )
    .order_by(col(SavedView.name))
)


@dataclass(frozen=True)
class Shown:
    """A view as somebody may use it."""

    number: int
    name: str
    url: str
    #: What of it may be seen, as it stands in the address.
    query: str
    shared: bool
    is_own: bool
    #: Whether all that it filters by may be filtered by.
    is_open: bool = True


@dataclass(frozen=True)
class Kept:
    """What somebody has of one list."""

    views: list[Shown] = field(default_factory=list)
    #: The columns that they keep, as the address would name them.
    columns: str = ""
    #: The number of the view that the list opens with.
    opens: int | None = None

    @property
    def open_views(self) -> list[Shown]:
        """Those that a list offers."""
        return [each for each in self.views if each.is_open]

    def find(self, number: object) -> Shown | None:
        """The view with that number, of those that a list offers."""
        return next((each for each in self.open_views if str(each.number) == number), None)


async def kept(view: RecordView, request: Request) -> Kept:
    """All of it, by one statement."""
    me = visit_of(request).principal.name
    # Any: as in `executed`, of what SQLModel has no type of its own for.
    session: Any = view.session(request)
    rows = (await session.exec(_SEEN, params={"resource": view.resource, "owner": me})).all()
    if not rows:
        return Kept()
    start = next((each for each in rows if not each.name and each.owner == me), None)
    views = _named(view, request, [each for each in rows if each.name], me)
    return Kept(views, start.query if start else "", start.opens if start else None)


def _named(view: RecordView, request: Request, rows: Sequence[Any], me: str) -> list[Shown]:
    """Views as somebody may use them, their own first; of others those that they may open."""
    columns, filterable = offered(view, request), _filterable(view, request) if rows else set()
    found = []
    for row in rows:
        query, is_open = urlencode(_seen(row.query, columns)), filterable.issuperset(row.about)
        url = f"{url_of(request, view.resource)}?{query}{'&' * bool(query)}{VIEW}={row.number}"
        is_own = row.owner == me
        if is_own or is_open:
            found.append(Shown(row.number, row.name, url, query, row.shared, is_own, is_open))
    return sorted(found, key=lambda each: not each.is_own)


def _seen(query: str, names: Container[str]) -> list[tuple[str, str]]:
    """The parts of a query without the names of columns that may not be seen."""
    found: list[tuple[str, str]] = []
    for name, value in parse_qsl(query):
        if name == COLUMNS:
            left = ",".join(each for each in value.split(",") if each in names)
            found += [(name, left)] * bool(left)
        elif name != "sort" or value.rpartition("__")[0] in names:
            found.append((name, value))
    return found


def _filterable(view: RecordView, request: Request) -> set[str]:
    """What somebody may filter by: of a reference, what they may see the records of."""
    visit = visit_of(request)
    found = {
        each.name
        for each in view.get_fields_list(request)
        if not isinstance(each, Reference | References) or visit.may(each.resource, "view")
    }
    return found | ({DELETED} if view.sees_deleted(request) else set())


def kept_query(view: RecordView, query: str) -> str:
    """What a view keeps of a list's address, in one order."""
    names = {"q", "filter", "sort", COLUMNS, "page_size", DELETED, *parameters(view)}
    items = QueryParams(query).multi_items()
    found = [
        (name, value)
        for name, value in items
        if name in names and value and not name.startswith(FIND)
    ]
    return urlencode(sorted(found, key=lambda each: each[0]))


def same(view: RecordView, one: str, other: str) -> bool:
    """Whether two queries ask for the same list."""
    return kept_query(view, one) == kept_query(view, other)


def may_share(request: Request) -> bool:
    """Whether they may share views, and change those that others have shared."""
    return visit_of(request).may(RESOURCE, SHARE)
