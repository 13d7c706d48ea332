"""Limits counted in this process."""

from collections import OrderedDict
from collections.abc import Sequence

from backoffice.core import Clock
from backoffice.ratelimit.charges import Charge, How, Standing, Verdict


class MemoryStore:
    """Keeps at most `size` counters; where more are needed, the longest unused are forgotten."""

    def __init__(self, size: int = 100_000, clock: Clock | None = None) -> None:
        self._size = size
        self._clock = clock or Clock()
        # For each key the time at which its limit will be wholly unspent.
        self._drained: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._drained)

    async def charge(self, charges: Sequence[Charge], how: How = "spend") -> Verdict:
        """Judge the charges together. Nothing here awaits, so that no other comes in between."""
        now = round(self._clock.monotonic() * 1_000_000)
        before = [self._backlog(each, now) for each in charges]
        waits = [_wait(each, backlog) for each, backlog in zip(charges, before, strict=True)]
        allowed = how == "settle" or not any(
            wait for each, wait in zip(charges, waits, strict=True) if not each.shadow
        )
        standings = []
        for each, backlog, wait in zip(charges, before, waits, strict=True):
            left = backlog
            if allowed and how != "look" and each.cost and (how == "settle" or not wait):
                left = max(backlog + each.cost * each.limit.emission, 0)
                self._drained[each.key] = now + left
            remaining = max((each.limit.capacity - left) // each.limit.emission, 0)
            standings.append(Standing(each.limit, remaining, wait, left, each.shadow))
        while len(self._drained) > self._size:
            self._drained.popitem(last=False)
        return Verdict(allowed, tuple(standings))

    async def reset(self, keys: Sequence[str]) -> None:
        """Forget what was spent under these keys."""
        for key in keys:
            self._drained.pop(key, None)

    def _backlog(self, charge: Charge, now: int) -> int:
        drained = self._drained.get(charge.key)
        if drained is None:
            return 0
        # Whoever comes again, refused or not, is not forgotten for newcomers.
        self._drained.move_to_end(charge.key)
        return max(drained - now, 0)

    async def ping(self) -> None:
        """A process can always reach its own memory."""

    async def close(self) -> None:
        """Forget every counter."""
        self._drained.clear()


def _wait(charge: Charge, backlog: int) -> int:
    limit, asked = charge.limit, max(charge.cost, 1)
    if asked > limit.burst:
        return max(backlog, 1)
    return max(backlog + asked * limit.emission - limit.capacity, 0)
