"""A strict limit: never more than its count, in any window of its period."""

import random
from collections import deque

import pytest

from backoffice.ratelimit import Limit, limits
from tests.ratelimit.counters import MINUTE, SECOND, Counters, InMemory, charge, spend

pytestmark = pytest.mark.anyio


async def test_a_strict_limit_lets_through_as_many_as_it_says(counters: Counters) -> None:
    five = limits("5/minute;strict")
    found = [await spend(counters, five) for _ in range(6)]
    assert found == [*[(True, [left]) for left in (4, 3, 2, 1, 0)], (False, [0])]


async def test_what_was_spent_comes_back_when_the_window_has_left_it(counters: Counters) -> None:
    """Half at once and half later: the halves come back apart, a slot late at most."""
    (ten,) = limits("10/minute;strict")
    await charge(counters, ten, 5)
    counters.elapse(30 * SECOND)
    await charge(counters, ten, 5)
    counters.elapse(30 * SECOND)
    assert not (await charge(counters, ten)).allowed
    counters.elapse(3 * SECOND)
    assert (await charge(counters, ten)).standings[0].remaining == 4
    counters.elapse(30 * SECOND)
    assert (await charge(counters, ten)).standings[0].remaining == 8


async def test_a_refused_cost_fits_after_its_wait_and_not_before(counters: Counters) -> None:
    (ten,) = limits("10/minute;strict")
    for _ in range(5):
        await charge(counters, ten, 2)
        counters.elapse(7 * SECOND)
    refused = await charge(counters, ten, 5)
    assert not refused.allowed
    (standing,) = refused.standings
    counters.elapse(standing.wait - 1)
    assert not (await charge(counters, ten, 5)).allowed
    counters.elapse(1)
    assert (await charge(counters, ten, 5)).allowed


async def test_a_whole_window_later_all_is_unspent(counters: Counters) -> None:
    (ten,) = limits("10/minute;strict")
    spent = await charge(counters, ten, 10)
    assert spent.standings[0].reset <= MINUTE * 21 // 20 + SECOND
    counters.elapse(spent.standings[0].reset)
    looked = await charge(counters, ten, how="look")
    assert (looked.standings[0].remaining, looked.standings[0].reset) == (10, 0)


@pytest.mark.parametrize(
    "written", ["1/second;strict", "20/minute;strict", "300/10 seconds;strict", "70000/hour;strict"]
)
async def test_no_window_ever_holds_more_than_the_count(written: str) -> None:
    """Whoever takes all they can get at every instant of thousands never gets more."""
    chance = random.Random(written)
    counters = InMemory()
    (limit,) = limits(written)
    taken: deque[tuple[int, int]] = deque()
    total = most = 0
    for _ in range(5000):
        cost = await _all_that_is_left(counters, limit)
        taken.append((counters.now, cost))
        total += cost
        while taken[0][0] <= counters.now - limit.period:
            total -= taken.popleft()[1]
        assert total <= limit.count
        most = max(most, total)
        counters.elapse(chance.choice((1, 1000, limit.period // 50, limit.period // 7)))
    assert most == limit.count


async def test_hardly_less_than_the_count_is_had_in_the_long_run() -> None:
    """A slot is a twentieth of the window: that much later comes back what is spent at once."""
    counters = InMemory()
    (limit,) = limits("20/minute;strict")
    passed = 0
    for _ in range(100 * 60):
        passed += (await charge(counters, limit)).allowed
        counters.elapse(SECOND)
    assert 0.9 * 100 * limit.count <= passed <= 100 * limit.count


async def _all_that_is_left(counters: InMemory, limit: Limit) -> int:
    left = (await charge(counters, limit, how="look")).standings[0].remaining
    if left:
        assert (await charge(counters, limit, left)).allowed
    assert not (await charge(counters, limit)).allowed
    return left
