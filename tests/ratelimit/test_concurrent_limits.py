"""A limit of concurrency: so many places at once, each lent for a lease."""

import pytest

from backoffice.ratelimit import Charge, limits
from tests.ratelimit.counters import SECOND, Counters, charge

TWO = limits("2 concurrent;lease=30 seconds")[0]

pytestmark = pytest.mark.anyio


async def take(counters: Counters, holder: str) -> bool:
    return (await charge(counters, TWO, holder=holder)).allowed


async def keep(counters: Counters, holder: str) -> bool:
    return not (await charge(counters, TWO, 0, "settle", holder=holder)).standings[0].wait


async def give_back(counters: Counters, holder: str) -> int:
    """How many places are free after that."""
    verdict = await charge(counters, TWO, -1, "settle", holder=holder)
    return verdict.standings[0].remaining


async def test_there_are_as_many_places_as_it_says(counters: Counters) -> None:
    assert [await take(counters, holder) for holder in "abc"] == [True, True, False]


async def test_a_place_given_back_is_the_next_ones(counters: Counters) -> None:
    assert await take(counters, "a")
    assert await take(counters, "b")
    assert await give_back(counters, "a") == 1
    assert await take(counters, "c")
    assert not await take(counters, "a")


async def test_a_place_is_given_back_once(counters: Counters) -> None:
    await take(counters, "a")
    await take(counters, "b")
    assert [await give_back(counters, "a") for _ in range(3)] == [1, 1, 1]


async def test_whoever_has_a_place_takes_no_second_one(counters: Counters) -> None:
    assert await take(counters, "a")
    assert await take(counters, "a")
    assert await take(counters, "b")


async def test_places_that_nobody_keeps_come_back_after_their_lease(counters: Counters) -> None:
    await take(counters, "a")
    counters.elapse(10 * SECOND)
    await take(counters, "b")
    counters.elapse(20 * SECOND - 1)
    assert not await take(counters, "c")
    counters.elapse(1)
    assert await take(counters, "c")
    assert not await take(counters, "d")


async def test_a_place_that_is_kept_outlives_its_lease(counters: Counters) -> None:
    await take(counters, "a")
    await take(counters, "b")
    for _ in range(9):
        counters.elapse(10 * SECOND)
        assert await keep(counters, "a")
    assert await take(counters, "c")
    assert not await take(counters, "d")


async def test_a_lost_place_is_kept_again_only_where_one_is_free(counters: Counters) -> None:
    """As after a restart of Redis, in which all are lost and all who go on keep theirs."""
    await take(counters, "a")
    counters.elapse(30 * SECOND)
    assert await keep(counters, "a")
    assert await take(counters, "b")
    assert not await keep(counters, "c")
    assert not await take(counters, "d")


async def test_a_place_costs_one_whatever_else_the_request_costs(counters: Counters) -> None:
    verdict = await charge(counters, TWO, 1000, holder="a")
    assert (verdict.allowed, verdict.standings[0].remaining) == (True, 1)


async def test_looking_takes_no_place(counters: Counters) -> None:
    looked = await charge(counters, TWO, how="look", holder="a")
    assert (looked.allowed, looked.standings[0].remaining, len(counters)) == (True, 2, 0)


async def test_no_place_is_taken_when_another_limit_refuses(counters: Counters) -> None:
    (one,) = limits("1/hour")
    both = [Charge("{ada}:one", one), Charge("{ada}:two", TWO, holder="a")]
    assert (await counters.store.charge(both)).allowed
    both[1] = Charge("{ada}:two", TWO, holder="b")
    refused = await counters.store.charge(both)
    assert (refused.allowed, [each.remaining for each in refused.standings]) == (False, [0, 1])


async def test_whoever_finds_no_place_asks_again_in_a_second(counters: Counters) -> None:
    """Nobody knows when one is given back; the lease is the longest that it can take."""
    await take(counters, "a")
    await take(counters, "b")
    (standing,) = (await charge(counters, TWO, holder="c")).standings
    assert (standing.wait, standing.reset) == (SECOND, 30 * SECOND)
