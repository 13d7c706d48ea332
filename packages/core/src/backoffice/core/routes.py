"""What the packages' own routes have in common."""

import re
from collections.abc import Callable, Coroutine
from functools import cached_property
from typing import Any

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

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


class SelectiveRouter(APIRouter):
    """A router that says no at once to a path that none of its routes can be.

    FastAPI tries every route of an included router, 1.4 microseconds each, for every request to a
    route that stands after it. A path without any of their first words matches none of them.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """FastAPI's answer, for a path that can be ours."""
        number, ours = self._words
        if number != len(self.routes):  # some were added since
            del self._words
            number, ours = self._words
        if ours.search(scope.get("path", "/")) is None:
            return Match.NONE, {}
        return super().matches(scope)

    @cached_property
    def _words(self) -> tuple[int, re.Pattern[str]]:
        paths = [each.path or "/" for each in iter_route_contexts(self.routes)]
        words = {path.split("/")[1] for path in paths}
        if any(not word or "{" in word for word in words):
            return len(self.routes), re.compile("")
        either = "|".join(map(re.escape, sorted(words)))
        return len(self.routes), re.compile(f"/(?:{either})(?:/|$)")
