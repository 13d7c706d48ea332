"""A visit: who is looking at the admin in this request, and what they may do."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from http import HTTPStatus
from typing import Any, TypeVar, cast
from uuid import UUID

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request

from backoffice.admin.settings import AdminSettings
from backoffice.auth import Principal, Services, refusals
from backoffice.auth.credentials import derived_key
from backoffice.auth.csrf import FIELD
from backoffice.auth.origin import same_origin
from backoffice.auth.sessions import Client
from backoffice.auth.tokens import SKEW
from backoffice.core import Forbidden, Unauthenticated

#: Needed to enter the admin at all.
ENTER = "admin:enter"
_STATE = "backoffice_visit"
#: Where a request keeps whether its page takes a file.
TAKES_FILE = "backoffice_takes_file"

T = TypeVar("T")


class NotFresh(Forbidden):
    """Who they are was proved too long ago for what they are about to do."""

    code = "not_fresh"


@dataclass(frozen=True)
class Acting:
    """Who looks at the admin as somebody else, and until when at the latest."""

    who: Principal
    until: datetime


@dataclass(frozen=True)
class Visit:
    """One request: of somebody who is signed in by a browser session, or of a stranger."""

    services: Services
    settings: AdminSettings
    client: Client
    secret: bytes = field(repr=False)
    known: Principal | None = None
    #: Set where somebody looks as the one whom `known` is; None otherwise.
    acting: Acting | None = None
    _found: dict[object, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def principal(self) -> Principal:
        """Who it is; Unauthenticated for a stranger."""
        if self.known is None:
            raise Unauthenticated("Sign in first.", headers=self.services.resolver.challenge())
        return self.known

    @property
    def may_enter(self) -> bool:
        """Whether this person may use the admin."""
        return self.known is not None and self.known.can(ENTER)

    def may(self, resource: str, verb: str) -> bool:
        """Whether this person may `view`, `add`, `change`, `delete` or `export` the resource."""
        return self.known is not None and self.known.can(f"{resource}:{verb}")

    def once(self, key: object, find: Callable[[], T]) -> T:
        """What `find` gives, which is asked for it once: a page asks hundreds of times."""
        if key not in self._found:
            self._found[key] = find()
        found: T = self._found[key]
        return found

    @property
    def is_fresh(self) -> bool:
        """Whether this person proved lately who they are, by signing in or by their password."""
        age = self.services.clock.now() - self.principal.auth_time
        return -SKEW <= age <= self.settings.confirm_after

    def check_fresh(self) -> None:
        """Refuse what is dangerous to whoever did not; the page asks for the password then."""
        if not self.is_fresh:
            seconds = int(self.settings.confirm_after.total_seconds())
            raise NotFresh("Confirm your password first.", max_age=seconds)

    @cached_property
    def token(self) -> str:
        """What each form of this session carries: no other site, nor another session, knows it."""
        return self.services.csrf.token(self._session)

    @cached_property
    def session_key(self) -> bytes:
        """A key that is of this session alone."""
        key = derived_key(self.secret, "admin session")
        return hmac.digest(key, str(self._session).encode(), hashlib.sha256)

    @property
    def _session(self) -> UUID:
        # The guard lets nobody in but by a session cookie.
        return cast(UUID, self.principal.session_id)

    def check(self, request: HTTPConnection, form: FormData) -> None:
        """Refuse a form that does not carry the token of this session."""
        try:
            self.services.csrf.check(self._session, form.get(FIELD))
        except Forbidden as refusal:
            refusals.note(request, refusal, self.known)
            raise


def begin(request: HTTPConnection, visit: Visit) -> None:
    """Keep the visit on its request."""
    setattr(request.state, _STATE, visit)


def known_visit(request: HTTPConnection) -> Visit | None:
    """The visit of this request; None for one of a static file."""
    # Not by `request.state`, which takes ten times as long.
    visit: Visit | None = request.scope.get("state", {}).get(_STATE)
    return visit


def visit_of(request: HTTPConnection) -> Visit:
    """The visit of this request."""
    visit = known_visit(request)
    if visit is None:
        raise Forbidden("This request has not passed the guard.")
    return visit


async def sent_form(request: Request) -> FormData:
    """What was sent; 400 for a file where no field takes one, and for what is not text.

    A form may name a charset of its own, by which its bytes become half a character.
    """
    form = await request.form(max_files=int(getattr(request.state, TAKES_FILE, False)))
    try:
        for name, value in form.multi_items():
            f"{name}{value}".encode()
    except UnicodeEncodeError:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "The form is not text.") from None
    return form


def check_origin(request: HTTPConnection) -> None:
    """Refuse a form of no session that another site has sent."""
    if not same_origin(request):
        refusal = Forbidden("This was not sent by a page of this site.", code="csrf_failed")
        refusals.note(request, refusal, None)
        raise refusal


def root(request: HTTPConnection) -> str:
    """The path under which the admin is mounted, as the browser sees it, without a slash."""
    path: str = request.scope.get("root_path", "")
    return path.rstrip("/")


def inner_path(request: Request) -> str:
    """The path below `root`."""
    path: str = request.scope["path"]
    return path.removeprefix(root(request)) or "/"
