"""fastapi-limiter's classes: `RateLimiter`, `WebSocketRateLimiter` and, of 0.1.6, `FastAPILimiter`.

What differs from the originals: each caller has a bucket of its own for each route, wherever its
router is included and whatever its path parameters; a refusal says when to come back, and stays one
where a callback only returns; callbacks and identifiers may be sync.
"""

import inspect
from typing import TYPE_CHECKING, Any, overload

from fastapi import Response, WebSocket
from pydantic import SecretStr
from starlette.exceptions import HTTPException, WebSocketException
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocketState

from backoffice.core import TooManyRequests, reads
from backoffice.ratelimit import gates
from backoffice.ratelimit.buckets import route_name
from backoffice.ratelimit.compat.answers import (
    default_identifier,
    http_default_callback,
    identity,
    is_skipped,
    refuse,
    ws_default_callback,
)
from backoffice.ratelimit.compat.runs import Counting, counting, forget, prepared, start
from backoffice.ratelimit.compat.servers import url_of
from backoffice.ratelimit.compat.terms import Callback, Identifier, Terms, read
from backoffice.ratelimit.compat.waiting import at_once, in_turn
from backoffice.ratelimit.dependencies import POLICY_VIOLATION, READ, Gate, cannot_be_told
from backoffice.ratelimit.limiter import limiter
from backoffice.ratelimit.visits import Visit

if TYPE_CHECKING:
    from pyrate_limiter import Limiter as PyrateLimiter


class _OfTheLoop(type):
    """Attributes of the class that hold for the running event loop only."""

    @property
    def redis(cls) -> Any:
        """What `init` was given; None before it and after `close`."""
        return counting().redis


class FastAPILimiter(metaclass=_OfTheLoop):
    """The set-up of 0.1.6, for the event loop in which `init` is awaited."""

    @classmethod
    async def init(
        cls,
        # Any: any client of redis-py's.
        redis: Any,
        prefix: str = "fastapi-limiter",
        identifier: Identifier = default_identifier,
        http_callback: Callback = http_default_callback,
        ws_callback: Callback = ws_default_callback,
    ) -> None:
        """Count where `redis` does, unless BACKOFFICE_REDIS_URL names another; set the defaults.

        Our own connections go to the address of `redis`, as the client itself would wait too long
        and try too often. Raises SetupError where the address cannot be read from the client.
        """
        url = SecretStr(url_of(redis))
        await _end()
        start(Counting(redis, url, prefix, identifier, http_callback, ws_callback))

    @classmethod
    async def close(cls) -> None:
        """Close our connections and the `redis` that `init` was given."""
        redis = counting().redis
        await _end()
        close = getattr(redis, "aclose", None) or getattr(redis, "close", None)
        answer = close() if close is not None else None
        if inspect.isawaitable(answer):
            await answer


async def _end() -> None:
    ended = forget()
    if ended is not None:
        await ended.close()


class _Form:
    """Takes the arguments of either version."""

    @overload
    def __init__(
        self,
        times: int = 1,
        milliseconds: int = 0,
        seconds: int = 0,
        minutes: int = 0,
        hours: int = 0,
        identifier: Identifier | None = None,
        callback: Callback | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self,
        limiter: "PyrateLimiter",
        identifier: Identifier | None = None,
        callback: Callback | None = None,
        blocking: bool = False,
    ) -> None: ...
    def __init__(self, *positional: Any, **named: Any) -> None:
        self._terms = read(*positional, **named)
        self._build(self._terms)

    def _build(self, terms: Terms) -> None: ...

    async def _chosen(self, connection: HTTPConnection) -> str | None:
        """Who is counted, where an identifier says so."""
        return await identity(self._terms.identifier or counting().identifier, connection)


@reads(*READ)
class RateLimiter(_Form, Gate):
    """Takes what `fastapi_limiter.depends.RateLimiter` takes, in 0.1.6 and in 0.2.0.

    `identifier` gives who is counted; left out, that is the caller whom `auth` knows, else the
    client's network. `callback` answers a refusal by raising; when it returns, we raise. With
    `blocking`, a caller waits for a minute at most, and is refused where that would not do.

    Raises SetupError for limits that let nobody through, and for a limiter whose rates cannot be
    read.
    """

    def _build(self, terms: Terms) -> None:
        # Who waits is no part of the one check for all limiters of a route.
        passes = (lambda _: True) if terms.blocking else is_skipped
        Gate.__init__(self, terms.limits, self._chosen, exempt=passes)
        self._waits = gates.Gate(terms.limits, self._chosen, exempt=is_skipped)

    # None, as from the originals: nobody takes what they give.
    async def __call__(self, request: HTTPConnection, response: Response) -> None:  # type: ignore[override]
        """Let the request pass, or answer as the callback does."""
        async with prepared(request):
            try:
                await self.enter(request, response)
                if self._terms.blocking:
                    await self._wait(request, response)
            except TooManyRequests as refusal:
                await self._refusing(Visit.of(request))._answer(request, response, refusal)

    async def _wait(self, request: HTTPConnection, response: Response) -> None:
        visit, running = Visit.of(request), limiter.of(request)
        check = await self._waits.ask(request, visit, route_name(request.scope))
        if check is not None:
            visit.note([self._waits], [await in_turn(running, check)])
            response.headers.update(visit.fields(running))

    def _refusing(self, visit: Visit) -> "RateLimiter":
        """The one that refused: the first of a route checks for all of them."""
        refusing = (gate for gate, found in visit.found.items() if not found.allowed)
        return next((gate for gate in refusing if isinstance(gate, RateLimiter)), self)

    async def _answer(self, request: HTTPConnection, response: Response, refusal: Any) -> None:
        callback = self._terms.callback or counting().http_callback
        await refuse(self._terms, callback, (request, response), refusal)


@reads(*READ)
class WebSocketRateLimiter(_Form):
    """For the messages of a websocket: `await ratelimit(websocket, context_key=...)` in its route.

    Takes what `RateLimiter` takes. All that a caller sends to one route counts together, through
    any number of sockets; each `context_key` counts apart.
    """

    def _build(self, terms: Terms) -> None:
        self._gate = gates.Gate(terms.limits, self._chosen, exempt=is_skipped)

    async def __call__(self, ws: WebSocket, context_key: str = "") -> None:
        """Let the message pass, or answer as the callback does."""
        async with prepared(ws):
            try:
                await self._enter(ws, context_key)
            except TooManyRequests as refusal:
                await self._answer(ws, refusal)

    async def _enter(self, ws: WebSocket, context_key: str) -> None:
        asked = await self._gate.ask(ws, Visit.of(ws), route_name(ws.scope))
        if asked is None:
            return
        check = asked._replace(key=f"{asked.key} {context_key}")
        await (in_turn if self._terms.blocking else at_once)(limiter.of(ws), check)

    async def _answer(self, ws: WebSocket, refusal: TooManyRequests) -> None:
        callback = self._terms.callback or counting().ws_callback
        try:
            await refuse(self._terms, callback, (ws,), refusal)
        except HTTPException:
            if ws.application_state is WebSocketState.CONNECTING and cannot_be_told(ws):
                raise WebSocketException(POLICY_VIOLATION, refusal.message) from None
            raise
