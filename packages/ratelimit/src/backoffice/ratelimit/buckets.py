"""What a limit counts for: a route by its template, so that no path parameter makes a new one."""

from collections.abc import Mapping
from typing import Any

#: Where an app has no route that could name the bucket, such as static files.
NO_ROUTE = "*"


def route_name(scope: Mapping[str, Any]) -> str:
    """Methods and template of the matched route, such as `GET /books/{id}`.

    It holds nothing that the client wrote. Routes of a mounted app are told apart by their
    endpoint instead of the mount's path, which may have parameters of its own.
    """
    route = scope.get("route")
    if route is None:
        return NO_ROUTE
    methods = getattr(route, "methods", None)
    name = f"{','.join(sorted(methods)) if methods else 'WS'} {_template(scope, route)}"
    if not is_mounted(scope):
        return name
    endpoint = scope.get("endpoint")
    module, qualified = (getattr(endpoint, each, "") for each in ("__module__", "__qualname__"))
    return f"{name} {module}.{qualified}"


def is_mounted(scope: Mapping[str, Any]) -> bool:
    """Whether the matched route is one of an app within another."""
    return "app_root_path" in scope


def included(scope: Mapping[str, Any]) -> Any:
    """What FastAPI keeps of a route of an included router, such as its whole path; else None.

    Any: FastAPI has no public type for it. It leaves that of an outer app in place when a mounted
    one answers.
    """
    context = scope.get("fastapi", {}).get("effective_route_context")
    return context if context is not None and context.original_route is scope["route"] else None


def _template(scope: Mapping[str, Any], route: Any) -> str:
    # The route of an included router knows its own prefix only.
    context = included(scope)
    if context is not None:
        return str(context.path_format)
    return str(getattr(route, "path_format", NO_ROUTE))
