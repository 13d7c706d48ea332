"""The memory of who was refused: it spares Redis, and never lets one more through."""

from collections.abc import Callable, Sequence

import pytest
from anyio import Event, create_task_group

from backoffice.core import Clock, Unavailable
from backoffice.core.testing import ManualClock
from backoffice.ratelimit import Charge, Check, Limiter, MemoryStore, Standing, Verdict, limits
from backoffice.ratelimit.charges import How
from backoffice.ratelimit.headers import Headers, steady
from backoffice.ratelimit.local import LocalStore
from backoffice.ratelimit.refused import MOST, Refused
from backoffice.ratelimit.watch import outcome_of

pytestmark = pytest.mark.anyio
FIVE, BOTH = limits("5/minute"), limits("5/minute", "100/day")


class Counted(MemoryStore):
    """Counts how often it is asked."""

    asked = 0

    async def charge(self, charges: Sequence[Charge], how: How = "spend") -> Verdict:
        self.asked += 1
        return await super().charge(charges, how)


class Bench:
    """A limiter beside a store that is not its own memory, and time that a test moves."""

    def __init__(self, kind: Callable[..., Counted] = Counted) -> None:
        self.time = ManualClock()
        self.store = kind(clock=self.time)
        local = LocalStore(1000, 1, self.time)
        self.limiter = Limiter(self.store, local=local, clock=self.time)

    async def spend(self, cost: int = 1, name: str = "door") -> bool:
        return (await self.limiter.check(name, "ada", FIVE, cost)).allowed


async def test_who_was_refused_is_refused_again_without_asking() -> None:
    bench = Bench()
    assert await bench.spend(5)
    for _ in range(100):
        assert not await bench.spend()
    assert bench.store.asked == 2


async def test_the_store_is_asked_again_after_a_second_and_after_the_wait() -> None:
    bench = Bench()
    await bench.spend(5)
    await bench.spend()
    bench.time.advance(0.9)
    await bench.spend()
    assert bench.store.asked == 2
    bench.time.advance(0.2)
    assert not await bench.spend()
    assert bench.store.asked == 3
    bench.time.advance(10.8)
    assert not await bench.spend()
    bench.time.advance(0.1)
    assert await bench.spend()


async def test_a_smaller_cost_is_asked_for_and_a_greater_one_is_not() -> None:
    bench = Bench()
    await bench.spend(3)
    assert not await bench.spend(4)
    assert not await bench.spend(5)
    assert await bench.spend(2)
    assert bench.store.asked == 3


async def test_other_names_and_callers_are_asked_for() -> None:
    bench = Bench()
    await bench.spend(5)
    assert not await bench.spend()
    assert await bench.spend(name="window")
    assert (await bench.limiter.check("door", "grace", FIVE)).allowed


async def test_what_is_reset_or_given_back_is_asked_for_at_once() -> None:
    bench = Bench()
    async with bench.limiter.reserve("door", "ada", FIVE, 5) as reserved:
        assert not await bench.spend()
        reserved.settle(0)
    assert await bench.spend(5)
    assert not await bench.spend()
    await bench.limiter.reset("door", "ada", FIVE)
    assert await bench.spend(5)


class Slow(Counted):
    """Others are served while it settles."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock=clock)
        self.settling, self.settled = Event(), Event()

    async def charge(self, charges: Sequence[Charge], how: How = "spend") -> Verdict:
        if how == "settle":
            self.settling.set()
            await self.settled.wait()
        return await super().charge(charges, how)


async def test_who_is_refused_while_it_is_given_back_is_not_held_to_that() -> None:
    bench = Bench(Slow)
    store = bench.store
    assert isinstance(store, Slow)
    async with create_task_group() as group:

        async def reserve() -> None:
            async with bench.limiter.reserve("door", "ada", FIVE, 5) as reserved:
                reserved.settle(0)

        group.start_soon(reserve)
        await store.settling.wait()
        assert not await bench.spend()
        store.settled.set()
    assert await bench.spend(5)


async def test_a_refusal_from_memory_tells_the_same_less_the_time_since() -> None:
    bench = Bench()
    await bench.limiter.check("door", "ada", BOTH, 5)
    first = await bench.limiter.check("door", "ada", BOTH)
    bench.time.advance(0.5)
    again = await bench.limiter.check("door", "ada", BOTH)
    assert bench.store.asked == 2
    five, hundred = first.standings
    assert again.standings == (
        five._replace(wait=five.wait - 500_000, reset=five.reset - 500_000),
        hundred._replace(reset=hundred.reset - 500_000),
    )
    assert again.refused_by == again.standings[:1]


async def test_a_limit_that_refuses_spends_nothing_of_others_from_memory_either() -> None:
    bench = Bench()
    other = Check("window", "ada", FIVE)
    await bench.spend(5)
    for _ in range(10):
        door, window = await bench.limiter.check_all([Check("door", "ada", FIVE), other])
        assert (door.allowed, window.allowed) == (False, True)
    assert (await bench.limiter.check("window", "ada", FIVE, 0)).remaining == 5


async def test_of_a_limit_that_was_not_asked_for_nothing_is_told() -> None:
    """Another route has it, besides the one that refuses on both."""
    bench = Bench()
    await bench.spend(5)
    await bench.spend()
    checks = [Check("door", "ada", FIVE), Check("window", "ada", limits("60/minute"))]
    decisions = await bench.limiter.check_all(checks)
    assert bench.store.asked == 2
    assert Headers().fields(decisions) == {
        "RateLimit-Policy": '"5/minute";q=5;w=60',
        "RateLimit": '"5/minute";r=0;t=12',
    }
    assert Headers().raw(decisions)[1] == (b"ratelimit", b'"5/minute";r=0;t=12')
    window = decisions[1]
    assert (window.remaining, outcome_of(window), steady(window)) == (None, "allowed", 0)


async def test_a_shadow_is_always_counted() -> None:
    bench = Bench()
    for _ in range(10):
        (found,) = await bench.limiter.check_all([Check("door", "ada", FIVE, shadow=True)])
        assert found.allowed
    assert bench.store.asked == 10


async def test_places_are_always_asked_for() -> None:
    bench, one = Bench(), limits("1 concurrent")
    async with bench.limiter.reserve("oven", "ada", one):
        for _ in range(3):
            with pytest.raises(Exception, match="Too many requests"):
                async with bench.limiter.reserve("oven", "ada", one):
                    pytest.fail("lent twice")
    assert bench.store.asked == 5
    await bench.limiter.close()


async def test_the_memory_is_bounded() -> None:
    refused, (five,) = Refused(ManualClock().monotonic), FIVE
    for number in range(2 * MOST):
        refused.note([Charge(str(number), five)], [Standing(five, 0, 10**6, 10**6)])
    assert len(refused) == MOST


async def test_memory_alone_remembers_no_refusals() -> None:
    """It is asked as fast as what it said."""
    time = ManualClock()
    store = Counted(clock=time)
    limiter = Limiter(store, clock=time)
    for _ in range(10):
        await limiter.check("door", "ada", FIVE)
    assert store.asked == 10


class Away(MemoryStore):
    """Does not answer."""

    async def charge(self, charges: Sequence[Charge], how: How = "spend") -> Verdict:
        raise Unavailable("Away.")


async def test_each_worker_counts_its_part_while_the_store_is_away() -> None:
    for workers, most in ((1, 5), (2, 2), (4, 1), (100, 1)):
        limiter = Limiter(Away(), local=LocalStore(1000, workers))
        found = [(await limiter.check("door", "ada", FIVE)) for _ in range(10)]
        assert sum(each.allowed for each in found) == most
        assert {str(each.limit) for each in found[0].standings} == {"5/minute"}


async def test_what_a_limit_has_room_for_is_possible_for_a_part_of_it() -> None:
    limiter = Limiter(Away(), local=LocalStore(1000, 4))
    assert (await limiter.check("door", "ada", FIVE, 5)).allowed
    impossible = await limiter.check("door", "grace", FIVE, 6)
    assert not impossible.allowed
    assert not impossible.possible


async def test_one_closed_check_closes_what_is_asked_with_it() -> None:
    limiter = Limiter(Away(), local=LocalStore(1000, 1))
    kept = [Check("a", "ada", FIVE), Check("b", "ada", FIVE, on_error="open")]
    assert [each.allowed for each in await limiter.check_all(kept)] == [True, True]
    with pytest.raises(Unavailable):
        await limiter.check_all([*kept, Check("c", "ada", FIVE, on_error="closed")])


async def test_what_is_reserved_while_the_store_is_away_is_settled_here() -> None:
    time = ManualClock()
    limiter = Limiter(Away(), local=LocalStore(1000, 1, time), clock=time)
    for _ in range(20):
        async with limiter.reserve("door", "ada", FIVE, 5) as reserved:
            reserved.settle(0)
