"""What the limits of one run have done, in numbers: no global, two apps count each their own."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from backoffice.core import singleton

#: `near`: allowed, with more than 80 % of a limit spent; `shadow`: allowed, by a shadow's grace;
#: `local`: allowed, counted in this process while Redis is away; `unavailable`: counted nowhere.
Outcome = Literal["allowed", "near", "shadow", "local", "refused", "unavailable"]

#: Seconds; in process a check takes microseconds, and over Redis 50 milliseconds at most.
BOUNDS = (0.00001, 0.000025, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1)
#: A name for each caller would be an endless series: what comes after these is counted as one.
MOST_POLICIES = 1000
OTHERS = "(others)"


@dataclass(frozen=True, slots=True)
class Durations:
    """How long checks took; `counts` has one number for each of BOUNDS and one above them."""

    counts: tuple[int, ...]
    seconds: float


class LimitMetrics:
    """The counters of one run: read `checks` and `durations`."""

    def __init__(self) -> None:
        self._checks: defaultdict[tuple[str, Outcome], int] = defaultdict(int)
        self._policies: set[str] = set()
        self._durations = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0

    @property
    def checks(self) -> Mapping[tuple[str, Outcome], int]:
        """How many checks of a policy had an outcome, by both."""
        return dict(self._checks)

    @property
    def durations(self) -> Durations:
        """How long the checks took; those that were made together count as one."""
        return Durations(tuple(self._durations), self._seconds)

    def count(self, policy: str, outcome: Outcome) -> None:
        """Note one check."""
        if policy not in self._policies:
            policy = self._admitted(policy)
        self._checks[policy, outcome] += 1

    def one(self, policy: str, outcome: Outcome, seconds: float) -> None:
        """Note one check by itself, and how long it took: both of the below, at each request."""
        if policy not in self._policies:
            policy = self._admitted(policy)
        self._checks[policy, outcome] += 1
        self._durations[bisect_left(BOUNDS, seconds)] += 1
        self._seconds += seconds

    def took(self, seconds: float) -> None:
        """Note how long one took, or several together."""
        self._durations[bisect_left(BOUNDS, seconds)] += 1
        self._seconds += seconds

    def _admitted(self, policy: str) -> str:
        if len(self._policies) >= MOST_POLICIES:
            return OTHERS
        self._policies.add(policy)
        return policy


@singleton
def limit_metrics() -> LimitMetrics:
    """What the limits of this run have done."""
    return LimitMetrics()
