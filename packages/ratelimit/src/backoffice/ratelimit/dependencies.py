"""`RateLimit`, which routes, routers and apps take as a dependency."""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

from fastapi import Response, params
from starlette.exceptions import WebSocketException
from starlette.requests import HTTPConnection

from backoffice.core import Refusal, SetupError, Unavailable, callers, reads
from backoffice.ratelimit.addresses import client_network
from backoffice.ratelimit.buckets import route_name
from backoffice.ratelimit.decisions import Decision
from backoffice.ratelimit.limiter import limiter
from backoffice.ratelimit.limits import Limit, limits
from backoffice.ratelimit.settings import ratelimit_settings

# Any: whoever writes one says Request, WebSocket or HTTPConnection, as the route gives.
Key = Callable[[Any], str | Awaitable[str | None] | None]
Cost = int | Callable[[Any], int | Awaitable[int]]
OnError = Literal["refuse", "allow"]

#: In the connection's scope: what its checks have found so far.
DECISIONS = "backoffice.ratelimit"
POLICY_VIOLATION = 1008


class RateLimit(params.Depends):
    """A rate limit for `dependencies=[...]` or `Annotated[Decision, ...]`, with no Depends around.

        @app.post("/ask", dependencies=[RateLimit("20/minute", "500/day")])

    All its limits are checked at once: all are spent, or none is. `key` gives who is counted;
    without it, or where it gives None, that is the caller whom `auth` knows, else the client's
    network. `cost` is a number of units or gives one; 0 lets pass and spends nothing. `name` is
    what is counted: without it, the route; with it, everything of that name together. `on_error`
    says what happens while Redis does not answer: `refuse` with 503, or `allow`.

    Raises SetupError when a limit cannot be read.
    """

    def __init__(
        self,
        *written: str | Limit,
        key: Key | None = None,
        cost: Cost = 1,
        name: str | None = None,
        on_error: OnError = "refuse",
    ) -> None:
        super().__init__(Gate(limits(*written), key, cost, name, on_error))


#: Read by `.of(connection)`: a run of the app opens them at its start.
READ = (limiter, callers, ratelimit_settings)


@reads(*READ)
class Gate:
    """The dependency itself."""

    def __init__(
        self,
        limits: Sequence[Limit],
        key: Key | None = None,
        cost: Cost = 1,
        name: str | None = None,
        on_error: OnError = "refuse",
    ) -> None:
        self.limits = limits
        self._key = key
        self._cost = cost
        self._name = name
        self._on_error = on_error
        self._verify()

    async def __call__(self, connection: HTTPConnection, response: Response) -> Decision:
        """Let the connection pass, or raise TooManyRequests or Unavailable."""
        try:
            return await self.enter(connection, response)
        except Refusal as refusal:
            if _cannot_be_told(connection):
                raise WebSocketException(POLICY_VIOLATION, refusal.message) from None
            raise

    async def enter(self, connection: HTTPConnection, response: Response) -> Decision:
        """Check, and put the fields on the response; raises TooManyRequests or Unavailable."""
        decision = await self._check(connection)
        shown = self._fields(connection, decision)
        if not decision.allowed and decision.cost:
            raise decision.refusal(shown)
        response.headers.update(shown)
        return decision

    async def _check(self, connection: HTTPConnection) -> Decision:
        name, key = self._bucket(connection), await self._identity(connection)
        cost = await self._price(connection)
        try:
            return await limiter.of(connection).check(name, key, self.limits, cost)
        except Unavailable:
            if self._on_error == "allow":
                return Decision(name, True, cost, ())
            raise

    def _bucket(self, connection: HTTPConnection) -> str:
        if self._name is not None:
            return self._name
        # FastAPI calls a route's dependencies in the order in which they are written.
        before = len(connection.scope.get(DECISIONS, ()))
        return f"{route_name(connection)}{f'#{before + 1}' if before else ''}"

    async def _identity(self, connection: HTTPConnection) -> str:
        if self._key is not None:
            given = self._key(connection)
            chosen = await given if inspect.isawaitable(given) else given
            if chosen is not None:
                return f"key:{chosen}"
        caller = await callers.of(connection).name(connection)
        return f"network:{client_network(connection)}" if caller is None else f"caller:{caller}"

    async def _price(self, connection: HTTPConnection) -> int:
        if isinstance(self._cost, int):
            return self._cost
        given = self._cost(connection)
        return await given if inspect.isawaitable(given) else given

    def _fields(self, connection: HTTPConnection, decision: Decision) -> dict[str, str]:
        decisions: list[Decision] = connection.scope.setdefault(DECISIONS, [])
        decisions.append(decision)
        return limiter.of(connection).fields(decisions)

    def _verify(self) -> None:
        most = min(limit.burst for limit in self.limits)
        if isinstance(self._cost, int) and not 0 <= self._cost <= most:
            raise SetupError(f"cost={self._cost} can never pass; take 0 to {most}")
        if self._name is not None and not self._name.strip():
            raise SetupError("name is empty; leave it out, and the route is counted by itself")
        if self._on_error not in ("refuse", "allow"):
            raise SetupError(f'on_error={self._on_error!r} is not known; "refuse" or "allow"')

    def __repr__(self) -> str:
        return f"<rate limit {', '.join(map(str, self.limits))}>"


def _cannot_be_told(connection: HTTPConnection) -> bool:
    """Whether this is a websocket of a server that can refuse it but not say why."""
    extensions = connection.scope.get("extensions") or {}
    return connection.scope["type"] == "websocket" and "websocket.http.response" not in extensions
