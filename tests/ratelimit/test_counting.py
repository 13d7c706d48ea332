"""How units are spent and come back: the same in memory and in Redis."""

import anyio
import pytest

from backoffice.ratelimit import limits
from tests.ratelimit.counters import MINUTE, SECOND, Counters, InMemory, spend

pytestmark = pytest.mark.anyio


async def test_a_limit_lets_through_as_many_as_it_says(counters: Counters) -> None:
    five = limits("5/minute")
    found = [await spend(counters, five) for _ in range(6)]
    assert found == [*[(True, [left]) for left in (4, 3, 2, 1, 0)], (False, [0])]


async def test_units_come_back_one_by_one(counters: Counters) -> None:
    five = limits("5/minute")
    await spend(counters, five, cost=5)
    counters.elapse(12 * SECOND)
    assert await spend(counters, five) == (True, [0])
    assert await spend(counters, five) == (False, [0])
    counters.elapse(36 * SECOND)
    assert await spend(counters, five) == (True, [2])


async def test_nothing_is_saved_up_beyond_the_limit(counters: Counters) -> None:
    five = limits("5/minute")
    await spend(counters, five)
    counters.elapse(100 * MINUTE)
    assert await spend(counters, five) == (True, [4])


async def test_a_burst_bounds_what_is_spent_at_once(counters: Counters) -> None:
    bursty = limits("60/minute;burst=2")
    assert [(await spend(counters, bursty))[0] for _ in range(3)] == [True, True, False]
    counters.elapse(SECOND)
    assert await spend(counters, bursty) == (True, [0])


async def test_a_cost_is_spent_whole_or_not_at_all(counters: Counters) -> None:
    five = limits("5/minute")
    assert await spend(counters, five, cost=3) == (True, [2])
    assert await spend(counters, five, cost=3) == (False, [2])
    assert await spend(counters, five, cost=2) == (True, [0])


async def test_who_is_refused_by_one_limit_spends_nothing_of_the_others(
    counters: Counters,
) -> None:
    both = limits("2/minute", "100/day")
    for _ in range(10):
        allowed, left = await spend(counters, both)
    assert (allowed, left) == (False, [0, 98])


async def test_hammering_does_not_put_off_the_return(counters: Counters) -> None:
    one = limits("1/minute")
    await spend(counters, one)
    for _ in range(59):
        counters.elapse(SECOND)
        assert not (await spend(counters, one))[0]
    counters.elapse(SECOND)
    assert (await spend(counters, one))[0]


async def test_cost_zero_looks_and_spends_nothing(counters: Counters) -> None:
    one = limits("1/minute")
    assert await spend(counters, one, cost=0) == (True, [1])
    assert len(counters) == 0
    await spend(counters, one)
    assert await spend(counters, one, cost=0) == (False, [0])


async def test_a_refusal_writes_nothing(counters: Counters) -> None:
    assert not (await spend(counters, limits("5/minute", "2/day"), cost=3))[0]
    assert len(counters) == 0


async def test_callers_do_not_share(counters: Counters) -> None:
    one = limits("1/minute")
    assert (await spend(counters, one, caller="ada"))[0]
    assert (await spend(counters, one, caller="grace"))[0]


async def test_two_hundred_at_once_against_fifty_let_fifty_through(counters: Counters) -> None:
    fifty = limits("50/hour", "1000/day")
    outcomes: list[bool] = []

    async def one() -> None:
        outcomes.append((await spend(counters, fifty))[0])

    async with anyio.create_task_group() as tasks:
        for _ in range(200):
            tasks.start_soon(one)
    assert (outcomes.count(True), outcomes.count(False)) == (50, 150)
    assert await spend(counters, fifty, cost=0) == (False, [0, 950])


@pytest.mark.parametrize("written", ["1/second", "7/second", "20/minute", "3/10 seconds;burst=9"])
async def test_no_window_holds_more_than_the_burst_and_what_came_back(written: str) -> None:
    """Greedy at every instant, for ten periods: never more than burst + time / emission."""
    counters = InMemory()
    (limit,) = wanted = limits(written)
    step, passed = limit.emission // 3 + 1, 0
    for _ in range(30 * limit.count):
        while (await spend(counters, wanted))[0]:
            passed += 1
        assert passed <= limit.burst + counters.now // limit.emission
        counters.elapse(step)
    assert passed >= limit.burst + counters.now // limit.emission - 1
