"""What is asked of a store: charges on limits, all of which are spent or none.

A store knows no names, callers or routes: a charge has a key, and the limit that counts there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from backoffice.ratelimit.limits import Limit

#: `look` changes nothing. `spend` takes every charge, or none. `settle` corrects what was spent
#: before, whatever the limits say: it refuses nothing, and a cost below 0 gives back.
How = Literal["look", "spend", "settle"]


@dataclass(frozen=True, slots=True)
class Charge:
    """`cost` units of `limit`, counted under `key`.

    A `shadow` charge refuses nobody: it is spent where it fits and the others are. `holder` names
    who holds a place of a limit of concurrency; it takes one place, at a cost of 0 it keeps it for
    another lease, and at a cost of -1 it gives it back.
    """

    key: str
    limit: Limit
    cost: int = 1
    shadow: bool = False
    holder: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a caller stands with one limit after a check; times in microseconds.

    `remaining` units could be spent now; in `wait` the cost that was asked for could be; in
    `reset` the limit is wholly unspent.
    """

    limit: Limit
    remaining: int
    wait: int
    reset: int
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
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
