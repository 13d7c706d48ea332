"""`RateLimit`, which routes, routers and apps take as a dependency."""

from collections.abc import Mapping
from typing import cast

from fastapi import Response, params
from starlette.exceptions import WebSocketException
from starlette.requests import HTTPConnection
from starlette.types import Scope

from backoffice.core import Refusal, callers, reads
from backoffice.core.singletons import untouched
from backoffice.ratelimit import gates
from backoffice.ratelimit.admission import admit, settle_afterwards
from backoffice.ratelimit.decisions import Decision
from backoffice.ratelimit.gates import Cost, Key, On
from backoffice.ratelimit.headers import Raw
from backoffice.ratelimit.judgements import OnError
from backoffice.ratelimit.limiter import Limiter, limiter
from backoffice.ratelimit.limits import Limit
from backoffice.ratelimit.plans import Exempt, Plan, Written
from backoffice.ratelimit.refusals import refusal
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
            alone = self._alone(connection.scope) if self.plain else None
            if alone is None:
                decision = await self.enter(connection, response)
            else:
                running, visit, bucket, caller = alone
                limits, cost = self.limits, cast(int, self.cost)
                found = running.at_once(bucket, caller, limits, cost)
                decision = found or await running.one(bucket, caller, limits, cost, self.on_error)
                visit.note_one(self, decision)
                if not decision.allowed:
                    raise refusal([decision], visit.fields(running))
                if not visit.seen:
                    _tell(response, running.raw_fields(visit.decisions))
        except Refusal as error:
            if cannot_be_told(connection):
                raise WebSocketException(POLICY_VIOLATION, error.message) from None
            raise
        return Visit.of(connection).reservations[self] if self.reserves else decision

    def _alone(self, scope: Scope) -> tuple[Limiter, Visit, str, str] | None:
        """What a check takes, where this is the only gate and nobody has to be asked who calls.

        So it is for most requests, for which this and what it calls are written.
        """
        values = untouched(scope)
        if values is None:
            return None
        visit = Visit.within(scope)
        try:
            found = values[route_gates].of(scope, self, len(visit.decisions))
            caller = self.stranger(scope, values[callers], values[ratelimit_settings])
            running = values[limiter]
        except KeyError:  # not open yet, or stopped: the longer way tells which
            return None
        if caller is None or len(found) > 1 or self in visit.found:
            return None
        return running, visit, found[0].bucket, caller

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


def _tell(response: Response, fields: Raw) -> None:
    """Put the fields on what FastAPI makes of the route's answer."""
    told = response.raw_headers
    if told:  # those of an earlier check are among them, and to be replaced
        response.headers.update({name.decode(): value.decode() for name, value in fields})
    else:
        told += fields


def cannot_be_told(connection: HTTPConnection) -> bool:
    """Whether this is a websocket of a server that can refuse it but not say why."""
    extensions = connection.scope.get("extensions") or {}
    return connection.scope["type"] == "websocket" and "websocket.http.response" not in extensions
