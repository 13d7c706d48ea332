"""What is asked of a store: charges on limits, all of which are spent or none.

A store knows no names, callers or routes: a charge has a key, and the limit that counts there.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from backoffice.ratelimit.limits import Limit

#: `look` changes nothing. `spend` takes every charge, or none. `settle` corrects what was spent
#: before, whatever the limits say: it refuses nothing, and a cost below 0 gives back.
How = Literal["look", "spend", "settle"]


# Tuples: each check makes some, and a frozen dataclass takes three times as long.
class Charge(NamedTuple):
    """`cost` units of `limit`, counted under `key`.

    A `shadow` charge refuses nobody: it is spent where it fits and the others are. A cost of 0
    asks whether one unit would pass, and spends nothing.

    `holder` names who holds a place of a limit of concurrency, and takes one place at most.
    Settled at a cost of 0 it keeps the place for another lease (or takes one anew, if its lease
    had ended and a place is free; else the standing has a wait); at a cost below 0 it gives the
    place back.

    `age` goes with what is given back: microseconds since it was spent. What has come back by
    itself in that time, or was spent in a window that is over, is not given back again.
    """

    key: str
    limit: Limit
    cost: int = 1
    shadow: bool = False
    holder: str = ""
    age: int = 0


class Standing(NamedTuple):
    """Where a caller stands with one limit after a check; times in microseconds.

    `remaining` units could be spent now; in `reset` the limit is wholly unspent. `wait` is 0 where
    the cost that was asked for fitted, a shadow's too; else it could be spent in that time. A cost
    above what the limit allows at once never can: its wait ends when the limit is unspent.

    All three are 0 where nobody has looked, as the request was refused without that.
    """

    limit: Limit
    remaining: int
    wait: int
    reset: int
    shadow: bool = False

    @property
    def known(self) -> bool:
        """Whether anybody has looked."""
        return bool(self.remaining or self.wait or self.reset)

    @property
    def next(self) -> int:
        """Until one more unit can be spent, at the latest; 0 while some remain."""
        if self.remaining:
            return 0
        if self.limit.kind == "spread":
            return self.reset - self.limit.capacity + self.limit.emission
        return self.reset


class Verdict(NamedTuple):
    """Whether all charges that are no shadow fit, and how each limit stands, in their order."""

    allowed: bool
    standings: tuple[Standing, ...]


class Store(Protocol):
    """Where limits are counted."""

    async def charge(self, charges: Sequence[Charge], how: How = "spend") -> Verdict:
        """Judge the charges together, in one step; Unavailable when the store does not answer."""

    async def reset(self, keys: Sequence[str]) -> None:
        """Forget what was spent under these keys."""

    async def ping(self) -> None:
        """Raise Unavailable when the store does not answer."""

    async def close(self) -> None:
        """Let go of what the store holds."""


@runtime_checkable
class Listed(Protocol):
    """A store that can tell which counters it has."""

    async def names(self, namespace: str, most: int) -> list[str]:
        """The keys of counters that are not wholly unspent, of `most` and a few more at the most;
        Unavailable when the store does not answer."""
