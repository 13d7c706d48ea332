"""Every error of an app as `application/problem+json` (RFC 9457), by one call."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.exception_handlers import (
    http_exception_handler,
    request_validation_exception_handler,
    websocket_request_validation_exception_handler,
)
from fastapi.exceptions import (
    RequestValidationError,
    ResponseValidationError,
    WebSocketRequestValidationError,
)
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocket, WebSocketState

from backoffice.core.errors import SetupError
from backoffice.core.plain import plain, text_of
from backoffice.core.validation import invalid_input, without_input

BLANK = "about:blank"
REQUEST_ID = "request_id"
REQUEST_ID_HEADER = "X-Request-ID"
#: Where the ladder has a name of its own for what a status says.
_CODES = {401: "unauthenticated", 422: "invalid_input", 429: "rate_limited", 500: "internal_error"}
_CODES |= {503: "unavailable"}
#: RFC 9110's words, which differ between the Pythons that we run on.
_PHRASES = {413: "Content Too Large", 414: "URI Too Long", 416: "Range Not Satisfiable"}
_PHRASES |= {422: "Unprocessable Content"}
_OWN_TO_EVERY_ANSWER = {"content-type", "content-length"}
_REASON_BYTES = 123  # RFC 6455, 5.5: a control frame has 125, two of them are the code.
_POLICY_VIOLATION, _INTERNAL_ERROR, _TRY_AGAIN_LATER = 1008, 1011, 1013
_FASTAPIS_OWN = (
    http_exception_handler,
    request_validation_exception_handler,
    websocket_request_validation_exception_handler,
)


def problem_details(
    app: Starlette, *, types: str = "", request_id: Callable[[], str | None] | None = None
) -> None:
    """Answer every error of `app` with problem details; call it before the app is started.

    Our refusals, HTTPExceptions (those of the router as well), requests that do not validate and
    exceptions that nobody handles. An exception or a status for which the app has a handler of
    its own stays with it, whichever is registered first. Apps mounted within answer for
    themselves: call it for each that should answer so.

    `types` is what `type` begins with, such as `https://shop.example/problems/`: the code
    follows. Without it, `type` is `about:blank`, and `code` tells problems apart. `request_id`
    gives the id of the request where another than our `RequestId` makes it.

    An OpenAPI document names the answer for the routes that are added after this call.
    """
    if app.middleware_stack is not None:
        raise SetupError("call problem_details(app) before the app is started")
    problems = _Problems(types, request_id)
    handlers: dict[type[Exception], Any] = {
        HTTPException: problems.of_http_exception,
        RequestValidationError: problems.of_invalid_request,
        WebSocketRequestValidationError: problems.of_invalid_request,
        ResponseValidationError: problems.of_invalid_response,
    }
    for kind, handler in handlers.items():
        if _is_free(app.exception_handlers.get(kind)):
            app.add_exception_handler(kind, handler)
    if all(_is_free(app.exception_handlers.get(kind)) for kind in (Exception, 500)):
        app.add_exception_handler(Exception, problems.of_unhandled)
    if isinstance(app, FastAPI):
        app.router.responses.setdefault("default", _DOCUMENTED)


def _is_free(handler: object) -> bool:
    """Whether there is no handler but FastAPI's own, or one of an earlier call of ours."""
    return (
        handler is None
        or handler in _FASTAPIS_OWN
        or isinstance(getattr(handler, "__self__", None), _Problems)
    )


class ProblemResponse(JSONResponse):
    """An answer with problem details."""

    media_type = "application/problem+json"


class _Problems:
    """Turns exceptions into answers; its methods are the exception handlers."""

    def __init__(self, types: str, request_id: Callable[[], str | None] | None) -> None:
        self._types = types
        self._request_id = request_id

    async def of_http_exception(
        self, connection: HTTPConnection, error: HTTPException
    ) -> Response | None:
        """A refusal, or any HTTPException; its headers are kept."""
        if error.status_code < HTTPStatus.BAD_REQUEST and isinstance(connection, Request):
            # A redirect, or an answer without a body: no problem at all.
            return await http_exception_handler(connection, error)
        code, detail, data = _told(error.detail)
        problem = self._problem(connection, error.status_code, code, detail, data)
        if problem["type"] == BLANK and (registered := getattr(error, "problem", None)):
            problem["type"], problem["title"] = registered
        if isinstance(connection, WebSocket) and not _can_be_told(connection):
            await _close(connection, problem)
            return None
        headers = {
            name: value
            for name, value in (error.headers or {}).items()
            if name.lower() not in _OWN_TO_EVERY_ANSWER
        }
        return ProblemResponse(problem, error.status_code, headers=headers)

    async def of_invalid_request(
        self,
        connection: HTTPConnection,
        error: RequestValidationError | WebSocketRequestValidationError,
    ) -> Response | None:
        """What is wrong with which field; nothing of what was sent."""
        return await self.of_http_exception(connection, invalid_input(error))

    async def of_invalid_response(self, _: HTTPConnection, error: ResponseValidationError) -> None:
        """Raises it again without the rows that did not fit: the server writes it to its log."""
        faults = [without_input(each) for each in error.errors()]
        raise ResponseValidationError(faults, endpoint_ctx=error.endpoint_ctx) from None

    async def of_unhandled(self, request: Request, _: Exception) -> Response:
        """What nobody handles; Starlette raises it again, for the server to log."""
        problem = self._problem(
            request, 500, None, "Something went wrong here; it is not your request's fault.", {}
        )
        # This answer is given outside of the layers that would add the header.
        id = problem.get(REQUEST_ID)
        return ProblemResponse(problem, 500, headers={REQUEST_ID_HEADER: id} if id else None)

    def _problem(
        self,
        connection: HTTPConnection,
        status: int,
        code: str | None,
        detail: str,
        data: Mapping[str, Any],
    ) -> dict[str, Any]:
        own = _code_of(status)
        typed = bool(self._types) and code not in (None, own)
        problem = {
            "type": f"{self._types}{quote(code or own, safe='')}" if typed else BLANK,
            "title": _words(code or own) if typed else _phrase(status),
            "status": status,
            "detail": detail,
            "code": code or own,
        }
        if (id := self._id(connection)) is not None:
            problem[REQUEST_ID] = id
        return {**plain(data), **problem}

    def _id(self, connection: HTTPConnection) -> str | None:
        if self._request_id is None:
            id = connection.scope.get("state", {}).get(REQUEST_ID)
            return id if isinstance(id, str) else None
        try:
            return self._request_id()
        except Exception:  # noqa: BLE001 - an error is answered, whatever happens to its id
            return None


def _told(detail: Any) -> tuple[str | None, str, dict[str, Any]]:
    """Code, text and data members of an HTTPException's detail, whatever it is."""
    if isinstance(detail, Mapping):
        data = dict(detail)
        code = data.pop("code", None)
        message = data.pop("message", None) or data.pop("detail", "")
        return None if code is None else text_of(code), text_of(message), data
    if isinstance(detail, list | tuple):
        return None, "", {"errors": detail}
    return None, text_of(detail), {}


def _code_of(status: int) -> str:
    if status in _CODES:
        return _CODES[status]
    phrase = _phrase(status).lower().replace("'", "")
    return phrase.replace(" ", "_").replace("-", "_")


def _phrase(status: int) -> str:
    if status in _PHRASES:
        return _PHRASES[status]
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"


def _words(code: str) -> str:
    return code.replace("_", " ").replace("-", " ").capitalize()


def _can_be_told(websocket: WebSocket) -> bool:
    """Whether the handshake can still be refused with a body."""
    extensions = websocket.scope.get("extensions") or {}
    connecting = websocket.application_state is WebSocketState.CONNECTING
    return connecting and "websocket.http.response" in extensions


async def _close(websocket: WebSocket, problem: Mapping[str, Any]) -> None:
    if websocket.application_state is WebSocketState.DISCONNECTED:
        return
    reason = f"{problem['code']}: {problem['detail']}".encode()[:_REASON_BYTES]
    await websocket.close(_closing_code(problem["status"]), reason.decode(errors="ignore"))


def _closing_code(status: int) -> int:
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        return _TRY_AGAIN_LATER
    server = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return _INTERNAL_ERROR if server else _POLICY_VIOLATION


_DOCUMENTED: dict[str, Any] = {
    "description": "A problem (RFC 9457)",
    "content": {
        ProblemResponse.media_type: {
            "schema": {
                "type": "object",
                "title": "Problem",
                "required": ["type", "title", "status", "detail", "code"],
                "properties": {
                    "type": {"type": "string", "format": "uri-reference"},
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "detail": {"type": "string"},
                    "code": {"type": "string"},
                    "request_id": {"type": "string"},
                },
            }
        }
    },
}
