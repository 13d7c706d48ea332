"""Failures: which ends of a request count where a limit is for failures only."""

import asyncio
from typing import Any, cast

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException, WebSocketException
from starlette.requests import HTTPConnection
from starlette.responses import Response

#: Close codes by which a websocket is refused: policy violation, unauthorized, forbidden.
REFUSING = frozenset({1008, 3000, 3003})
#: Of an app's own close codes.
OWN = range(4000, 5000)


def is_failure(status: int) -> bool:
    """Whether an answer of this status is one: 4xx, but for 429."""
    return 400 <= status < 500 and status != 429


def is_refusing(code: int) -> bool:
    """Whether a websocket that is closed with this code is one."""
    return code in REFUSING or code in OWN


def has_failed(connection: HTTPConnection, error: BaseException | None, watched: "Watched") -> bool:
    """Whether a route has failed, as far as a dependency sees it.

    What it cannot see counts as a failure: a route must not become unlimited by the way in which
    it answers.
    """
    if error is not None:
        return _is_failure(connection, error)
    if connection.scope["type"] == "websocket":
        return False
    if not watched.merged:
        return True
    status = watched.status_code or getattr(connection.scope.get("route"), "status_code", None)
    return is_failure(status or 200)


class Watched(Response):
    """FastAPI's own response for a route, which notes whether the route's answer is made of it.

    It is, unless the route returned a Response of its own. Nothing else tells a dependency so.
    """

    merged = False

    @property
    def status_code(self) -> Any:
        """What the route set, or None; FastAPI reads it when it makes the answer."""
        self.merged = True
        return self.__dict__["status_code"]

    @status_code.setter
    def status_code(self, status: Any) -> None:
        self.__dict__["status_code"] = status


def watch(response: Response) -> Watched:
    """The same object, which notes it."""
    response.__class__ = Watched
    return cast(Watched, response)


def _is_failure(connection: HTTPConnection, error: BaseException) -> bool:
    if isinstance(error, HTTPException):
        return is_failure(error.status_code)
    if isinstance(error, WebSocketException):
        return is_refusing(error.code)
    if isinstance(error, RequestValidationError):
        return True
    # Whoever leaves before the answer must not have guessed for nothing.
    return isinstance(error, asyncio.CancelledError) or _is_handled(connection, error)


def _is_handled(connection: HTTPConnection, error: BaseException) -> bool:
    """Whether the app answers it by a handler of its own, with whatever status."""
    handlers: dict[Any, Any] = getattr(connection.scope.get("app"), "exception_handlers", {})
    return any(kind in handlers for kind in type(error).__mro__ if kind is not Exception)
