"""A bucket of ours for pyrate-limiter's own `Limiter`. Needs the extra `fastapi-limiter`.

    bucket = PyrateBucket([Rate(50, Duration.MINUTE)], limiter, key="weather")
    with pyrate_limiter.Limiter(bucket) as outbound:
        await outbound.try_acquire_async()

For what an app asks of others, as well as for what is asked of it: what counts is our limiter,
taken by `Depends(limiter)` or `await run.open(limiter)`, so that all processes that share a Redis
count together, on its clock.
"""

from collections.abc import Sequence

from pyrate_limiter import AbstractBucket, Decision, Rate, RateItem

from backoffice.ratelimit.decisions import Decision as Found
from backoffice.ratelimit.limiter import Limiter
from backoffice.ratelimit.limits import Limit, limits

#: Under which all buckets are counted, apart from an app's routes.
NAME = "pyrate-limiter"


class PyrateBucket(AbstractBucket):
    """Counts `rates` in `limiter` under `key`, in one round trip: all are spent, or none is.

    Never more than `limit` pass within any `interval`, as in pyrate-limiter's own buckets. With
    `spread`, units come back one by one, as in its GCRA, and `burst` is read. With `by_name`, each
    name that is acquired counts apart, where its buckets have one count for all.

    The bucket is async: `await limiter.try_acquire_async(...)`. Raises SetupError for rates that
    let nobody through, and on use Unavailable when the store does not answer.
    """

    is_async = True

    def __init__(
        self,
        rates: Sequence[Rate],
        limiter: Limiter,
        key: str = "",
        *,
        spread: bool = False,
        by_name: bool = False,
    ) -> None:
        self.rates = list(rates)
        self._limits = limits(*map(_spread if spread else _strict, self.rates))
        self._limiter = limiter
        self._key = key
        self._by_name = by_name

    async def put(self, item: RateItem) -> bool:
        """Spend the item's weight of every rate, or of none; whether it was spent."""
        found = await self._limiter.check(NAME, self._counted(item), self._limits, item.weight)
        return self._record(item, self._told(found))

    async def waiting(self, item: RateItem) -> int:
        """Milliseconds until the item could be put; -1 where its weight never fits."""
        if any(item.weight > limit.burst for limit in self._limits):
            return -1
        # Where another was put meanwhile, this one is tried again, and judged by that.
        return self._recorded_wait(item) or 0

    async def count(self) -> int:
        """Units spent of the rate that is spent most; by name, those of no name."""
        found = await self._limiter.check(NAME, self._key, self._limits, cost=0)
        return max(each.limit.burst - each.remaining for each in found.standings)

    async def flush(self) -> None:
        """Forget what was spent; by name, under no name."""
        self.failing_rate = self._last_wait = None
        await self._limiter.reset(NAME, self._key, self._limits)

    def leak(self, current_timestamp: int | None = None) -> int:  # noqa: ARG002 - its interface
        """Nothing leaks: what counts here is as small however much was put."""
        return 0

    def peek(self, index: int) -> None:
        """Nothing: single items are not kept."""

    def _counted(self, item: RateItem) -> str:
        return f"{self._key} {item.name}" if self._by_name else self._key

    def _told(self, found: Found) -> Decision:
        """What was found, in pyrate-limiter's terms."""
        if found.allowed:
            return Decision()
        wait = max((each.wait for each in found.refused_by), default=0)
        refusing = {each.limit for each in found.refused_by}
        # None of them where an operator's limit holds instead of these.
        mine = (
            rate for rate, limit in zip(self.rates, self._limits, strict=True) if limit in refusing
        )
        return Decision(next(mine, self.rates[0]), -(-wait // 1000) if found.possible else None)


def _strict(rate: Rate) -> Limit:
    return Limit(rate.limit, rate.interval * 1000, rate.limit, "strict")


def _spread(rate: Rate) -> Limit:
    return Limit(rate.limit, rate.interval * 1000, rate.burst)
