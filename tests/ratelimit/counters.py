"""Counters in memory and in Redis, and time that a test moves."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import redis

from backoffice.core import Clock
from backoffice.ratelimit import Charge, Limit, MemoryStore, Verdict
from backoffice.ratelimit.charges import How, Store
from backoffice.ratelimit.redis import SCRIPT, RedisStore

SECOND = 10**6
MINUTE = 60 * SECOND
DAY = 86400 * SECOND
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: A Thursday, at 0:02:03 UTC.
START = datetime(2026, 10, 1, 0, 2, 3, tzinfo=UTC)

#: Where the time stands in a Redis whose script asks the test, not the server, what time it is.
CLOCK = "the test's clock"


class Counters(Protocol):
    """A store, and the time that passes in it."""

    store: Store

    def move_to(self, moment: datetime) -> None:
        """Let it be that moment."""

    def elapse(self, microseconds: int) -> None:
        """Let that much time pass."""

    def __len__(self) -> int:
        """How many counters there are."""


class SharedClock(Clock):
    """One count of microseconds, for spans of time as for the time of day."""

    def __init__(self) -> None:
        self.microseconds = microseconds(START)

    def now(self) -> datetime:
        return EPOCH + timedelta(microseconds=self.microseconds)

    def monotonic(self) -> float:
        return self.microseconds / 1_000_000


class InMemory:
    def __init__(self, size: int = 100_000) -> None:
        self.clock = SharedClock()
        self.memory = MemoryStore(size, self.clock)
        self.store: Store = self.memory

    def move_to(self, moment: datetime) -> None:
        self.clock.microseconds = microseconds(moment)

    def elapse(self, microseconds: int) -> None:
        self.clock.microseconds += microseconds

    @property
    def now(self) -> int:
        """Microseconds since the start."""
        return self.clock.microseconds - microseconds(START)

    def __len__(self) -> int:
        return len(self.memory)


class InRedis:
    """The script is as it is but for what it takes for the time, and keys that live longer.

    For Redis removes keys by its own clock, which is nobody's to move.
    """

    def __init__(self, url: str) -> None:
        self.store: Store = RedisStore(url, timeout=5, script=_moved(SCRIPT))
        self.client = redis.Redis.from_url(url)
        self._now = 0
        self.move_to(START)

    def move_to(self, moment: datetime) -> None:
        self._now = microseconds(moment)
        self.client.set(CLOCK, self._now)

    def elapse(self, microseconds: int) -> None:
        self._now += microseconds
        self.client.set(CLOCK, self._now)

    def __len__(self) -> int:
        return int(self.client.dbsize()) - 1

    def close(self) -> None:
        self.client.close()


def _moved(script: str) -> str:
    for real, moved in (
        ("redis.call('TIME')", f'{{0, redis.call("GET", "{CLOCK}")}}'),
        ("'PX', ceil(", "'PX', 3600000 + ceil("),
        ("'PEXPIRE', c.key, ceil(", "'PEXPIRE', c.key, 3600000 + ceil("),
    ):
        assert real in script
        script = script.replace(real, moved)
    return script


def microseconds(moment: datetime) -> int:
    """The moment as the stores count it."""
    return (moment - EPOCH) // timedelta(microseconds=1)


async def spend(
    counters: Counters, limits: Sequence[Limit], cost: int = 1, caller: str = "ada"
) -> tuple[bool, list[int]]:
    """One check of these limits; whether it was allowed, and what is left of each."""
    charges = [Charge(f"{{{caller}}}:{limit}", limit, cost) for limit in limits]
    verdict = await counters.store.charge(charges)
    return verdict.allowed, [each.remaining for each in verdict.standings]


async def charge(
    counters: Counters, limit: Limit, cost: int = 1, how: How = "spend", **given: str | int
) -> Verdict:
    """One charge on the counter of this limit."""
    made = Charge(
        f"{{ada}}:{limit}",
        limit,
        cost,
        holder=str(given.get("holder", "")),
        age=int(given.get("age", 0)),
    )
    return await counters.store.charge([made], how)
