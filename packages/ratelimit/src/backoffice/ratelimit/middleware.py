"""`RateLimitMiddleware`: limits of a whole app, and the header fields on every answer of it."""

import asyncio
from collections.abc import Mapping, Sequence

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backoffice.core import Refusal, SingletonError, callers
from backoffice.ratelimit.admission import refusing
from backoffice.ratelimit.answers import KeptAnswers, answer_error, answer_refusal
from backoffice.ratelimit.failures import is_refusing
from backoffice.ratelimit.gates import Cost, Gate, Key, On
from backoffice.ratelimit.judgements import OnError
from backoffice.ratelimit.limiter import Limiter, limiter
from backoffice.ratelimit.limits import Limit
from backoffice.ratelimit.plans import Exempt, Plan, Written, terms
from backoffice.ratelimit.route_gates import Named
from backoffice.ratelimit.settings import ratelimit_settings
from backoffice.ratelimit.visits import Visit

STARTS = frozenset({"http.response.start", "websocket.http.response.start", "websocket.accept"})
FIELD = b"ratelimit"
FORBIDDEN = 403


class RateLimitMiddleware:
    """Limits before routing, and `RateLimit` fields on whatever the app answers.

        app.add_middleware(RateLimitMiddleware, limits=["100/minute"])

    The fields are on responses of a route's own, streams, refusals and errors too, and tell of the
    route's limits as well. Without limits it writes the fields alone. The options are those of
    RateLimit; a function in place of `limits` gives those of each caller. Limits under one `name`
    count together.

    The app must open its singletons: include a router of ours, or write
    `FastAPI(lifespan=singletons())`.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: Sequence[str | Limit] | str | Plan = (),
        *,
        key: Key | None = None,
        cost: Cost = 1,
        name: str = "app",
        on: On = "requests",
        on_error: OnError = "local",
        by_role: Mapping[str, Written | None] | None = None,
        exempt: Exempt | None = None,
        shadow: bool = False,
    ) -> None:
        self._app = app
        self._answers = KeptAnswers()
        #: What it limits by itself.
        self.gates: tuple[Named, ...] = ()
        written = (limits,) if isinstance(limits, str) or callable(limits) else tuple(limits)
        if written or by_role:
            everybody, plans = terms(written, by_role)
            gate = Gate(
                everybody,
                key,
                cost,
                name,
                on_error,
                on=on,
                plans=plans,
                exempt=exempt,
                shadow=shadow,
            )
            self.gates = (Named(gate, name),)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the connection through to the app, or answer it here."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        running = _open(connection) or await _opened(connection)
        visit = Visit.of(connection)
        if visit.seen:  # by another one, which stands around this one
            await self._pass(running, connection, visit, receive, send)
            return
        visit.seen = True
        told = _Told(send, running, visit)
        try:
            await self._pass(running, connection, visit, receive, told)
        except Exception as error:
            if visit.status is None:
                # The server's own answer to it is given outside of us, and tells no limits.
                await answer_error(scope, receive, told, error)
            raise
        except asyncio.CancelledError:
            visit.lost = visit.status is None
            raise
        finally:
            if visit.holdings:
                await running.end(visit.holdings, failed=visit.failed)

    async def _pass(
        self,
        running: Limiter,
        connection: HTTPConnection,
        visit: Visit,
        receive: Receive,
        send: Send,
    ) -> None:
        if self.gates:
            try:
                refused = await refusing(self.gates, running, connection, visit)
            except Refusal as refusal:
                await answer_refusal(connection.scope, receive, send, refusal)
                return
            if refused:
                fields = running.raw_fields(visit.decisions)
                await self._answers.answer(connection.scope, receive, send, refused, fields)
                return
        await self._app(connection.scope, receive, send)


def _open(connection: HTTPConnection) -> Limiter | None:
    """The limiter, where it is open, and what gates read besides."""
    try:
        ratelimit_settings.of(connection)
        callers.of(connection)
        return limiter.of(connection)
    except SingletonError:
        return None


async def _opened(connection: HTTPConnection) -> Limiter:
    """The same, opened: no dependency has named it for the start."""
    await ratelimit_settings(connection)
    await callers(connection)
    return await limiter(connection)


class _Told:
    """Sends what the app answers, with the fields; keeps the status."""

    __slots__ = ("_limiter", "_send", "_visit")

    def __init__(self, send: Send, limiter: Limiter, visit: Visit) -> None:
        self._send = send
        self._limiter = limiter
        self._visit = visit

    async def __call__(self, message: Message) -> None:
        kind = message["type"]
        if kind in STARTS:
            self._visit.status = message.get("status", 200)
            message = self._with_fields(message)
        elif kind == "websocket.close" and is_refusing(message.get("code", 1000)):
            self._visit.status = FORBIDDEN
        await self._send(message)

    def _with_fields(self, message: Message) -> Message:
        headers = message.get("headers", ())
        for name, _ in headers:
            # A refusal that the app raised by itself tells of its own limits.
            if name.lower() == FIELD:
                return message
        fields = self._limiter.raw_fields(self._visit.decisions)
        # A new list: that of a response which the app keeps would grow.
        return {**message, "headers": [*headers, *fields]} if fields else message
