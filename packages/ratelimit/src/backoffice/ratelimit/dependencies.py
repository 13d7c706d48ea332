"""`RateLimit`, which routes, routers and apps take as a dependency."""

from collections.abc import Mapping

from fastapi import Response, params
from starlette.exceptions import WebSocketException
from starlette.requests import HTTPConnection

from backoffice.core import Refusal, callers, reads
from backoffice.ratelimit import gates
from backoffice.ratelimit.admission import admit, settle_afterwards
from backoffice.ratelimit.decisions import Decision
from backoffice.ratelimit.gates import Cost, Key, On
from backoffice.ratelimit.judgements import OnError
from backoffice.ratelimit.limiter import limiter
from backoffice.ratelimit.limits import Limit
from backoffice.ratelimit.plans import Exempt, Plan, Written
from backoffice.ratelimit.reservations import Reservation
from backoffice.ratelimit.route_gates import route_gates
from backoffice.ratelimit.settings import ratelimit_settings
from backoffice.ratelimit.visits import Visit

POLICY_VIOLATION = 1008


class RateLimit(params.Depends):
    """A rate limit for `dependencies=[...]` or `Annotated[Decision, ...]`, with no Depends around.

        @app.post("/ask", dependencies=[RateLimit("20/minute", "500/day")])

    All limits of a route, of its routers and of its app are checked at once, when the first of them
    is reached: all are spent, or none is.

    `key` gives who is counted; without it, or where it gives None, that is the caller whom `auth`
    knows (the API key, else the user), else the client's network. `cost` is a number of units or
    gives one, and 0 passes and spends nothing; `Reserve(4000)` sets units aside until the route
    tells what it used, and the dependency then gives a Reservation. `name` is what is counted:
    without it, the route; with it, everything of that name together. `on="failures"` counts what
    the route answers by 4xx alone. `on_error` says what happens while Redis does not answer:
    `local` counts in this process, `closed` refuses with 503, `open` lets pass.

    One function instead of limits gives those of each caller, or None for one who is exempt, and
    `by_role` maps roles to limits, or to None. `exempt` says of a connection whether it passes
    uncounted. `shadow` counts and reports, and refuses nobody.

    Raises SetupError when a limit cannot be read, or could never be kept.
    """

    def __init__(
        self,
        *written: str | Limit | Plan,
        key: Key | None = None,
        cost: Cost = 1,
        name: str | None = None,
        on: On = "requests",
        on_error: OnError = "local",
        by_role: Mapping[str, Written | None] | None = None,
        exempt: Exempt | None = None,
        shadow: bool = False,
    ) -> None:
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
        super().__init__(gate)


#: Read by `.of(connection)`: a run of the app opens them at its start.
READ = (limiter, callers, ratelimit_settings, route_gates)


@reads(*READ)
class Gate(gates.Gate):
    """The dependency itself."""

    async def __call__(
        self, connection: HTTPConnection, response: Response
    ) -> Decision | Reservation:
        """Let the connection pass, or raise TooManyRequests or Unavailable."""
        try:
            decision = await self.enter(connection, response)
        except Refusal as refusal:
            if cannot_be_told(connection):
                raise WebSocketException(POLICY_VIOLATION, refusal.message) from None
            raise
        return Visit.of(connection).reservations[self] if self.reserves else decision

    async def enter(self, connection: HTTPConnection, response: Response) -> Decision:
        """Check, and put the fields on the response; raises TooManyRequests or Unavailable.

        The first gate of a connection checks for all that its route has.
        """
        visit = Visit.of(connection)
        found = visit.found.get(self)
        if found is not None:
            return found
        running = limiter.of(connection)
        known = await route_gates(connection)
        all_gates = known.of(connection.scope, self, len(visit.decisions))
        held = len(visit.holdings)
        await admit(all_gates, running, connection, visit)
        if len(visit.holdings) > held and not visit.seen and not held:
            settle_afterwards(running, connection, visit, response)
        response.headers.update(visit.fields(running))
        return visit.found[self]


def cannot_be_told(connection: HTTPConnection) -> bool:
    """Whether this is a websocket of a server that can refuse it but not say why."""
    extensions = connection.scope.get("extensions") or {}
    return connection.scope["type"] == "websocket" and "websocket.http.response" not in extensions
