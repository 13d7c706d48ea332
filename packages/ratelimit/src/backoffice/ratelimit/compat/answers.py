"""What fastapi-limiter does unless it is told otherwise, under its names."""

import inspect
from collections.abc import Callable
from math import ceil
from typing import Any, NoReturn, TypeVar

from fastapi import HTTPException
from starlette import exceptions
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.websockets import WebSocket

from backoffice.core import TooManyRequests
from backoffice.ratelimit.addresses import client_network
from backoffice.ratelimit.compat.terms import Callback, Identifier, Terms

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

SKIPPED = "_skip_limiter"
MESSAGE = "Too Many Requests"


class Refused(TooManyRequests, HTTPException):
    """The refusal, of FastAPI's own class besides: apps catch that, or have a handler for it."""


async def default_identifier(request: HTTPConnection) -> str:
    """The client's network. As an `identifier` it says: the caller whom `auth` knows, else that."""
    return client_network(request)


def default_callback(*_: Any, **__: Any) -> NoReturn:
    """Refuse, as 0.2.0 does."""
    raise HTTPException(429, MESSAGE)


async def http_default_callback(_: HTTPConnection, __: Response, pexpire: int) -> NoReturn:
    """Refuse, as 0.1.6 does; `pexpire` is in milliseconds."""
    raise HTTPException(429, MESSAGE, headers={"Retry-After": str(ceil(pexpire / 1000))})


async def ws_default_callback(_: WebSocket, pexpire: int) -> NoReturn:
    """Refuse, as 0.1.6 does; `pexpire` is in milliseconds."""
    raise HTTPException(429, MESSAGE, headers={"Retry-After": str(ceil(pexpire / 1000))})


def skip_limiter(endpoint: Endpoint) -> Endpoint:
    """Let a route be called without limit, whatever its router or app says."""
    setattr(endpoint, SKIPPED, True)
    return endpoint


def is_skipped(connection: HTTPConnection) -> bool:
    """Whether the route has `skip_limiter` on it, ours or the original."""
    return bool(getattr(connection.scope.get("endpoint"), SKIPPED, False))


async def identity(identifier: Identifier | None, connection: HTTPConnection) -> str | None:
    """Who is counted, or None for whom we count by default."""
    if identifier is None or identifier is default_identifier or _is_original(identifier):
        return None
    found = identifier(connection)
    chosen = await found if inspect.isawaitable(found) else found
    return None if chosen is None else str(chosen)


async def refuse(
    terms: Terms, callback: Callback | None, given: tuple[Any, ...], refusal: TooManyRequests
) -> NoReturn:
    """Answer as `callback` does by raising; where it only returns, refuse all the same."""
    if callback is not None and not _is_default(callback):
        milliseconds = 1000 * int(refusal.data.get("retry_after", 0))
        try:
            answer = callback(*given, milliseconds) if terms.timed else callback(*given)
            if inspect.isawaitable(answer):
                await answer
        except exceptions.HTTPException as error:
            error.headers = {**(refusal.headers or {}), **(error.headers or {})}
            raise
    raise Refused(refusal.message, code=refusal.code, headers=refusal.headers, **refusal.data)


def _is_default(callback: Callback) -> bool:
    ours = (default_callback, http_default_callback, ws_default_callback)
    return callback in ours or _is_original(callback)


def _is_original(function: Callable[..., Any]) -> bool:
    """Whether it is fastapi-limiter's own, which believes any X-Forwarded-For and says no time."""
    return str(getattr(function, "__module__", "")).partition(".")[0] == "fastapi_limiter"
