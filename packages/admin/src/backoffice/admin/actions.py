"""Actions: what an app lets people do to records, as small functions of its own."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.admin.labels import column_label
from backoffice.auth import Principal
from backoffice.auth.permissions import parsed
from backoffice.core import InvalidInput, SetupError

T = TypeVar("T")

#: What the admin does already, by names of its own.
TAKEN = frozenset({"view", "add", "edit", "delete", "export", "history", "undo", "restore"})


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
