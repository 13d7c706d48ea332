"""What a request holds until it ends: places, reservations, and tries that may yet succeed."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import anyio

from backoffice.core import Unavailable
from backoffice.ratelimit.charges import Charge, Store
from backoffice.ratelimit.leases import Lease
from backoffice.ratelimit.reservations import Reservation


@dataclass(slots=True)
class Holding:
    """What one check has taken in `store`, as far as its end depends on how the request ends."""

    store: Store
    charges: Sequence[Charge]
    #: When, in seconds of a clock that never goes back.
    at: float
    leases: Sequence[Lease] = ()
    reservation: Reservation | None = None
    #: Whether it counts failures alone, so that a success is given back.
    on_failures: bool = False

    def corrections(self, now: float, *, failed: bool) -> Iterator[Charge]:
        """The charges that settle it."""
        age = round((now - self.at) * 1_000_000)
        for each in self.charges:
            difference = self._difference(each, failed)
            if difference:
                yield Charge(each.key, each.limit, difference, each.shadow, each.holder, age)

    def _difference(self, charge: Charge, failed: bool) -> int:
        if charge.holder:
            return -1
        if self.reservation is not None:
            actual = self.reservation.actual
            return 0 if actual is None else actual - charge.cost
        return -charge.cost if self.on_failures and not failed else 0


async def end(holdings: Iterable[Holding], now: float, *, failed: bool) -> None:
    """Settle these at the end of a request."""
    owed: dict[Store, list[Charge]] = defaultdict(list)
    for each in holdings:
        for lease in each.leases:
            lease.end()
        owed[each.store] += each.corrections(now, failed=failed)
    # A client who leaves must not keep its place by that: what cancels the request waits here.
    with anyio.CancelScope(shield=True):
        for store, charges in owed.items():
            await _settle(store, charges)


async def _settle(store: Store, charges: Sequence[Charge]) -> None:
    if not charges:
        return
    try:
        await store.charge(charges, "settle")
    except Unavailable:
        # The store says so itself. What was reserved stays spent, and places end with their lease.
        return
