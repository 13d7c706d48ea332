"""Answers that are given outside of the app's routes, in the form that the app gives its own."""

import inspect
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from fastapi.exception_handlers import http_exception_handler
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from backoffice.core import Refusal, TooManyRequests
from backoffice.ratelimit.decisions import Decision, seconds
from backoffice.ratelimit.headers import Raw
from backoffice.ratelimit.refusals import refusal

POLICY_VIOLATION = 1008
SERVER_ERROR = 500
#: Each differs from the others in the seconds to wait, or in the limits.
MOST_KEPT = 1000


class KeptAnswers:
    """Answers to refusals which all read the same, until their Retry-After changes.

    It decides nothing, and tells no limits: who is refused was found out before, and the fields
    come on top of it.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[object, ...], tuple[Raw, bytes]] = OrderedDict()

    def of(self, scope: Scope, refused: Sequence[Decision]) -> tuple[Raw, bytes] | None:
        """What the app answers when a route raises the refusal; None where that cannot be kept."""
        like = _like(refused) if scope["type"] == "http" else None
        if like is None or _handler(scope, TooManyRequests) not in (None, http_exception_handler):
            return None
        return self._kept.get(like) or self._made(like, refusal(refused))

    def _made(self, like: tuple[object, ...], refusal: Refusal) -> tuple[Raw, bytes]:
        response = _default(refusal)
        made = self._kept[like] = response.raw_headers, bytes(response.body)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return made


def _like(refused: Sequence[Decision]) -> tuple[object, ...] | None:
    """All that makes the answer differ from others'; None where waiting does not help."""
    if len(refused) != 1:
        return None
    decision, wait, violated = refused[0], 0, []
    for each in decision.standings:
        if each.shadow:
            continue
        if decision.cost > each.limit.most:
            return None
        if each.wait:
            violated.append(each.limit.text)
            wait = max(wait, each.wait)
    return seconds(wait), *violated


async def answer_kept(send: Send, headers: Raw, body: bytes) -> None:
    """Answer by what was kept."""
    # A list of its own: layers around this one add to it.
    status, told = TooManyRequests.status, [*headers]
    await send({"type": "http.response.start", "status": status, "headers": told})
    await send({"type": "http.response.body", "body": body})


async def answer_refusal(scope: Scope, receive: Receive, send: Send, refusal: Refusal) -> None:
    """Answer as the app answers this refusal when a route raises it."""
    connection = _connection(scope, receive, send)
    handler = _handler(scope, type(refusal))
    if handler is not None:
        response = await _handled(handler, connection, refusal)
    else:
        response = _default(refusal)
    if response is None:  # a websocket, which the handler has closed
        return
    if isinstance(connection, WebSocket) and not _can_be_told(scope):
        await connection.close(POLICY_VIOLATION, refusal.message)
        return
    await response(scope, receive, send)


async def answer_error(scope: Scope, receive: Receive, send: Send, error: Exception) -> None:
    """Answer what nobody handled; an app in debug mode shows it by itself."""
    app = scope.get("app")
    if scope["type"] != "http" or getattr(app, "debug", False):
        return
    handlers: dict[Any, Any] = getattr(app, "exception_handlers", {})
    handler = handlers.get(SERVER_ERROR) or handlers.get(Exception)
    response: Response | None = PlainTextResponse("Internal Server Error", SERVER_ERROR)
    if handler is not None:
        response = await _handled(handler, _connection(scope, receive, send), error)
    if response is not None:
        await response(scope, receive, send)


def _connection(scope: Scope, receive: Receive, send: Send) -> Request | WebSocket:
    websocket = scope["type"] == "websocket"
    return WebSocket(scope, receive, send) if websocket else Request(scope, receive, send)


def _default(refusal: Refusal) -> Response:
    """What FastAPI's own handler makes of it."""
    return JSONResponse({"detail": refusal.detail}, refusal.status_code, refusal.headers)


def _handler(scope: Scope, refusal: type[Refusal]) -> Any:
    """The app's own handler, found as Starlette finds it. Any: its type depends on the error."""
    handlers: dict[Any, Any] = getattr(scope.get("app"), "exception_handlers", {})
    if refusal.status in handlers:
        return handlers[refusal.status]
    for kind in refusal.__mro__:
        if kind in handlers:
            return handlers[kind]
    return None


async def _handled(
    handler: Any, connection: Request | WebSocket, error: Exception
) -> Response | None:
    if inspect.iscoroutinefunction(handler):
        found: Response | None = await handler(connection, error)
        return found
    return await run_in_threadpool(handler, connection, error)


def _can_be_told(scope: Scope) -> bool:
    return "websocket.http.response" in (scope.get("extensions") or {})
