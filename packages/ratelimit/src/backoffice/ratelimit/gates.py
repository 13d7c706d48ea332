"""A gate: what one RateLimit asks of each connection, and for whom."""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, Self, cast, get_args

from starlette.requests import HTTPConnection
from starlette.types import Scope

from backoffice.core import Callers, SetupError
from backoffice.ratelimit.addresses import address_in, client_address, network_of
from backoffice.ratelimit.judgements import Check, OnError
from backoffice.ratelimit.limits import Limit
from backoffice.ratelimit.plans import Exempt, Plan, Plans, Written, terms
from backoffice.ratelimit.reservations import Reserve
from backoffice.ratelimit.settings import RateLimitSettings
from backoffice.ratelimit.visits import Visit

# Any: whoever writes one says Request, WebSocket or HTTPConnection, as the route gives.
Key = Callable[[Any], str | Awaitable[str | None] | None]
Cost = int | Callable[[Any], int | Awaitable[int]] | Reserve
On = Literal["requests", "failures"]


class Gate:
    """Who is counted as what, by which limits, at which cost."""

    def __init__(
        self,
        limits: Sequence[Limit],
        key: Key | None = None,
        cost: Cost = 1,
        name: str | None = None,
        on_error: OnError = "local",
        *,
        on: On = "requests",
        plans: Plans | None = None,
        exempt: Exempt | None = None,
        shadow: bool = False,
    ) -> None:
        #: Of callers for whom no plan says otherwise; empty where one says so for all.
        self.limits = limits
        self.name = name
        self.on: On = on
        self.on_error: OnError = on_error
        self.shadow = shadow
        self.key = key
        self.plans = plans
        self._exempt = exempt
        self.reserves = isinstance(cost, Reserve)
        #: Whether what it takes is settled by how the connection ends.
        self.settles = self.reserves or on == "failures"
        price = cost.estimate if isinstance(cost, Reserve) else cost
        #: What each connection costs; None where a function says so.
        self.cost = price if isinstance(price, int) else None
        self._price = None if isinstance(price, int) else price
        #: Whether the same is asked of everybody, and nothing is left to do when it was answered.
        self.plain = bool(self.cost) and not (
            plans
            or exempt
            or shadow
            or self.settles
            or any(limit.kind == "concurrent" for limit in limits)
        )
        self._verify()

    @classmethod
    def written(
        cls,
        written: Sequence[str | Limit | Plan],
        *,
        key: Key | None,
        cost: Cost,
        name: str | None,
        on: On,
        on_error: OnError,
        by_role: Mapping[str, Written | None] | None,
        exempt: Exempt | None,
        shadow: bool,
    ) -> Self:
        """The gate that these options of a RateLimit say; SetupError for what is wrong."""
        everybody, plans = terms(written, by_role)
        return cls(
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

    async def ask(self, connection: HTTPConnection, visit: Visit, bucket: str) -> Check | None:
        """What to check, counted as `bucket`; None for a caller who is exempt."""
        if self._exempt is not None and await _given(self._exempt(connection)):
            return None
        limits: Sequence[Limit] = self.limits
        if self.plans is not None:
            found = await self.plans.limits(connection, visit)
            if found is None:
                return None
            limits = found
        cost = self.cost
        if cost is None:
            cost = cast(int, await _given(cast(Any, self._price)(connection)))
        key = await self.identity(connection, visit)
        return Check(bucket, key, limits, cost, self.on_error, self.shadow)

    async def identity(self, connection: HTTPConnection, visit: Visit) -> str:
        """Whom the connection is counted as."""
        if self.key is not None:
            chosen = await _given(self.key(connection))
            if chosen is not None:
                return f"key:{chosen}"
        caller = await visit.name(connection)
        return _stranger(client_address(connection)) if caller is None else f"caller:{caller}"

    def stranger(self, scope: Scope, callers: Callers, settings: RateLimitSettings) -> str | None:
        """The same, where it is known without waiting; else None."""
        if self.key is not None or not callers.nobody:
            return None
        return _stranger(address_in(scope, settings))

    def _verify(self) -> None:
        most = min((limit.most for limit in self.limits), default=self.cost)
        if self.cost is not None and not 0 <= self.cost <= cast(int, most):
            raise SetupError(f"cost={self.cost} can never pass; take 0 to {most}")
        if self.name is not None and not self.name.strip():
            raise SetupError("name is empty; leave it out, and the route is counted by itself")
        _verify_choice("on", self.on, On)
        _verify_choice("on_error", self.on_error, OnError)
        if self.on == "failures" and self.reserves:
            raise SetupError(
                'on="failures" gives back what succeeds, and Reserve what was not used; write two '
                "limits"
            )

    def __repr__(self) -> str:
        return f"<rate limit {', '.join(map(str, self.limits)) or 'by plan'}>"


@lru_cache(maxsize=4096)
def _stranger(address: str) -> str:
    return f"network:{network_of(address)}"


async def _given(given: Any) -> Any:
    return await given if inspect.isawaitable(given) else given


def _verify_choice(name: str, chosen: str, choice: Any) -> None:
    known: Mapping[str, None] = dict.fromkeys(get_args(choice))
    if chosen not in known:
        raise SetupError(f"{name}={chosen!r} is not known; {' or '.join(map(repr, known))}")
