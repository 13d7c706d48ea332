"""A visit: one request or websocket, and what its limits have found and taken so far."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

from starlette.requests import HTTPConnection

from backoffice.core import SetupError, callers
from backoffice.ratelimit.decisions import Decision
from backoffice.ratelimit.failures import is_failure
from backoffice.ratelimit.holdings import Holding
from backoffice.ratelimit.limiter import Limiter
from backoffice.ratelimit.reservations import Reservation

#: In the connection's scope.
VISIT = "backoffice.ratelimit"


class Visit:
    """What is known of one connection's limits; who asks first makes it."""

    __slots__ = (
        "caller",
        "decisions",
        "found",
        "holdings",
        "identified",
        "lost",
        "reservations",
        "seen",
        "status",
    )

    def __init__(self, *, seen: bool = False) -> None:
        #: In the order of the checks: what the header fields tell.
        self.decisions: list[Decision] = []
        #: What each gate found. Any: a gate knows more than a visit may.
        self.found: dict[Any, Decision] = {}
        self.holdings: list[Holding] = []
        self.reservations: dict[Any, Reservation] = {}
        #: Whether a RateLimitMiddleware stands around it, which sees the answer's status.
        self.seen = seen
        self.status: int | None = None
        #: Whether it ended before anything was answered.
        self.lost = False
        self.identified = False
        self.caller: str | None = None

    @property
    def failed(self) -> bool:
        """Whether it counts where only failures do; whoever leaves before the answer does."""
        return self.lost or (self.status is not None and is_failure(self.status))

    @classmethod
    def of(cls, connection: HTTPConnection) -> "Visit":
        """The connection's visit."""
        visit = connection.scope.get(VISIT)
        if visit is None:
            visit = connection.scope[VISIT] = cls()
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
        self.found.update(zip(gates, decisions, strict=True))
        self.decisions += decisions

    def exempt(self, gate: Any, decision: Decision) -> None:
        """Keep that the gate let this caller pass uncounted."""
        self.found[gate] = decision
        self.reservations[gate] = Reservation(0)

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
