"""Limits counted in this process."""

from collections import OrderedDict
from collections.abc import Sequence

from backoffice.core import Clock
from backoffice.ratelimit.limits import Limit


class MemoryStore:
    """Keeps at most `size` counters; where more are needed, the longest unused are forgotten."""

    def __init__(self, size: int = 100_000, clock: Clock | None = None) -> None:
        self._size = size
        self._clock = clock or Clock()
        # For each key the time at which its limit will be wholly unspent.
        self._drained: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._drained)

    async def spend(
        self, keys: Sequence[str], limits: Sequence[Limit], cost: int
    ) -> tuple[bool, list[int]]:
        """Spend `cost` of every limit, or of none; its backlogs in microseconds.

        Nothing here awaits, so that no other check comes in between.
        """
        now, asked = round(self._clock.monotonic() * 1_000_000), max(cost, 1)
        backlogs, after = [], []
        allowed = True
        for key, limit in zip(keys, limits, strict=True):
            backlog = self._backlog(key, limit, now)
            then = backlog + asked * limit.emission
            allowed = allowed and then <= limit.capacity
            backlogs.append(backlog)
            after.append(then)
        if not allowed or cost == 0:
            return allowed, backlogs
        for key, backlog in zip(keys, after, strict=True):
            self._drained[key] = now + backlog
        while len(self._drained) > self._size:
            self._drained.popitem(last=False)
        return True, after

    def _backlog(self, key: str, limit: Limit, now: int) -> int:
        drained = self._drained.get(key)
        if drained is None:
            return 0
        # Whoever comes again, refused or not, is not forgotten for newcomers.
        self._drained.move_to_end(key)
        return min(max(drained - now, 0), limit.capacity)

    async def ping(self) -> None:
        """A process can always reach its own memory."""

    async def close(self) -> None:
        """Forget every counter."""
        self._drained.clear()
