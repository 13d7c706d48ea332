"""Leases: a place among so many at once is taken for a while, and renewed as long as it is held."""

import asyncio
from collections.abc import Sequence

from backoffice.core import Unavailable
from backoffice.ratelimit.charges import Charge, Store

#: Renewed so many times within a lease, so that one answer may be lost.
RENEWALS = 3


class Lease:
    """One place, renewed until `end`; that of a process that dies comes back by itself."""

    __slots__ = ("_charge", "_leases", "_store", "_timer")

    def __init__(self, leases: "Leases", store: Store, charge: Charge) -> None:
        self._leases = leases
        self._store = store
        # At a cost of 0 a place is kept for another lease.
        self._charge = Charge(charge.key, charge.limit, 0, charge.shadow, charge.holder)
        self._timer = self._later()

    def end(self) -> None:
        """Renew it no more."""
        self._timer.cancel()
        self._leases.forget(self)

    def _later(self) -> asyncio.TimerHandle:
        pause = self._charge.limit.period / 1_000_000 / RENEWALS
        return asyncio.get_running_loop().call_later(pause, self._due)

    def _due(self) -> None:
        self._leases.start(self)
        self._timer = self._later()

    async def renew(self) -> None:
        """Keep the place for another lease; where the store is away, the next renewal may."""
        try:
            await self._store.charge([self._charge], "settle")
        except Unavailable:
            return


class Leases:
    """The leases that this process holds."""

    def __init__(self) -> None:
        self._held: set[Lease] = set()
        self._renewing: dict[asyncio.Task[None], Lease] = {}

    def hold(self, store: Store, charges: Sequence[Charge]) -> list[Lease]:
        """Renew the places that these charges took."""
        leases = [Lease(self, store, each) for each in charges if each.holder]
        self._held.update(leases)
        return leases

    def start(self, lease: Lease) -> None:
        """Renew it now, beside whatever else happens."""
        task = asyncio.create_task(lease.renew())
        self._renewing[task] = lease
        task.add_done_callback(lambda done: self._renewing.pop(done, None))

    def forget(self, lease: Lease) -> None:
        """A renewal under way would take the place again that is given back."""
        self._held.discard(lease)
        for task, renewed in list(self._renewing.items()):
            if renewed is lease:
                task.cancel()

    async def close(self) -> None:
        """Renew none any more."""
        for each in list(self._held):
            each.end()
        tasks = list(self._renewing)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
