"""Counters in memory and in Redis, and time that a test moves."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

import redis

from backoffice.core.testing import ManualClock
from backoffice.ratelimit import Charge, Limit, MemoryStore
from backoffice.ratelimit.charges import Store
from backoffice.ratelimit.redis import RedisStore


class Counters(Protocol):
    """A store, and the time that passes in it."""

    store: Store

    def elapse(self, microseconds: int) -> None:
        """Let that much time pass."""

    def __len__(self) -> int:
        """How many counters there are."""


class InMemory:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.memory = MemoryStore(clock=self.clock)
        self.store: Store = self.memory

    def elapse(self, microseconds: int) -> None:
        self.clock.advance(timedelta(microseconds=microseconds))

    @property
    def now(self) -> int:
        """Microseconds since the store was made."""
        return round(self.clock.monotonic() * 1_000_000)

    def __len__(self) -> int:
        return len(self.memory)


class InRedis:
    """Time passes by setting back what the keys hold; the server's clock is nobody's to move."""

    def __init__(self, url: str) -> None:
        self.store: Store = RedisStore(url, timeout=5)
        self._client = redis.Redis.from_url(url)

    def elapse(self, microseconds: int) -> None:
        for key in self._client.scan_iter():
            self._client.decrby(key, microseconds)

    def __len__(self) -> int:
        return int(self._client.dbsize())

    def close(self) -> None:
        self._client.close()


async def spend(
    counters: Counters, limits: Sequence[Limit], cost: int = 1, caller: str = "ada"
) -> tuple[bool, list[int]]:
    """One check of these limits; whether it was allowed, and what is left of each."""
    charges = [Charge(f"{{{caller}}}:{limit}", limit, cost) for limit in limits]
    verdict = await counters.store.charge(charges)
    return verdict.allowed, [each.remaining for each in verdict.standings]
