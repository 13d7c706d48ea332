"""What the packages' own routes have in common."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from backoffice.core.validation import invalid_input


class BackofficeRoute(APIRoute):
    """A route that answers a body it cannot use in the form of the ladder.

    FastAPI's own answer repeats the input: a password comes back, and what JSON cannot say
    (`NaN`, half a surrogate pair) turns the 422 into a 500. An app's own routes take it by
    `APIRouter(route_class=BackofficeRoute)`.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, with its validation errors told as InvalidInput."""
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                raise invalid_input(error) from None

        return handler
