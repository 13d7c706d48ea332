"""Keeping views: saving, renaming, replacing and removing them, and how a list opens."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette_admin.filters import FilterGroup

from backoffice.admin.records import RecordView
from backoffice.admin.saved.models import LONGEST_NAME, SavedView
from backoffice.admin.saved.views import kept, kept_query, may_share
from backoffice.admin.soft_deletion import DELETED
from backoffice.admin.visits import visit_of
from backoffice.auth import Services, UserDeleted
from backoffice.core import Conflict, InvalidInput

#: Views that one person may have of one list.
MOST = 50
_LONGEST_QUERY = 4_000


async def save(view: RecordView, request: Request, name: str, query: str, shared: bool) -> int:
    """The number of a new view of somebody's own; InvalidInput, Conflict."""
    if shared and not may_share(request):
        raise HTTPException(403, "You may not share views.")
    found = await kept(view, request)
    if sum(each.is_own for each in found.views) >= MOST:
        raise Conflict(f"You have {MOST} views of this list; delete one of them first.")
    text, about = understood(view, request, query)
    row = SavedView(
        resource=view.resource, owner=visit_of(request).principal.name, changed_at=_now(request)
    )
    named = {"name": checked(name), "query": text, "about": about, "shared": shared}
    await _write(view, request, row, **named)
    assert row.number is not None  # noqa: S101 - the database has given it one
    return row.number


async def rename(
    view: RecordView, request: Request, number: str, name: str, shared: bool
) -> SavedView:
    """A view under another name, shared or not; InvalidInput, Conflict, 403, 404."""
    row = await changeable(view, request, number)
    if shared and not row.shared and not may_share(request):
        raise HTTPException(403, "You may not share views.")
    await _write(view, request, row, name=checked(name), shared=shared)
    return row


async def replace(view: RecordView, request: Request, number: str, query: str) -> SavedView:
    """A view that keeps another list from now on; InvalidInput, 403, 404."""
    row = await changeable(view, request, number)
    text, about = understood(view, request, query)
    await _write(view, request, row, query=text, about=about)
    return row


async def remove(view: RecordView, request: Request, number: str) -> str:
    """The name of a view that is no more; 403, 404."""
    row = await changeable(view, request, number)
    gone = col(SavedView.opens) == row.number
    # SQLite gives the number of what is gone to what comes next.
    await view.executed(request, _quietly(update(SavedView).where(gone).values(opens=None)))
    await view.executed(
        request, _quietly(delete(SavedView).where(col(SavedView.number) == row.number))
    )
    return row.name


async def changeable(view: RecordView, request: Request, number: str) -> SavedView:
    """The view of that number; 404 if there is none for them, 403 if it is not theirs to change."""
    shown = next(
        (each for each in (await kept(view, request)).views if str(each.number) == number), None
    )
    if shown is None:
        raise HTTPException(404, "There is no such view of this list.")
    if not shown.is_own and not may_share(request):
        raise HTTPException(403, "Somebody else has shared this view; you may not change it.")
    query = select(SavedView).where(col(SavedView.number) == shown.number).with_for_update()
    row: SavedView | None = (await view.executed(request, query)).scalar_one_or_none()
    if row is None:
        raise HTTPException(404, "This view is gone.")
    return row


async def open_with(view: RecordView, request: Request, number: int | None) -> None:
    """Have the list open with a view for whoever asks; with none of them."""
    await _start(view, request, {"opens": number})


async def keep_columns(view: RecordView, request: Request, names: str) -> None:
    """Have the list open with these columns for whoever asks; with its own if they are none."""
    await _start(view, request, {"query": names})


async def _start(view: RecordView, request: Request, values: Mapping[str, Any]) -> None:
    """Write how the list opens."""
    owner = visit_of(request).principal.name
    mine = (
        col(SavedView.resource) == view.resource,
        col(SavedView.owner) == owner,
        col(SavedView.name) == "",
    )
    written = update(SavedView).where(*mine).values(**values, changed_at=_now(request))
    if (await view.executed(request, _quietly(written))).rowcount:
        return
    row = SavedView(resource=view.resource, owner=owner, changed_at=_now(request), **values)
    try:
        async with view.session(request).begin_nested():
            view.session(request).add(row)
    except IntegrityError:
        # Another tab was faster.
        await view.executed(request, _quietly(written))


async def _write(view: RecordView, request: Request, row: SavedView, **values: Any) -> None:
    session = view.session(request)
    try:
        async with session.begin_nested():
            for name, value in {**values, "changed_at": _now(request)}.items():
                setattr(row, name, value)
            session.add(row)
    except IntegrityError:
        text = f"There is a view called “{values['name']}” already; choose another name."
        raise Conflict(text) from None


def forget_with_owners(services: Services) -> None:
    """Have views that are somebody's alone go with their account; what is shared stays."""

    @services.events.within(UserDeleted)
    async def forget(gone: UserDeleted, session: AsyncSession) -> None:
        theirs = (col(SavedView.owner) == gone.subject, col(SavedView.shared).is_(False))
        asked: Any = session
        going = col(SavedView.opens).in_(select(col(SavedView.number)).where(*theirs))
        # What was shared once may open somebody else's list.
        await asked.exec(_quietly(update(SavedView).where(going).values(opens=None)))
        await asked.exec(_quietly(delete(SavedView).where(*theirs)))


def checked(name: str) -> str:
    """The name of a view as it is kept; InvalidInput."""
    text = " ".join(name.split())
    if not text or not text.isprintable():
        raise InvalidInput("Give the view a name.")
    if len(text) > LONGEST_NAME:
        raise InvalidInput(f"The name has {len(text)} characters; {LONGEST_NAME} is the most.")
    return text


def _quietly(statement: Any) -> Any:
    return statement.execution_options(synchronize_session=False)


def _now(request: Request) -> Any:
    return visit_of(request).services.clock.now()


def understood(view: RecordView, request: Request, query: str) -> tuple[str, list[str]]:
    """The query to keep, and what it filters by; 400 where it asks for what no list can show."""
    text = kept_query(view, query)
    if "%00" in text:
        raise InvalidInput("This list is asked for by a character that no address can hold.")
    if len(text) > _LONGEST_QUERY:
        raise InvalidInput("This list is asked for by more than a view can keep; filter it less.")
    params = QueryParams(text)
    listed = Request({**request.scope, "query_string": text.encode()})
    about = _fields(view.asked(listed, params).filters)
    # A facet that somebody may not use filters by nothing.
    dropped = {
        name
        for name, _ in params.multi_items()
        if "." in name and name.partition(".")[2] not in about
    }
    items = [each for each in params.multi_items() if each[0] not in dropped]
    deleted = {DELETED} if params.get(DELETED) and view.sees_deleted(request) else set()
    return urlencode(items), sorted(about | deleted)


def is_understood(view: RecordView, request: Request, query: str) -> bool:
    """Whether a list can show it still: a choice or a column may be gone since it was kept."""
    try:
        understood(view, request, query)
    except (HTTPException, InvalidInput):
        return False
    return True


def _fields(group: FilterGroup | None) -> set[str]:
    found: set[str] = set()
    for each in group.rules if group else ():
        found |= _fields(each) if isinstance(each, FilterGroup) else {each.field}
    return found
