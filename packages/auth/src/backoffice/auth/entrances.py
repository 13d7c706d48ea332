"""Every way into an app, and who may take it: read from the routes that answer, never guessed.

| what | who may call it is said by |
|---|---|
| a route or websocket of FastAPI | guards among its dependencies, its routers' and its app's |
| `app.frontend(...)` | the same |
| a route of Starlette, which has no dependencies | a mark of its own |
| a mount or a host | the routes within; where it tells none, a mark of its own |
| what answers where no route does (`Router(default=...)`) | a mark of its own |

Dependencies are taken as they are written: what `app.dependency_overrides` puts in their place is
for tests.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from fastapi.routing import iter_route_contexts
from fastapi.security.base import SecurityBase
from starlette.applications import Starlette
from starlette.routing import Host, Mount, Router, WebSocketRoute

from backoffice.auth.guards import Guard
from backoffice.auth.openapi import schemes_of
from backoffice.core.access import Admits, admitted, is_public
from backoffice.ratelimit.gates import Gate

WEBSOCKET, MOUNT = "WS", "MOUNT"


@dataclass(frozen=True)
class Entrance:
    """One route, or all of a mounted app that does not tell its routes."""

    path: str
    #: Such as `GET`; `WS` of a websocket, `MOUNT` of what takes whatever comes.
    methods: tuple[str, ...]
    #: What answers, for people.
    name: str
    #: Whether it is marked public: guards let strangers through to it.
    marked: bool = False
    #: Whether what it is mounted in is marked public, which guards within do not know.
    within_public: bool = False
    #: The paths of what it is mounted in.
    mounts: tuple[str, ...] = ()
    #: What it says of itself.
    admits: Admits | None = None
    # Any: FastAPI has no public type for the tree of a route's dependencies.
    dependant: Any = None

    @cached_property
    def schemes(self) -> list[SecurityBase]:
        """The guards, and schemes of the app's own, among its dependencies."""
        return [] if self.dependant is None else list(schemes_of(self.dependant))

    @property
    def is_mount(self) -> bool:
        """Whether it stands for all of something that is mounted there."""
        return self.path in self.mounts

    @property
    def guards(self) -> list[Guard]:
        """Those of ours."""
        return [each for each in self.schemes if isinstance(each, Guard)]

    @property
    def others(self) -> list[SecurityBase]:
        """Those of the app's own: whether they refuse anybody cannot be told."""
        return [each for each in self.schemes if not isinstance(each, Guard)]

    @cached_property
    def said(self) -> list[Admits]:
        """What its dependencies and itself say of whom they let in."""
        own = [] if self.admits is None else [self.admits]
        return [*own, *(found for each in self.calls if (found := admitted(each)) is not None)]

    @property
    def gates(self) -> list[Gate]:
        """Its rate limits."""
        return [each for each in self.calls if isinstance(each, Gate)]

    @property
    def decided(self) -> bool:
        """Whether somebody has said who may call it."""
        return self.marked or self.within_public or bool(self.guards) or bool(self.said)

    @property
    def shown(self) -> str:
        """Such as `GET /books`."""
        return f"{','.join(self.methods)} {self.path}"

    @cached_property
    def calls(self) -> list[Any]:
        """Every dependency, however deep, each once."""
        seen: dict[int, Any] = {}
        pending = [] if self.dependant is None else list(self.dependant.dependencies)
        while pending:
            each = pending.pop(0)
            if id(each.call) not in seen:
                seen[id(each.call)] = each.call
                pending += each.dependencies
        return list(seen.values())


@dataclass(frozen=True)
class _Place:
    """Where an app is within the whole."""

    prefix: str = ""
    public: bool = False
    mounts: tuple[str, ...] = ()
    #: The mounted app that answers for what is below it, and how long its own prefix is.
    keeper: object = None
    start: int = 0

    def within(self, path: str, app: object) -> "_Place":
        prefix = self.prefix + path
        public, mounts = self.public or is_public(app), (*self.mounts, prefix or "/")
        if admitted(app) is not None:
            return _Place(prefix, public, mounts, app, len(prefix))
        return _Place(prefix, public, mounts, self.keeper, self.start)

    def admits(self, path: str, endpoint: object) -> Admits | None:
        return admitted(endpoint) or admitted(self.keeper, (self.prefix + path)[self.start :])


def entrances(app: Starlette) -> Iterator[Entrance]:
    """Every way into the app, those of what is mounted in it included."""
    yield from _of_app(app, _Place(public=is_public(app)))


class LowPriority(NamedTuple):
    """What FastAPI keeps beside a router's routes, and tries after them: frontends."""

    routes: list[Any]


def route_holders(app: Any) -> Iterator[Any]:
    """Whatever has a list of routes that the app looks into, as `.routes`: what is added gets
    into one of them."""
    router = getattr(app, "router", app)
    low = LowPriority(getattr(router, "_low_priority_routes", []))
    yield from (router, low)
    yield from (group for group in low.routes if isinstance(getattr(group, "routes", None), list))
    for each in router.routes:
        # FastAPI's route that stands for an included router.
        inner = getattr(each, "original_router", None)
        if isinstance(each, Mount | Host):
            inner = getattr(each, "_base_app", each.app)
        if isinstance(getattr(inner, "routes", None), list):
            yield from route_holders(inner)


def _of_app(app: Any, place: _Place) -> Iterator[Entrance]:
    for context in iter_route_contexts(list(app.routes)):
        if isinstance(context.original_route, Mount | Host):
            yield from _of_mount(context, place)
        else:
            yield _of_route(context, place)
    router = getattr(app, "router", app)
    yield from _of_frontends(router, place)
    default = getattr(router, "default", None)
    if default is not None and default != getattr(router, "not_found", None):
        yield _other("/{path:path}", (MOUNT,), default, place)


def _of_mount(context: Any, place: _Place) -> Iterator[Entrance]:
    # The route of an included router knows its whole prefix only in its context.
    if isinstance(context.original_route, Host):
        path, app = f"//{context.host}", context.app
    else:
        # Starlette keeps what was mounted beside what it has wrapped it in.
        path, app = str(context.path), getattr(context, "_base_app", context.app)
    if isinstance(app, Starlette | Router) or getattr(app, "routes", None):
        yield from _of_app(app, place.within(path, app))
    else:
        yield _other("" if place.prefix + path else "/", (MOUNT,), app, place.within(path, app))


def _of_route(context: Any, place: _Place) -> Entrance:
    endpoint = context.endpoint
    if endpoint is None:  # a kind of route that is neither FastAPI's nor Starlette's
        return _other(context.path or "/{path:path}", (MOUNT,), context.original_route, place)
    path = str(context.path)
    is_websocket = isinstance(context.original_route, WebSocketRoute)
    methods = (WEBSOCKET,) if is_websocket else tuple(sorted(context.methods or ())) or (MOUNT,)
    dependant = getattr(context, "dependant", None)
    return _other(path, methods, endpoint, place, dependant)


def _of_frontends(router: Any, place: _Place) -> Iterator[Entrance]:
    """What `app.frontend(...)` serves after all routes; FastAPI lists it nowhere else."""
    listed = getattr(router, "_iter_low_priority_routes", None)
    for group in listed() if listed is not None else ():
        prefix = getattr(group, "frontend_prefix", "")
        original = getattr(group, "original_route", group)
        for each in getattr(original, "routes", [original]):
            path = prefix + getattr(each, "path", "/").rstrip("/")
            below = place.within(path, None)
            methods = tuple(sorted(getattr(each, "methods", None) or (MOUNT,)))
            files = getattr(each, "app", each)
            yield _other("/{path:path}", methods, files, below, group.dependant)


def _other(
    path: str, methods: tuple[str, ...], answers: Any, place: _Place, dependant: Any = None
) -> Entrance:
    return Entrance(
        place.prefix + path,
        methods,
        _name(answers),
        is_public(answers),
        place.public,
        place.mounts,
        place.admits(path, answers),
        dependant,
    )


def _name(answers: Any) -> str:
    named = answers if hasattr(answers, "__qualname__") else type(answers)
    return f"{named.__module__}.{named.__qualname__}"
