"""Which singletons an app's routes read, before any request comes."""

import inspect
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi.routing import iter_route_contexts
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Host, Mount

if TYPE_CHECKING:
    from backoffice.core.singletons import Singleton

Dependency = TypeVar("Dependency", bound=Callable[..., Any])

#: Where a dependency, or a lifespan, names the singletons that it reads.
NAMED = "__backoffice_singletons__"


def reads(*singletons: "Singleton[Any]") -> Callable[[Dependency], Dependency]:
    """Mark a dependency that takes singletons by `.of(connection)`, so that they open at start.

    `.of` costs one look-up where a nested `Depends` costs a seventh of a whole request.
    """

    def mark(dependency: Dependency) -> Dependency:
        setattr(dependency, NAMED, singletons)
        return dependency

    return mark


def declared(app: Starlette) -> dict["Singleton[Any]", str]:
    """The singletons that open when the app starts, and who asks for each: a router, a route."""
    found: dict[Singleton[Any], str] = {}
    for each, asker in _declared(app.router.lifespan_context, app.routes):
        found.setdefault(each, asker)
    return found


def _declared(lifespan: Any, routes: list[BaseRoute]) -> Iterator[tuple["Singleton[Any]", str]]:
    for each in _of_lifespan(lifespan):
        yield each, f"singletons({each.name})"
    for context in iter_route_contexts(routes):
        if isinstance(mount := context.original_route, Mount | Host):
            router = getattr(mount.app, "router", None)
            yield from _declared(getattr(router, "lifespan_context", None), list(mount.routes))
        elif dependant := getattr(context, "dependant", None):
            for each in _of_dependant(dependant):
                yield each, str(getattr(context, "path", None) or context.original_route)


def _of_lifespan(lifespan: Any) -> Iterator["Singleton[Any]"]:
    """What each `singletons(...)` among the lifespans that FastAPI has merged names.

    Only their closures hold them. Were one not found here, it would still open in its turn.
    """
    yield from getattr(lifespan, NAMED, ())
    function = inspect.unwrap(lifespan) if callable(lifespan) else None
    if getattr(function, "__module__", None) == iter_route_contexts.__module__:
        for cell in getattr(function, "__closure__", None) or ():
            yield from _of_lifespan(cell.cell_contents)


def _of_dependant(dependant: Any) -> Iterator["Singleton[Any]"]:
    seen: set[Any] = set()
    pending = [dependant]
    while pending:
        each = pending.pop()
        if each.call not in seen:
            seen.add(each.call)
            yield from getattr(each.call, NAMED, ())
            pending += each.dependencies
