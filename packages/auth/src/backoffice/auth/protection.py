"""`auth.protect(app)`: no route is open by oversight.

At the start every entrance of the app is looked at, and the app does not start while one of them
neither asks for anybody nor is marked public. What is added later is looked at before the next
request is routed: it answers 503 until somebody has decided about it, and the log names it.
"""

import logging
import re
import time
from collections.abc import AsyncGenerator, Callable, Container, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from difflib import get_close_matches
from itertools import chain
from operator import is_not
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from backoffice.auth.entrances import MOUNT, WEBSOCKET, Entrance, entrances, route_holders
from backoffice.core import SetupError, Unavailable
from backoffice.ratelimit.answers import answer_refusal

log: logging.Logger = logging.getLogger(__name__)

#: Seconds.
CLOSELY = 1.0
_PARAMETER = re.compile(r"\\\{.*?\\\}")
_HOST = re.compile("//[^/]*")
#: Starlette's own kinds of parameters; one of the app's may hold a slash.
_WITHIN_A_SEGMENT = {"", "str", "int", "float", "uuid"}


class _Kept:
    """What was in each list of routes of an app.

    Lists of the same objects are equal without a look into them: 0.02 microseconds for each route,
    where to ask of each whether it is the same takes three times that. Two routes are equal as well
    that differ in nothing but dependencies, so that is asked besides, each CLOSELY seconds.
    """

    def __init__(self, app: Starlette) -> None:
        self._holders = list(route_holders(app))
        self._lists = [list(each.routes) for each in self._holders]
        self._looked = time.monotonic()

    def same(self) -> bool:
        """Whether nothing was added, taken out or replaced since."""
        lists = [each.routes for each in self._holders]
        if lists != self._lists:
            return False
        if time.monotonic() - self._looked < CLOSELY:
            return True
        self._looked = time.monotonic()
        return not any(map(is_not, chain.from_iterable(lists), chain.from_iterable(self._lists)))


class Protection:
    """What `auth.protect` knows of one app; it holds nothing of a run."""

    def __init__(self, app: FastAPI, public: Sequence[str] = ()) -> None:
        self._app = app
        self._public = _paths(public)
        self._kept: _Kept | None = None
        self._open: list[Callable[[Scope], bool]] = []

    def install(self) -> None:
        """Look at the routes when the app starts, and whenever they change."""
        if protection_of(self._app) is not None:
            raise SetupError("auth.protect(app) was called before; name all of public= in one call")
        try:
            self._app.add_middleware(Watch, protection=self)
        except RuntimeError:
            raise SetupError("call auth.protect(app) before the app starts") from None
        self._app.include_router(APIRouter(lifespan=self._lifespan))

    def entrances(self) -> list[Entrance]:
        """Those of the app, with what is named as public."""
        found = list(entrances(self._app))
        # A name means the route where a route and a mount have it, as the home page and all of a
        # site below it.
        routes = {each.path for each in found if not each.is_mount}
        return [self._judged(each, routes) for each in found]

    def check(self) -> None:
        """SetupError that names each entrance nobody has decided about."""
        found = self.entrances()
        self._check_names(found)
        if undecided := [each for each in found if not each.decided]:
            raise SetupError(_told(undecided))

    def refuses(self, scope: Scope) -> bool:
        """Whether the request may reach what was added, and nobody has decided about."""
        if self._kept is None or not self._kept.same():
            self._look_again()
        return bool(self._open) and any(matches(scope) for matches in self._open)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncGenerator[None, None]:
        kept = _Kept(self._app)
        self.check()
        self._kept, self._open = kept, []
        yield

    def _judged(self, entrance: Entrance, routes: Container[str]) -> Entrance:
        mounts = {each for each in entrance.mounts if each not in routes}
        own = set() if entrance.is_mount else {entrance.path}
        named = not (own | mounts).isdisjoint(self._public)
        if not named and entrance.path == self._app.swagger_ui_oauth2_redirect_url:
            named = self._app.docs_url in self._public  # a page of the docs
        return replace(entrance, within_public=True) if named else entrance

    def _check_names(self, found: Sequence[Entrance]) -> None:
        paths = {path for each in found for path in (each.path, *each.mounts)}
        for name in self._public:
            if name not in paths:
                near = get_close_matches(name, paths, n=1, cutoff=0.5)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise SetupError(f"auth.protect(public=[{name!r}]) names no route or mount{hint}")

    def _look_again(self) -> None:
        # Before they are looked at: one that is added meanwhile is seen next.
        kept = _Kept(self._app)
        undecided = [each for each in self.entrances() if not each.decided]
        self._open = [_matcher(each) for each in undecided]
        self._kept = kept
        if undecided:
            log.error("not open: %s", _told(undecided))


class Watch:
    """The layer that keeps requests from what was added after the start and is not decided."""

    def __init__(self, app: ASGIApp, protection: Protection) -> None:
        self._app = app
        self.protection = protection

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "lifespan" or not self.protection.refuses(scope):
            await self._app(scope, receive, send)
        else:
            await answer_refusal(scope, receive, send, _refusal())


def protection_of(app: Starlette) -> Protection | None:
    """What protects the app, if anything does."""
    for each in app.user_middleware:
        # mypy knows a layer by its signature alone.
        kind: Any = each.cls
        if kind is Watch:
            found: Any = each.kwargs["protection"]
            return found if isinstance(found, Protection) else None
    return None


def entrances_of(app: Starlette) -> list[Entrance]:
    """Every entrance of an app, judged as its protection does where it has one."""
    protection = protection_of(app)
    return list(entrances(app)) if protection is None else protection.entrances()


def advice(entrance: Entrance) -> str:
    """What to do about an entrance that nobody has decided about."""
    named = f"public=[{entrance.path!r}] in auth.protect"
    if entrance.name.startswith("fastapi.applications.FastAPI.setup."):
        return f"{named}, or no such page: FastAPI(docs_url=None, redoc_url=None, openapi_url=None)"
    if entrance.methods == (MOUNT,):
        return f"public(...) around what is mounted, or {named}; no dependency runs there"
    if entrance.dependant is None:
        return (
            f"@public, or {named}; Starlette's routes have no dependencies: to guard it, add it by "
            "app.add_api_route or app.add_api_websocket_route"
        )
    if entrance.path.endswith(":path}"):
        return f"serve it from an APIRouter(dependencies=[auth.require(...)]), or {named}"
    judged = "".join(f" ({each.scheme_name} says not whom it lets in)" for each in entrance.others)
    return f"auth.require(...), auth.optional() or @public{judged}"


def _told(undecided: Sequence[Entrance]) -> str:
    count = len(undecided)
    first = "1 route says" if count == 1 else f"{count} routes say"
    lines = [f"  {each.shown} ({each.name}): {advice(each)}" for each in undecided]
    return "\n".join([f"{first} not who may call, and auth.protect(app) asks for that:", *lines])


def _refusal() -> Unavailable:
    return Unavailable(
        "This was added while the app ran, and nothing says who may call it.",
        code="route_unprotected",
    )


def _matcher(entrance: Entrance) -> Callable[[Scope], bool]:
    """Whether a request may be for that entrance; rather too often than too seldom."""
    path = _HOST.sub("(?:\\g<0>)?", re.escape(entrance.path))  # whatever the host
    if entrance.methods == (MOUNT,):  # or one path of an endpoint that takes every method
        path = f"{path.rstrip('/')}(?:/.*)?"
    pattern = re.compile(_PARAMETER.sub(_any_value, path), re.DOTALL)

    def matches(scope: Scope) -> bool:
        kind = WEBSOCKET if scope["type"] == "websocket" else scope["method"]
        if {kind, MOUNT}.isdisjoint(entrance.methods):
            return False
        # The end of a pattern of Starlette's is before a last line break as well.
        whole = scope["path"].removesuffix("\n")
        inner = whole.removeprefix(scope.get("root_path", ""))
        return any(pattern.fullmatch(each) is not None for each in (whole, inner))

    return matches


def _any_value(parameter: re.Match[str]) -> str:
    kind = parameter[0].removesuffix(r"\}").partition(":")[2]
    return "[^/]+" if kind in _WITHIN_A_SEGMENT else ".*"


def _paths(public: Sequence[str]) -> tuple[str, ...]:
    if isinstance(public, str) or not all(isinstance(each, str) for each in public):
        raise SetupError(f'public is a list of paths, as ["/docs", "/static"]; got {public!r}')
    return tuple(public)
