"""A visit: one request or websocket, and what its limits have found and taken so far."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, cast

from starlette.requests import HTTPConnection
from starlette.types import Scope

from backoffice.core import SetupError, callers
from backoffice.ratelimit.decisions import Decision
from backoffice.ratelimit.failures import is_failure
from backoffice.ratelimit.holdings import Holding
from backoffice.ratelimit.limiter import Limiter
from backoffice.ratelimit.reservations import Reservation

#: In the connection's scope.
VISIT = "backoffice.ratelimit"


class Visit:
    """What is known of one connection's limits; who asks first makes it.

    Each request has one, and few more than a decision in it: what begins empty stands here.
    """

    #: In the order of the checks: what the header fields tell.
    decisions: Sequence[Decision] = ()
    #: What each gate found. Any: a gate knows more than a visit may.
    found: Mapping[Any, Decision] = MappingProxyType({})
    holdings: Sequence[Holding] = ()
    reservations: Mapping[Any, Reservation] = MappingProxyType({})
    #: Whether a RateLimitMiddleware stands around it, which sees the answer's status.
    seen: bool = False
    status: int | None = None
    #: Whether it ended before anything was answered.
    lost: bool = False
    identified: bool = False
    caller: str | None = None

    @property
    def failed(self) -> bool:
        """Whether it counts where only failures do; whoever leaves before the answer does."""
        return self.lost or (self.status is not None and is_failure(self.status))

    @classmethod
    def of(cls, connection: HTTPConnection) -> "Visit":
        """The connection's visit."""
        return cls.within(connection.scope)

    @classmethod
    def within(cls, scope: Scope) -> "Visit":
        """The visit of the connection that has this scope."""
        visit = scope.get(VISIT)
        if visit is None:
            visit = scope[VISIT] = cls()
        return cast(Visit, visit)

    async def name(self, connection: HTTPConnection) -> str | None:
        """The caller's name, asked for once."""
        if not self.identified:
            self.caller = await callers.of(connection).name(connection)
            self.identified = True
        return self.caller

    async def roles(self, connection: HTTPConnection) -> frozenset[str]:
        """The roles that the caller holds."""
        return await callers.of(connection).roles(connection)

    def note(self, gates: Iterable[Any], decisions: Sequence[Decision]) -> None:
        """Keep what was found for each of these gates."""
        self.found = {**self.found, **dict(zip(gates, decisions, strict=True))}
        self.decisions = (*self.decisions, *decisions)

    def note_one(self, gate: Any, decision: Decision) -> None:
        """The same for one, which most have."""
        self.found = {**self.found, gate: decision} if self.found else {gate: decision}
        self.decisions = (*self.decisions, decision)

    def exempt(self, gate: Any, decision: Decision) -> None:
        """Keep that the gate let this caller pass uncounted."""
        self.found = {**self.found, gate: decision}
        self.reserve(gate, Reservation(0))

    def reserve(self, gate: Any, reservation: Reservation) -> None:
        """Keep what the gate has set aside."""
        self.reservations = {**self.reservations, gate: reservation}

    def hold(self, holding: Holding) -> None:
        """Keep what is to be settled when the connection ends."""
        self.holdings = (*self.holdings, holding)

    def fields(self, limiter: Limiter) -> dict[str, str]:
        """The header fields, unless a RateLimitMiddleware writes them."""
        return {} if self.seen else limiter.fields(self.decisions)


def reservation(connection: HTTPConnection, name: str | None = None) -> Reservation:
    """The reservation of this request, by the `name` of its limit where there are several.

    For a route that has `RateLimit(..., cost=Reserve(...))` among its `dependencies`. Raises
    SetupError where there is none.
    """
    found = [
        each
        for gate, each in Visit.of(connection).reservations.items()
        if gate.reserves and name in (None, gate.name)
    ]
    if len(found) != 1:
        raise SetupError(
            f"this request has {len(found)} reservations{f' named {name}' if name else ''}; write "
            'RateLimit("1000/day", cost=Reserve(400), name="tokens") for its route, and ask for '
            "each by its name"
        )
    return found[0]
