"""What most checks are takes a shorter way, and comes to the same."""

import random
from collections.abc import Sequence

import pytest

from backoffice.core.testing import ManualClock
from backoffice.ratelimit import Charge, Decision, Limit, MemoryStore, Verdict, limits
from backoffice.ratelimit.headers import Headers

LIMITS = limits("3/second", "5/10 seconds;burst=2", "20/minute;burst=30", "7/minute;strict")


class Roundabout(MemoryStore):
    """Takes no shorter way."""

    def alone(self, _: Charge) -> None:
        return None

    def _several(self, _: Sequence[Charge]) -> None:
        return None


def some_charges(chance: random.Random) -> list[Charge]:
    """Of few callers, so that they meet again; a counter may be charged twice."""
    found = []
    for _ in range(chance.choice([1, 1, 2, 3])):
        limit = chance.choice(LIMITS)
        key = f"{chance.choice('abc')}{limit}"
        found.append(Charge(key, limit, chance.choice([0, 1, 1, 2, 5, 40]), chance.random() < 0.2))
    return found


@pytest.mark.parametrize("seed", range(20))
def test_counting_comes_to_the_same(seed: int) -> None:
    chance, time = random.Random(seed), ManualClock()
    # So small that counters are forgotten, and newcomers share.
    stores = MemoryStore(8, time), Roundabout(8, time)
    for _ in range(300):
        time.advance(chance.choice([0, 0, 0.05, 0.7, 4]))
        charges = some_charges(chance)
        found, expected = (each.charged(charges) for each in stores)
        assert found == expected
        assert list(stores[0]._counters) == list(stores[1]._counters)


@pytest.mark.parametrize("seed", range(20))
def test_the_fields_read_the_same(seed: int) -> None:
    chance, time = random.Random(seed), ManualClock()
    store, headers = MemoryStore(clock=time), Headers()
    for _ in range(100):
        time.advance(chance.choice([0, 0, 0.05, 0.7, 4]))
        decisions = [decided(store, some_charges(chance)) for _ in range(chance.choice([1, 1, 2]))]
        written = headers.fields(decisions)
        expected = [(name.lower().encode(), text.encode()) for name, text in written.items()]
        assert headers.raw(decisions) == expected


def decided(store: MemoryStore, charges: Sequence[Charge]) -> Decision:
    verdict: Verdict = store.charged(charges)
    return Decision("door", verdict.allowed, charges[0].cost, verdict.standings)


def test_what_most_have_takes_the_shorter_way() -> None:
    store = MemoryStore()
    plain: Limit = LIMITS[0]
    assert store.alone(Charge("a", plain)) is not None
    assert store._several([Charge("a", plain), Charge("b", plain)]) is not None
