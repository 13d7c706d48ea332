"""Costs that are known only afterwards: more or less than was charged."""

import pytest

from backoffice.ratelimit import Charge, limits
from tests.ratelimit.counters import MINUTE, SECOND, Counters, charge

WINDOWS = ("10/minute", "10/minute;strict", "10/day;calendar")

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("written", WINDOWS)
async def test_what_was_not_used_is_given_back(counters: Counters, written: str) -> None:
    (ten,) = limits(written)
    await charge(counters, ten, 8)
    settled = await charge(counters, ten, -5, "settle")
    assert (settled.allowed, settled.standings[0].remaining) == (True, 7)


@pytest.mark.parametrize("written", WINDOWS)
async def test_no_more_is_given_back_than_was_spent(counters: Counters, written: str) -> None:
    (ten,) = limits(written)
    await charge(counters, ten, 2)
    settled = await charge(counters, ten, -500, "settle")
    assert (settled.standings[0].remaining, settled.standings[0].reset) == (10, 0)
    assert len(counters) == 0


@pytest.mark.parametrize("written", WINDOWS)
async def test_more_than_was_charged_is_counted_though_it_does_not_fit(
    counters: Counters, written: str
) -> None:
    (ten,) = limits(written)
    await charge(counters, ten, 8)
    settled = await charge(counters, ten, 30, "settle")
    assert (settled.allowed, settled.standings[0].remaining) == (True, 0)
    assert not (await charge(counters, ten)).allowed


async def test_overspending_is_paid_back_by_waiting(counters: Counters) -> None:
    """38 of 10 a minute: 28 are owed, which takes 168 seconds, and a unit 6 more."""
    (ten,) = limits("10/minute")
    await charge(counters, ten, 8)
    await charge(counters, ten, 30, "settle")
    assert (await charge(counters, ten)).standings[0].wait == 174 * SECOND
    counters.elapse(174 * SECOND - 1)
    assert not (await charge(counters, ten)).allowed
    counters.elapse(1)
    assert (await charge(counters, ten)).allowed


async def test_what_has_come_back_by_itself_is_not_given_back_again(counters: Counters) -> None:
    (ten,) = limits("10/minute")
    await charge(counters, ten, 10)
    counters.elapse(MINUTE)
    await charge(counters, ten, 10)
    settled = await charge(counters, ten, -10, "settle", age=MINUTE)
    assert settled.standings[0].remaining == 0


async def test_what_has_left_a_strict_window_is_not_given_back(counters: Counters) -> None:
    (ten,) = limits("10/minute;strict")
    await charge(counters, ten, 10)
    counters.elapse(66 * SECOND)
    await charge(counters, ten, 10)
    settled = await charge(counters, ten, -10, "settle", age=66 * SECOND)
    assert settled.standings[0].remaining == 0


async def test_giving_back_takes_nothing_from_what_others_spent_since(counters: Counters) -> None:
    """Five of which nothing was used, then five that were: these stay for their whole window."""
    (ten,) = limits("10/minute;strict")
    await charge(counters, ten, 5)
    counters.elapse(30 * SECOND)
    await charge(counters, ten, 5)
    await charge(counters, ten, -5, "settle", age=30 * SECOND)
    counters.elapse(59 * SECOND)
    assert (await charge(counters, ten, how="look")).standings[0].remaining == 5


async def test_a_shadow_is_counted_where_it_fits_and_refuses_nobody(counters: Counters) -> None:
    ten, two = limits("10/minute", "2/hour")
    both = [Charge("{ada}:ten", ten), Charge("{ada}:two", two, shadow=True)]
    found = [await counters.store.charge(both) for _ in range(4)]
    assert [each.allowed for each in found] == [True] * 4
    assert [each.standings[0].remaining for each in found] == [9, 8, 7, 6]
    assert [each.standings[1].remaining for each in found] == [1, 0, 0, 0]
    assert [each.standings[1].wait > 0 for each in found] == [False, False, True, True]


async def test_a_shadow_is_not_counted_when_the_request_is_refused(counters: Counters) -> None:
    one, nine = limits("1/minute", "9/hour")
    both = [Charge("{ada}:one", one), Charge("{ada}:nine", nine, shadow=True)]
    found = [await counters.store.charge(both) for _ in range(3)]
    assert [each.standings[1].remaining for each in found] == [8, 8, 8]


@pytest.mark.parametrize("written", [*WINDOWS, "10/minute;burst=4"])
async def test_a_cost_above_what_is_allowed_at_once_never_fits(
    counters: Counters, written: str
) -> None:
    (limit,) = limits(written)
    refused = await charge(counters, limit, limit.burst + 1)
    assert (refused.allowed, refused.standings[0].remaining) == (False, limit.burst)
    assert refused.standings[0].wait > 0
    assert len(counters) == 0


async def test_a_limit_that_is_charged_twice_in_one_request_is_spent_twice(
    counters: Counters,
) -> None:
    (three,) = limits("3/minute")
    twice = [Charge("{ada}:three", three)] * 2
    found = [await counters.store.charge(twice) for _ in range(2)]
    assert [(each.allowed, each.standings[1].remaining) for each in found] == [
        (True, 1),
        (False, 1),
    ]
