"""pyrate-limiter's own `Limiter` on our engine, in memory and in Redis."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pyrate_limiter
import pytest
from pyrate_limiter import Duration, Rate

from backoffice.core import Run, SetupError
from backoffice.ratelimit import Limiter, limiter
from backoffice.ratelimit.compat.pyrate import PyrateBucket

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ours(counted: None) -> AsyncIterator[Limiter]:
    async with Run() as run:
        yield await run.open(limiter)


@contextmanager
def acquiring(bucket: PyrateBucket) -> Iterator[pyrate_limiter.Limiter]:
    """The real one; its task that leaks buckets ends with it."""
    with pyrate_limiter.Limiter(bucket) as limiter:
        yield limiter
        limiter.dispose(bucket)


async def at_once(limiter: pyrate_limiter.Limiter, times: int, **more: Any) -> int:
    """How many of that many callers at once are let through."""
    asked = [limiter.try_acquire_async(blocking=False, **more) for _ in range(times)]
    return sum(await asyncio.gather(*asked))


async def test_200_at_once_against_50_let_50_through(ours: Limiter) -> None:
    with acquiring(PyrateBucket([Rate(50, Duration.HOUR)], ours)) as limiter:
        assert await at_once(limiter, 200) == 50


async def test_buckets_of_one_key_count_together(ours: Limiter) -> None:
    """As those of several processes do."""
    buckets = [PyrateBucket([Rate(50, Duration.HOUR)], ours, "weather") for _ in range(4)]
    other = PyrateBucket([Rate(50, Duration.HOUR)], ours, "news")
    with acquiring(buckets[0]) as a, acquiring(buckets[1]) as b, acquiring(other) as c:
        found = await asyncio.gather(at_once(a, 50), at_once(b, 50), at_once(c, 50))
    assert found[0] + found[1] == 50
    assert found[2] == 50


async def test_several_rates_are_spent_all_or_none(ours: Limiter) -> None:
    rates = [Rate(3, Duration.MINUTE), Rate(5, Duration.HOUR)]
    bucket = PyrateBucket(rates, ours)
    with acquiring(bucket) as limiter:
        assert await at_once(limiter, 10) == 3
        assert bucket.failing_rate == rates[0]
        assert await bucket.count() == 3


async def test_weights_count_and_one_that_never_fits_is_refused_at_once(ours: Limiter) -> None:
    with acquiring(PyrateBucket([Rate(5, Duration.HOUR)], ours)) as limiter:
        assert await limiter.try_acquire_async(weight=4)
        assert not await limiter.try_acquire_async(weight=2, blocking=False)
        assert not await limiter.try_acquire_async(weight=6, blocking=True)
        assert await limiter.try_acquire_async(weight=1, blocking=False)


async def test_blocking_waits_for_room(ours: Limiter) -> None:
    with acquiring(PyrateBucket([Rate(2, 200)], ours)) as limiter:
        began = time.monotonic()
        assert all([await limiter.try_acquire_async() for _ in range(5)])
    assert time.monotonic() - began >= 0.4


async def test_who_stops_waiting_has_spent_nothing(ours: Limiter) -> None:
    bucket = PyrateBucket([Rate(2, Duration.HOUR)], ours)
    with acquiring(bucket) as limiter:
        assert await limiter.try_acquire_async()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await limiter.try_acquire_async(weight=2)
        assert await bucket.count() == 1


async def test_the_sync_call_gives_something_to_await(ours: Limiter) -> None:
    with acquiring(PyrateBucket([Rate(1, Duration.HOUR)], ours)) as limiter:
        assert await limiter.try_acquire(blocking=False)  # type: ignore[misc]
        assert not await limiter.try_acquire(blocking=False)  # type: ignore[misc]


async def test_names_count_apart_where_that_is_asked_for(ours: Limiter) -> None:
    rate = Rate(1, Duration.HOUR)
    with acquiring(PyrateBucket([rate], ours, "together")) as limiter:
        found = [await limiter.try_acquire_async(name, blocking=False) for name in ("a", "b", "a")]
    assert found == [True, False, False]
    with acquiring(PyrateBucket([rate], ours, "apart", by_name=True)) as limiter:
        found = [await limiter.try_acquire_async(name, blocking=False) for name in ("a", "b", "a")]
    assert found == [True, True, False]


async def test_a_burst_counts_where_units_are_spread(ours: Limiter) -> None:
    rate = Rate(10, Duration.HOUR, burst=2)
    with acquiring(PyrateBucket([rate], ours, "strict")) as limiter:
        assert await at_once(limiter, 20) == 10
    with acquiring(PyrateBucket([rate], ours, "spread", spread=True)) as limiter:
        assert await at_once(limiter, 20) == 2


async def test_what_was_spent_can_be_forgotten(ours: Limiter) -> None:
    bucket = PyrateBucket([Rate(2, Duration.HOUR)], ours)
    with acquiring(bucket) as limiter:
        assert await at_once(limiter, 3) == 2
        await bucket.flush()
        assert await bucket.count() == 0
        assert await at_once(limiter, 3) == 2


async def test_a_decorated_function_waits_for_its_turn(ours: Limiter) -> None:
    with acquiring(PyrateBucket([Rate(1, 100)], ours)) as limiter:

        async def call() -> float:
            return time.monotonic()

        # Any: pyrate-limiter leaves its decorator untyped.
        decorated: Any = limiter.as_decorator(name="call")(call)  # type: ignore[no-untyped-call]
        first, second = await decorated(), await decorated()
    assert second - first >= 0.1


async def test_rates_that_let_nobody_through_are_refused(ours: Limiter) -> None:
    with pytest.raises(SetupError, match="ten years"):
        PyrateBucket([Rate(1, 4000 * Duration.DAY)], ours)
