"""`RequestId`: a layer that gives each request an id, and a line in the log if that is wanted."""

import logging
import re
import time
import uuid
from contextvars import ContextVar
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

access_log: logging.Logger = logging.getLogger("backoffice.access")

HEADER = "X-Request-ID"
STATE = "request_id"
_WELL_FORMED = re.compile(r"[A-Za-z0-9._:/=+-]{1,128}")
_ANSWERS = {"http.response.start", "websocket.accept", "websocket.http.response.start"}
_current: ContextVar[str | None] = ContextVar("backoffice_request_id", default=None)


def request_id() -> str | None:
    """The id of the request that is being answered here; None outside of one."""
    return _current.get()


class RequestId:
    """Names each request: `app.add_middleware(RequestId)`.

    The id is in `request_id()`, in `request.state.request_id`, in the header `X-Request-ID` of
    the answer and, with `configure_logging`, in every log line of the request, be it from a sync
    handler, a background task or a streamed body.

    `trusted` takes the id that the client sends, if it is up to 128 characters of an URL. Turn
    it on where a proxy of yours sets the header anew: anybody else could give requests of theirs
    the id of yours. `access` writes a line for each HTTP request: method, the route's template,
    status and milliseconds; nothing of what the client wrote.
    """

    def __init__(self, app: ASGIApp, *, trusted: bool = False, access: bool = False) -> None:
        self._app = app
        self._trusted = trusted
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        # A mounted app may have a layer of its own: one request has one id.
        id = scope.setdefault("state", {}).setdefault(STATE, self._id(scope))
        answer = _Answer(send, id)
        token = _current.set(id)
        try:
            await self._app(scope, receive, answer)
        finally:
            if self._access and scope["type"] == "http":
                _tell(scope, answer)
        # Not reset after an exception: the server, in the same task, logs it with the id.
        _current.reset(token)

    def _id(self, scope: Scope) -> str:
        if self._trusted:
            sent = Headers(scope=scope).getlist(HEADER)
            if len(sent) == 1 and _WELL_FORMED.fullmatch(sent[0]):
                return sent[0]
        return uuid.uuid4().hex


class _Answer:
    """`send`, with the id among the headers; remembers what the access line tells."""

    def __init__(self, send: Send, id: str) -> None:
        self._send = send
        self._id = id
        self._started = time.perf_counter()
        self.status: int | None = None
        self.seconds: float | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] in _ANSWERS:
            self.status = message.get("status")
            message.setdefault("headers", [])
            MutableHeaders(scope=message).setdefault(HEADER, self._id)
        await self._send(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self.seconds = self._elapsed()

    def milliseconds(self) -> float:
        """How long the answer took; until now, if it never came to its end."""
        seconds = self._elapsed() if self.seconds is None else self.seconds
        return round(seconds * 1000, 1)

    def _elapsed(self) -> float:
        return time.perf_counter() - self._started


def _tell(scope: Scope, answer: _Answer) -> None:
    access_log.info(
        "request",
        extra={
            "method": scope["method"],
            "route": route_template(scope),
            "status": answer.status or 500,
            "duration_ms": answer.milliseconds(),
        },
    )


def route_template(scope: Scope) -> str | None:
    """The matched route's template within its app, such as `/books/{id}`; None without a route."""
    route: Any = scope.get("route")
    # The route of an included router knows its own prefix only; FastAPI keeps the whole beside it.
    included = scope.get("fastapi", {}).get("effective_route_context")
    if included is not None and included.original_route is route:
        return str(included.path_format)
    path = getattr(route, "path_format", None)
    return None if path is None else str(path)
