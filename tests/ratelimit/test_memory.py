"""What a process without Redis keeps, however many callers come."""

import subprocess
import sys

import pytest

from backoffice.ratelimit import Charge, Limit, limits
from tests.ratelimit.counters import MINUTE, SECOND, InMemory

FIVE, STRICT, DAILY, PLACES = ALL = limits(
    "5/hour", "5/hour;strict", "5/day;calendar", "5 concurrent"
)

#: A million networks, each of which asks once; then what the process has grown by, in bytes.
MILLION = """
import asyncio
from pathlib import Path
from backoffice.ratelimit import Charge, MemoryStore, limits

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

async def main():
    store = MemoryStore()
    (limit,) = limits("5/hour")
    before = resident()
    for caller in range(1_000_000):
        verdict = await store.charge([Charge(f"backoffice:{{{caller:022}}}:12345678", limit)])
        assert verdict.allowed
    print(len(store), resident() - before)

asyncio.run(main())
"""

pytestmark = pytest.mark.anyio


async def ask(
    counters: InMemory, caller: object, limit: Limit = FIVE, cost: int = 1, holder: str = ""
) -> bool:
    asked = Charge(f"{caller}:{limit}", limit, cost, holder=holder)
    return (await counters.store.charge([asked])).allowed


async def spend_wholly(counters: InMemory, caller: object, limit: Limit) -> None:
    for holder in "abcde":
        assert await ask(counters, caller, limit, holder=holder)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_million_callers_take_no_more_memory_than_the_store_may() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", MILLION], check=True, capture_output=True, text=True
    )
    counters, grown = map(int, ran.stdout.split())
    assert counters == 100_000
    assert grown < 800 * counters


@pytest.mark.parametrize("limit", ALL, ids=str)
async def test_a_limit_that_is_wholly_spent_is_not_forgotten_for_newcomers(limit: Limit) -> None:
    counters = InMemory(size=100)
    await spend_wholly(counters, "abuser", limit)
    for newcomer in range(10_000):
        await ask(counters, newcomer)
    assert not await ask(counters, "abuser", limit, holder="f")
    assert len(counters) == 100


async def test_what_is_nearly_spent_outlives_what_is_hardly() -> None:
    """An hour's lockout does not end after its first fifth because many others came."""
    counters = InMemory(size=100)
    await spend_wholly(counters, "abuser", FIVE)
    counters.elapse(12 * MINUTE)
    for newcomer in range(10_000):
        await ask(counters, newcomer)
    assert await ask(counters, "abuser")
    assert not await ask(counters, "abuser")


async def test_newcomers_are_counted_together_where_all_others_are_wholly_spent() -> None:
    """Neither is a spent limit forgotten for them, nor do they go uncounted."""
    counters = InMemory(size=100)
    for abuser in range(100):
        await spend_wholly(counters, abuser, FIVE)
    passed = 0
    # 30 for each of the places that they share: by chance alone none is left with fewer than five.
    for newcomer in range(30_000):
        passed += await ask(counters, f"new-{newcomer}")
    assert passed == 5 * 1000
    assert len(counters) == 100
    for abuser in range(100):
        assert not await ask(counters, abuser)


async def test_newcomers_are_counted_by_themselves_again_when_a_limit_has_come_back() -> None:
    counters = InMemory(size=100)
    for abuser in range(100):
        await spend_wholly(counters, abuser, FIVE)
    counters.elapse(13 * MINUTE)
    for newcomer in range(1000):
        for _ in range(5):
            assert await ask(counters, f"new-{newcomer}")
        counters.elapse(61 * MINUTE)


async def test_a_place_taken_while_there_was_no_room_is_given_back() -> None:
    counters = InMemory(size=10)
    for abuser in range(10):
        await spend_wholly(counters, abuser, FIVE)
    taken = Charge("late", PLACES, holder="a")
    given_back = Charge("late", PLACES, -1, holder="a")
    for _ in range(20):
        assert (await counters.store.charge([taken])).allowed
        verdict = await counters.store.charge([given_back], "settle")
        assert verdict.standings[0].remaining == 5


async def test_what_is_unspent_again_is_forgotten_first() -> None:
    counters = InMemory(size=100)
    (short,) = limits("5/second")
    for caller in range(50):
        await ask(counters, f"short-{caller}", short)
    for caller in range(50):
        await ask(counters, caller, cost=2)
    counters.elapse(SECOND)
    for newcomer in range(50):
        await ask(counters, f"new-{newcomer}", cost=2)
    assert [await ask(counters, caller, cost=4) for caller in range(50)] == [False] * 50


async def test_limits_that_are_reset_are_unspent() -> None:
    counters = InMemory()
    await spend_wholly(counters, "ada", FIVE)
    await counters.store.reset([f"ada:{FIVE}", "nobody"])
    assert await ask(counters, "ada", cost=5)
    assert len(counters) == 1
