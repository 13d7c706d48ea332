"""What a limit counts for: a route by its template, so that no path parameter makes a new one."""

from typing import Any

from starlette.requests import HTTPConnection

#: Where an app has no route that could name the bucket, such as static files.
NO_ROUTE = "*"


def route_name(connection: HTTPConnection) -> str:
    """Methods and template of the matched route, such as `GET /books/{id}`.

    It holds nothing that the client wrote. Routes of a mounted app are told apart by their
    endpoint instead of the mount's path, which may have parameters of its own.
    """
    scope = connection.scope
    route = scope.get("route")
    if route is None:
        return NO_ROUTE
    methods = getattr(route, "methods", None)
    name = f"{','.join(sorted(methods)) if methods else 'WS'} {_template(scope, route)}"
    if "app_root_path" not in scope:
        return name
    endpoint = scope.get("endpoint")
    module, qualified = (getattr(endpoint, each, "") for each in ("__module__", "__qualname__"))
    return f"{name} {module}.{qualified}"


def _template(scope: Any, route: Any) -> str:
    # The route of an included router knows its own prefix only. FastAPI keeps the whole path
    # beside it, and leaves that of an outer app in place when a mounted one answers.
    included = scope.get("fastapi", {}).get("effective_route_context")
    if included is not None and included.original_route is route:
        return str(included.path_format)
    return str(getattr(route, "path_format", NO_ROUTE))
