"""Answers that are for the caller alone, and for no cache."""

from collections.abc import Callable, Coroutine
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from backoffice.core import BackofficeRoute

#: What an answer may depend on besides the address.
CREDENTIALS = "Authorization, Cookie, X-API-Key"


class PrivateRoute(BackofficeRoute):
    """A route whose answers, refusals too, are `no-store` and vary by who asks (ASVS 14.3.2).

    An answer that says itself how to be cached keeps that; a `public` one is left as it is. For an
    app's own routes: `APIRouter(route_class=PrivateRoute)`.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with the headers of what it answers or raises."""
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                response = await handle(request)
            except HTTPException as error:
                headers = MutableHeaders(error.headers)
                _keep_private(headers)
                error.headers = dict(headers)
                raise
            _keep_private(response.headers)
            return response

        return handler


def _keep_private(headers: MutableHeaders) -> None:
    if "public" in headers.setdefault("Cache-Control", "no-store"):
        return
    named = {each.strip().lower() for each in headers.get("Vary", "").split(",")}
    for name in CREDENTIALS.split(", "):
        if not {name.lower(), "*"} & named:
            headers.add_vary_header(name)
