"""Counting in this process while Redis is away: each worker lets its part of a limit through."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from backoffice.core import Clock
from backoffice.ratelimit.charges import Charge, How, Verdict
from backoffice.ratelimit.limits import Limit
from backoffice.ratelimit.memory import MemoryStore


class LocalStore(MemoryStore):
    """A memory for one of several workers, which divides each limit by their number."""

    def __init__(self, size: int, workers: int, clock: Clock | None = None) -> None:
        super().__init__(size, clock)
        self._workers = workers

    async def charge(self, charges: Sequence[Charge], how: How = "spend") -> Verdict:
        """Judge this worker's part; the standings name the limits as they are written."""
        verdict = await super().charge([self._part(each) for each in charges], how)
        named = zip(verdict.standings, charges, strict=True)
        return Verdict(
            verdict.allowed, tuple(each._replace(limit=charge.limit) for each, charge in named)
        )

    def _part(self, charge: Charge) -> Charge:
        limit = divided(charge.limit, self._workers)
        possible = charge.cost <= charge.limit.most
        # What the whole limit has room for must not be impossible for a part of it.
        cost = min(charge.cost, limit.most) if possible else charge.cost
        return charge._replace(limit=limit, cost=cost)


@lru_cache(maxsize=4096)
def divided(limit: Limit, workers: int) -> Limit:
    """The part of one of so many workers: one unit at least."""
    count, burst = max(limit.count // workers, 1), max(limit.burst // workers, 1)
    return replace(limit, count=count, burst=burst)
