"""What the packages' own routes have in common."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from backoffice.core.errors import InvalidInput

MOST_FAULTS = 20


class BackofficeRoute(APIRoute):
    """A route that answers a body it cannot use in the form of the ladder.

    FastAPI's own answer repeats the input: a password comes back, and what JSON cannot say
    (`NaN`, half a surrogate pair) turns the 422 into a 500.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, with its validation errors told as InvalidInput."""
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                raise _invalid(error) from None

        return handler


def _invalid(error: RequestValidationError) -> InvalidInput:
    faults = [
        {"field": _safe(".".join(str(part) for part in fault["loc"][1:])), "message": fault["msg"]}
        for fault in list(error.errors())[:MOST_FAULTS]
    ]
    told = "; ".join(f"{fault['field'] or 'body'}: {fault['message']}" for fault in faults)
    return InvalidInput(f"The request cannot be used. {told}", errors=faults)


def _safe(text: str) -> str:
    """A field's name as sent may hold what cannot be encoded."""
    return text.encode("utf-8", "replace").decode()[:100]
