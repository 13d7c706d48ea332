"""A cost that is known only afterwards: reserve what it may be, then settle for what it was."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from backoffice.core import InvalidInput, SetupError

# Any: whoever writes one says Request, WebSocket or HTTPConnection, as the route gives.
Estimate = int | Callable[[Any], int | Awaitable[int]]


@dataclass(frozen=True)
class Reserve:
    """For `RateLimit("100000/day", cost=Reserve(4000))`: the most that a request may cost.

    `estimate` is a number of units, or a function of the connection that gives one. The dependency
    then gives a Reservation, which the route settles.
    """

    estimate: Estimate

    def __post_init__(self) -> None:
        if isinstance(self.estimate, int) and self.estimate < 1:
            raise SetupError(f"Reserve({self.estimate}) sets nothing aside; write 1 or more")


class Reservation:
    """Units set aside for a request before it is known how many it uses.

    Where nobody settles, as when the client is lost or the route fails, all of them are spent.
    """

    def __init__(self, estimate: int) -> None:
        #: The units that were set aside; 0 for a caller who is exempt.
        self.estimate = estimate
        #: The units that were used, as far as anybody has said.
        self.actual: int | None = None

    def settle(self, actual: int) -> None:
        """Say how many units were used; the last word counts, when the request ends.

        A stream says it again as it goes, so that a client who leaves has spent what it got. What
        is above the estimate is paid back by waiting; 0 gives all of it back. Raises InvalidInput
        for less than 0.
        """
        if actual < 0:
            raise InvalidInput("This would cost less than nothing.", code="negative_cost")
        self.actual = actual
