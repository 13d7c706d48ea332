"""The gates of a route: all its rate limits, wherever they are written, found once per run."""

from collections.abc import Container, Iterator
from typing import Any, NamedTuple

from starlette.types import Scope

from backoffice.core import singleton
from backoffice.ratelimit.buckets import included, is_mounted, route_name
from backoffice.ratelimit.gates import Gate


class Named(NamedTuple):
    """A gate of a route, and what it counts there."""

    gate: Gate
    bucket: str


class RouteGates:
    """Knows the gates of the routes of one run.

    FastAPI solves the dependencies of a route one by one; whoever comes first finds the others
    here, so that all are checked in one round trip.
    """

    def __init__(self) -> None:
        # Each dependant is kept besides: an id counts only as long as what it names.
        self._known: dict[tuple[int, bool], tuple[Any, tuple[Named, ...]]] = {}

    def of(self, scope: Scope, asking: Gate, before: int) -> tuple[Named, ...]:
        """The gates of the matched route; `asking` alone where it is not among them.

        So it is with what stands in for a dependency by `app.dependency_overrides`. `before` is how
        many checks there were.
        """
        found = self._of(scope)
        for each in found:
            if each.gate is asking:
                return found
        return (Named(asking, asking.name or _numbered(route_name(scope), before + 1)),)

    def _of(self, scope: Scope) -> tuple[Named, ...]:
        dependant = _dependant(scope)
        if dependant is None:
            return ()
        replaced = getattr(scope.get("app"), "dependency_overrides", None)
        if replaced:
            return named(scope, dependant, replaced)
        key = id(dependant), is_mounted(scope)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = dependant, named(scope, dependant)
        return known[1]


@singleton
def route_gates() -> RouteGates:
    """The gates of this run's routes."""
    return RouteGates()


def _dependant(scope: Scope) -> Any:
    """FastAPI's tree of the matched route's dependencies, those of app and routers included."""
    route = scope.get("route")
    return None if route is None else getattr(included(scope) or route, "dependant", None)


def named(scope: Scope, dependant: Any, replaced: Container[Any] = ()) -> tuple[Named, ...]:
    """The gates among these dependencies, and what each counts on the matched route."""
    route, seen = route_name(scope), dict.fromkeys(_gates(dependant, replaced))
    return tuple(
        Named(gate, gate.name or _numbered(route, number)) for number, gate in enumerate(seen, 1)
    )


def _numbered(route: str, number: int) -> str:
    return f"{route}#{number}" if number > 1 else route


def _gates(dependant: Any, replaced: Container[Any]) -> Iterator[Gate]:
    """In the order in which FastAPI calls them."""
    for each in dependant.dependencies:
        if each.call in replaced:
            continue
        yield from _gates(each, replaced)
        if isinstance(each.call, Gate):
            yield each.call
