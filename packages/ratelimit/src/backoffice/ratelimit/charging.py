"""Charging: which charges a check makes, kept ready for callers who come again."""

import secrets
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from backoffice.core import InvalidInput
from backoffice.ratelimit.charges import Charge
from backoffice.ratelimit.keys import Keys, digest
from backoffice.ratelimit.limits import Limit
from backoffice.ratelimit.overrides import Overrides

#: Callers whose charges are kept, about 600 bytes each.
MOST = 4096


class Ready(NamedTuple):
    """The charges of a check, and what they were made from."""

    #: The digest under which the caller is counted.
    caller: str
    charges: list[Charge]
    limits: Sequence[Limit]
    cost: int
    shadow: bool


class Charging:
    """Makes the charges of checks, under the limits that hold for them now."""

    def __init__(self, keys: Keys, overrides: Overrides) -> None:
        self._keys = keys
        self._overrides = overrides
        self._ready: OrderedDict[tuple[str, str], Ready] = OrderedDict()

    def of(
        self, name: str, key: str, limits: Sequence[Limit], cost: int, shadow: bool = False
    ) -> Ready:
        """The charges of such a check; raises InvalidInput for a cost below 0."""
        ready = self._ready.get((name, key))
        caller = digest(key) if ready is None else ready.caller
        if self._overrides:
            limits = self._overrides.limits(name, caller) or limits
        if (
            ready is not None
            and ready.limits is limits
            and ready.cost == cost
            and ready.shadow is shadow
        ):
            return ready
        ready = self._made(name, caller, limits, cost, shadow)
        # Each holder takes a place of its own; a list may change under our hands.
        if isinstance(limits, tuple) and not any(each.holder for each in ready.charges):
            self._keep((name, key), ready)
        return ready

    def _made(
        self, name: str, caller: str, limits: Sequence[Limit], cost: int, shadow: bool
    ) -> Ready:
        if cost < 0:
            raise InvalidInput("This would cost less than nothing.", code="negative_cost")
        # Who pays nothing is refused nothing, and must not stand in the way of other checks.
        unrefused, of = shadow or not cost, self._keys.of
        charges = [
            Charge(of(name, caller, limit), limit, cost, unrefused, _holder(limit))
            for limit in limits
        ]
        return Ready(caller, charges, limits, cost, shadow)

    def _keep(self, of: tuple[str, str], ready: Ready) -> None:
        self._ready[of] = ready
        if len(self._ready) > MOST:
            self._ready.popitem(last=False)


def _holder(limit: Limit) -> str:
    return secrets.token_urlsafe(9) if limit.kind == "concurrent" else ""
