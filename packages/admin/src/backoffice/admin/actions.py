"""Actions: what an app lets people do to records, as small functions of its own."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import inspect as inspected
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette_admin.actions import ActionSelection

from backoffice.admin.events import RecordChanged, RecordDeleted
from backoffice.admin.labels import column_label
from backoffice.admin.visits import visit_of
from backoffice.auth import Principal
from backoffice.auth.permissions import parsed
from backoffice.core import InvalidInput, SetupError

if TYPE_CHECKING:
    from backoffice.admin.records import RecordView

T = TypeVar("T")

#: What the admin does already, by names of its own.
TAKEN = frozenset(
    {
        "view",
        "add",
        "edit",
        "delete",
        "export",
        "history",
        "undo",
        "restore",
        "purge",
        "import",
        "import-check",
    }
)


@dataclass(frozen=True)
class ActionContext:
    """In whose name an action is done, and in which transaction."""

    session: AsyncSession
    principal: Principal


ActionFunction = Callable[[Sequence[T], ActionContext], Awaitable[None]]


@dataclass(frozen=True)
class Action(Generic[T]):
    """Something to do to records of a page; made by `@action(...)`, for `ModelAdmin.actions`."""

    run: ActionFunction[T]
    #: What the button says.
    label: str
    #: The name in addresses.
    name: str
    #: `{resource}:{verb}` is the permission that it needs, for each of the records.
    verb: str = "change"
    #: What is said before it is done.
    confirmation: str = ""
    #: Whether the password is asked for again, if it was given a while ago.
    dangerous: bool = False


def action(
    label: str = "",
    *,
    name: str = "",
    verb: str = "change",
    confirmation: str = "",
    dangerous: bool = False,
) -> Callable[[ActionFunction[T]], Action[T]]:
    """Make an action of `async def publish(books: Sequence[Book], context: ActionContext)`.

    It is called with some of the chosen records at a time, each of them once, and only with those
    that the person may do this to. What it sets on them is kept when it returns; a Refusal that
    it raises is told in its words, and nothing of that call is kept.

    >>> @action("Take out of print", verb="retire")
    ... async def retire(books: Sequence[Book], context: ActionContext) -> None:
    ...     for book in books:
    ...         book.in_print = False
    """

    def made(run: ActionFunction[T]) -> Action[T]:
        called = getattr(run, "__name__", "action")
        found = Action(
            run=run,
            label=label or column_label(called),
            name=name or called.strip("_").replace("_", "-").lower(),
            verb=verb,
            confirmation=confirmation,
            dangerous=dangerous,
        )
        _check(found)
        return found

    return made


def _check(made: Action[T]) -> None:
    if made.name in TAKEN:
        raise SetupError(f"@action: the admin has {made.name!r} already; give another name='...'")
    for each in (made.name, made.verb):
        try:
            parsed(f"records:{each}")
        except InvalidInput:
            raise SetupError(
                f"@action: {each!r} cannot be a name or a verb; take letters, digits and hyphens "
                "in lower case"
            ) from None


async def perform(
    view: "RecordView", action: Action[Any], request: Request, selection: ActionSelection
) -> None:
    """Do it to records that were chosen and judged; what it has changed of them is told."""
    records = await selection.rows()
    session, before = view.session(request), [_held(each) for each in records]
    async with session.begin_nested():
        await action.run(records, ActionContext(session, visit_of(request).principal))
        gone = {id(each) for each in records if each in session.deleted}
        await session.flush()
        held = [_held(each) for each in records]
    for record, old, new in zip(records, before, held, strict=True):
        state = inspected(record)
        if id(record) in gone or state.was_deleted:
            await view._tell(request, RecordDeleted, record, {})
        elif changed := {name: new[name] for name in old if name in new and old[name] != new[name]}:
            await view._tell(request, RecordChanged, record, changed)


def _held(record: Any) -> dict[str, Any]:
    """What is loaded of a record's columns."""
    names = inspected(type(record)).column_attrs.keys()
    return {each: record.__dict__[each] for each in names if each in record.__dict__}
