"""Both stores are the same algebra, whatever comes in whatever order."""

import random
from collections.abc import Sequence

import pytest

from backoffice.ratelimit import Charge, Limit, limits
from backoffice.ratelimit.charges import How
from tests.ratelimit.counters import DAY, MINUTE, SECOND, InMemory, InRedis

LIMITS = limits(
    *("5/minute", "60/hour;burst=12", "7/second", "1/10 days", "1000000/second;burst=3"),
    *("5/minute;strict", "300/10 seconds;strict", "1/day;strict", "70000/hour;strict"),
    *("9/hour;calendar", "20/day;calendar", "5/week;calendar", "1000/month;calendar"),
    *("1 concurrent", "3 concurrent;lease=10 seconds"),
)
COSTS = (0, 1, 1, 1, 2, 5, 6, 40, 10**12)
CORRECTIONS = (-(10**12), -40, -5, -1, 0, 1, 3, 100, 10**13)
PAUSES = (0, 0, 0, 1, SECOND // 7, SECOND, 12 * SECOND, MINUTE, 59 * MINUTE, DAY, 9 * DAY)
MANNERS: Sequence[How] = ("spend", "spend", "spend", "look", "settle")

pytestmark = pytest.mark.anyio


def charges(chance: random.Random, wanted: Sequence[Limit], how: How) -> list[Charge]:
    """One to four charges, at times two on the same key."""
    return [
        Charge(
            f"{{ada}}:{limit}",
            limit,
            chance.choice(CORRECTIONS if how == "settle" else COSTS),
            shadow=chance.random() < 0.2,
            holder=chance.choice("abcdef"),
            age=pause(chance, wanted),
        )
        for limit in chance.choices(wanted, k=chance.choice((1, 1, 2, 4)))
    ]


def pause(chance: random.Random, wanted: Sequence[Limit]) -> int:
    """Often so short that the window is still the same."""
    if chance.random() < 0.2:
        return chance.choice(PAUSES)
    return chance.randrange(chance.choice(wanted).period // 5)


@pytest.mark.parametrize("seed", range(15))
async def test_any_sequence_ends_alike_in_memory_and_in_redis(redis_url: str, seed: int) -> None:
    chance = random.Random(seed)
    wanted = chance.sample(LIMITS, 3)
    memory, shared = InMemory(), InRedis(redis_url)
    outcomes = set()
    for _ in range(700):
        how = chance.choice(MANNERS)
        asked = charges(chance, wanted, how)
        expected = await memory.store.charge(asked, how)
        assert await shared.store.charge(asked, how) == expected, (how, asked)
        outcomes.add((how, expected.allowed))
        passed = pause(chance, wanted)
        memory.elapse(passed)
        shared.elapse(passed)
    await shared.store.close()
    shared.close()
    assert outcomes == {(how, True) for how in MANNERS} | {("spend", False), ("look", False)}
