"""Answers that are for the caller alone, and for no cache."""

from collections.abc import Callable, Coroutine
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from backoffice.core import BackofficeRoute

#: What an answer may depend on besides the address.
CREDENTIALS = "Authorization, Cookie, X-API-Key"


class PrivateRoute(BackofficeRoute):
    """A route whose answers, refusals too, are `no-store` and vary by who asks (ASVS 14.3.2).

    An answer that says itself how to be cached is left as it is. For an app's own routes:
    `APIRouter(route_class=PrivateRoute)`.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with the headers of what it answers or raises."""
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                response = await handle(request)
            except HTTPException as error:
                headers = {name.lower(): value for name, value in (error.headers or {}).items()}
                if "cache-control" not in headers:
                    error.headers = {**(error.headers or {}), **_PRIVATE}
                raise
            if "cache-control" not in response.headers:
                response.headers.update(_PRIVATE)
            return response

        return handler


_PRIVATE = {"Cache-Control": "no-store", "Vary": CREDENTIALS}
