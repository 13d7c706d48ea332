"""Which policies an app has: those of its routes, and those that its packages check by name."""

from collections.abc import Iterator
from typing import Any

from fastapi.routing import iter_route_contexts
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Host, Mount

from backoffice.core import Run
from backoffice.core.dependencies import declared
from backoffice.core.singletons import plan
from backoffice.ratelimit.gates import Gate
from backoffice.ratelimit.middleware import RateLimitMiddleware
from backoffice.ratelimit.policies import By, Policy, policies
from backoffice.ratelimit.route_gates import named


async def survey(run: Run) -> list[Policy]:
    """Every policy of the app of this run, each once."""
    if run.app is not None:
        for each in declared(run.app):
            # Only who tells policies is opened: an app's own singletons may begin to work.
            if policies in plan(each):
                await run.open(each)
    of_app = () if run.app is None else _of_app(run.app)
    registered = (await run.open(policies)).all()
    found: list[Policy] = []
    for each_policy in (*of_app, *registered):
        if each_policy not in found:
            found.append(each_policy)
    return found


def _of_app(app: Starlette) -> Iterator[Policy]:
    # Any: Starlette keeps the options for whatever class a layer is.
    layers: list[Any] = list(app.user_middleware)
    for each in layers:
        if each.cls is RateLimitMiddleware:
            for gate, name in RateLimitMiddleware(app, *each.args, **each.kwargs).gates:
                yield _policy(gate, name)
    yield from _of_routes(list(app.routes))


def _of_routes(routes: list[BaseRoute], *, mounted: bool = False) -> Iterator[Policy]:
    for context in iter_route_contexts(routes):
        if isinstance(mount := context.original_route, Mount | Host):
            yield from _of_routes(list(mount.routes), mounted=True)
        elif dependant := getattr(context, "dependant", None):
            yield from _of_route(context, dependant, mounted=mounted)


def _of_route(context: Any, dependant: Any, *, mounted: bool) -> Iterator[Policy]:
    # What a request to that route carries, so that the names are those under which it counts.
    scope = {
        "type": "http",
        "route": context.original_route,
        "endpoint": context.endpoint,
        "fastapi": {"effective_route_context": context},
        **({"app_root_path": ""} if mounted else {}),
    }
    for gate, name in named(scope, dependant):
        yield _policy(gate, name)


def _policy(gate: Gate, name: str) -> Policy:
    keys: dict[By, str] = {"user": "caller:{}", "address": "network:{}", "key": "caller:key:{}"}
    if gate.key is not None:
        keys["key"] = "key:{}"
    roles = gate.plans.by_role if gate.plans is not None else {}
    return Policy(
        name=name,
        limits=tuple(map(str, gate.limits)),
        by_role={role: tuple(map(str, each or ())) for role, each in roles.items()},
        counted="caller, else address" if gate.key is None else "key of its own",
        keys=keys,
        on=gate.on,
        on_error=gate.on_error,
        shadow=gate.shadow,
    )
