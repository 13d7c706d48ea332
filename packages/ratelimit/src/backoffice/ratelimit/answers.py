"""Answers that are given outside of the app's routes, in the form that the app gives its own."""

import inspect
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from backoffice.core import Refusal

POLICY_VIOLATION = 1008
SERVER_ERROR = 500


async def answer_refusal(scope: Scope, receive: Receive, send: Send, refusal: Refusal) -> None:
    """Answer as the app answers this refusal when a route raises it."""
    connection = _connection(scope, receive, send)
    handler = _handler(scope, refusal)
    if handler is not None:
        response = await _handled(handler, connection, refusal)
    else:
        response = JSONResponse({"detail": refusal.detail}, refusal.status_code, refusal.headers)
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


def _handler(scope: Scope, refusal: Refusal) -> Any:
    """The app's own handler, found as Starlette finds it. Any: its type depends on the error."""
    handlers: dict[Any, Any] = getattr(scope.get("app"), "exception_handlers", {})
    by_kind = (handlers[kind] for kind in type(refusal).__mro__ if kind in handlers)
    return handlers.get(refusal.status_code) or next(by_kind, None)


async def _handled(
    handler: Any, connection: Request | WebSocket, error: Exception
) -> Response | None:
    if inspect.iscoroutinefunction(handler):
        found: Response | None = await handler(connection, error)
        return found
    return await run_in_threadpool(handler, connection, error)


def _can_be_told(scope: Scope) -> bool:
    return "websocket.http.response" in (scope.get("extensions") or {})
