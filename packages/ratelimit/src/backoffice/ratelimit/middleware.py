"""`RateLimitMiddleware`: limits of a whole app, and the header fields on every answer of it."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import cast

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backoffice.core import Callers, Refusal, SingletonError, callers
from backoffice.core.singletons import untouched
from backoffice.ratelimit.admission import refusing, refusing_alone
from backoffice.ratelimit.answers import KeptAnswers, answer_error, answer_kept, answer_refusal
from backoffice.ratelimit.decisions import Decision
from backoffice.ratelimit.failures import is_refusing
from backoffice.ratelimit.gates import Cost, Gate, Key, On
from backoffice.ratelimit.judgements import OnError
from backoffice.ratelimit.limiter import Limiter, limiter
from backoffice.ratelimit.limits import Limit
from backoffice.ratelimit.plans import Exempt, Plan, Written
from backoffice.ratelimit.refusals import refusal
from backoffice.ratelimit.route_gates import Named
from backoffice.ratelimit.settings import RateLimitSettings, ratelimit_settings
from backoffice.ratelimit.turned_away import Answer, TurnedAway
from backoffice.ratelimit.visits import VISIT, Visit

CONNECTIONS = frozenset({"http", "websocket"})
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
        self._turned_away = TurnedAway()
        #: What it limits by itself.
        self.gates: tuple[Named, ...] = ()
        written = (limits,) if isinstance(limits, str) or callable(limits) else tuple(limits)
        if written or by_role:
            gate = Gate.written(
                written,
                key=key,
                cost=cost,
                name=name,
                on=on,
                on_error=on_error,
                by_role=by_role,
                exempt=exempt,
                shadow=shadow,
            )
            self.gates = (Named(gate, name),)
        # Where it can be judged without waiting.
        self._plain = next((each.gate for each in self.gates if each.gate.plain), None)
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the connection through to the app, or answer it here."""
        if scope["type"] not in CONNECTIONS:
            await self._app(scope, receive, send)
            return
        running, known, settings = _at_hand(scope) or await _opened(scope)
        gate, caller, decision = self._plain, None, None
        # Most requests are of callers about whom nobody has to be asked, and wait for nothing:
        # for those it is written.
        if gate is not None:
            caller = gate.stranger(scope, known, settings)
            if caller is not None and scope["type"] == "http":
                answer = self._turned_away.answer(caller, running)
                if answer is not None:
                    await answer_kept(send, answer.headers, answer.body)
                    return
        visit = scope.get(VISIT)
        if visit is None:
            visit = scope[VISIT] = Visit()
        elif visit.seen:  # by another one, which stands around this one
            await self._pass(running, scope, visit, receive, send)
            return
        visit.seen = True
        told = _telling(running, visit, send)
        try:
            if gate is not None and caller is not None:
                decision = running.at_once(self._name, caller, gate.limits, cast(int, gate.cost))
            if decision is None:
                await self._pass(running, scope, visit, receive, told, caller)
            else:
                visit.decisions = (*visit.decisions, decision)
                if decision.allowed:
                    await self._app(scope, receive, told)
                else:
                    await self._answer(running, scope, visit, [decision], receive, told, caller)
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
        scope: Scope,
        visit: Visit,
        receive: Receive,
        send: Send,
        caller: str | None = None,
    ) -> None:
        """The longer way, which awaits what there is to know."""
        if self.gates:
            try:
                if caller is None:
                    refused = await refusing(self.gates, running, HTTPConnection(scope), visit)
                else:
                    refused = await refusing_alone(self.gates[0], caller, running, visit)
            except Refusal as error:
                await answer_refusal(scope, receive, send, error)
                return
            if refused:
                await self._answer(running, scope, visit, refused, receive, send)
                return
        await self._app(scope, receive, send)

    async def _answer(
        self,
        running: Limiter,
        scope: Scope,
        visit: Visit,
        refused: Sequence[Decision],
        receive: Receive,
        send: Send,
        caller: str | None = None,
    ) -> None:
        """Refuse, and in the same words again where it is known whom, and until when."""
        kept = self._answers.of(scope, refused)
        if kept is None:
            await answer_refusal(scope, receive, send, refusal(refused))
            return
        headers, body = [*running.raw_fields(visit.decisions), *kept[0]], kept[1]
        if self._plain is not None and caller is not None and len(visit.decisions) == 1:
            known = running.remembered(caller, self._plain.limits, refused[0])
            if known is not None:
                self._turned_away.keep(caller, Answer(running, *known, refused[0], headers, body))
        await answer_kept(send, headers, body)


_AtHand = tuple[Limiter, Callers, RateLimitSettings]


def _at_hand(scope: Scope) -> _AtHand | None:
    """The limiter and what gates read besides, where all are open."""
    values = untouched(scope)
    if values is not None and limiter in values and callers in values:
        return values[limiter], values[callers], values[ratelimit_settings]
    connection = HTTPConnection(scope)
    try:
        return limiter.of(connection), callers.of(connection), ratelimit_settings.of(connection)
    except SingletonError:
        return None


async def _opened(scope: Scope) -> _AtHand:
    """The same, opened: no dependency has named it for the start."""
    connection = HTTPConnection(scope)
    found = await callers(connection), await ratelimit_settings(connection)
    return await limiter(connection), *found


def _telling(limiter: Limiter, visit: Visit, send: Send) -> Send:
    """Sends what the app answers, with the fields; keeps the status."""

    # Not a coroutine around the server's own: there is nothing to wait for.
    def told(message: Message) -> Awaitable[None]:
        kind = message["type"]
        if kind in STARTS:
            visit.status = message.get("status", 200)
            message = _with_fields(message, limiter, visit)
        elif kind == "websocket.close" and is_refusing(message.get("code", 1000)):
            visit.status = FORBIDDEN
        return send(message)

    return told


def _with_fields(message: Message, limiter: Limiter, visit: Visit) -> Message:
    headers = message.get("headers", ())
    for name, _ in headers:
        # A refusal that the app raised by itself tells of its own limits.
        if name.lower() == FIELD:
            return message
    fields = limiter.raw_fields(visit.decisions)
    # A new list: that of a response which the app keeps would grow.
    return {**message, "headers": [*headers, *fields]} if fields else message
