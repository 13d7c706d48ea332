"""Pages and cards of the app's own: small functions, each behind a permission."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.datastructures import FormData, QueryParams
from starlette.requests import Request
from starlette.responses import Response

from backoffice.admin.visits import sent_form, visit_of
from backoffice.auth import Principal
from backoffice.auth.permissions import parsed
from backoffice.core import InvalidInput, SetupError

_NAME = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True)
class PageContext:
    """What a page or a card of the app's own is made from."""

    request: Request

    @property
    def principal(self) -> Principal:
        """Who is at the browser."""
        return visit_of(self.request).principal

    @property
    def session(self) -> AsyncSession:
        """The session of this request's transaction: kept where the answer is no error and the
        request was a POST."""
        session: AsyncSession = self.request.state.session
        return session

    @property
    def query(self) -> QueryParams:
        """What the address asks for."""
        return self.request.query_params

    def may(self, resource: str, verb: str) -> bool:
        """Whether they have this permission."""
        return visit_of(self.request).may(resource, verb)

    async def form(self) -> FormData:
        """What was sent."""
        return await sent_form(self.request)


@dataclass(frozen=True)
class Table:
    """What a page may give: rows below heads, each cell a text, a number, or Markup."""

    head: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Card:
    """What a card may give beside a plain value."""

    value: Any
    #: A sentence below the value.
    note: str = ""
    #: Where it leads: a path of the app, or one below the admin, such as `orders?q=new`.
    url: str = ""


PageFunction = Callable[
    [PageContext], Awaitable[Mapping[str, Any] | Table | str | Markup | Response]
]
CardFunction = Callable[[PageContext], Awaitable[Any]]


@dataclass(frozen=True)
class OwnPage:
    """A page of the app's own, in the menu of those who may see it."""

    function: PageFunction
    name: str
    label: str
    permission: str
    template: str
    icon: str
    takes_forms: bool
    dangerous: bool


@dataclass(frozen=True)
class OwnCard:
    """A card on the first page, for those who may see it."""

    function: CardFunction
    label: str
    permission: str
    icon: str


def checked_name(name: str) -> str:
    """The name of a page in its address; SetupError."""
    if not _NAME.fullmatch(name):
        raise SetupError(
            f"@admin.page: {name!r} cannot be the name of a page; take letters, digits and hyphens "
            "in lower case"
        )
    return name


def checked_permission(permission: str, what: str) -> str:
    """The permission that something of the app's own asks for; SetupError."""
    if "*" in permission:
        raise SetupError(f"{what}: {permission!r} is a pattern; name one permission")
    try:
        return parsed(permission)
    except InvalidInput as error:
        raise SetupError(f"{what}: {error.message}") from None
