"""A limit: how many units, in how long, and how many at once."""

import re
from dataclasses import dataclass
from functools import cached_property

from backoffice.core import SetupError

#: Microseconds.
PERIODS = {"second": 10**6, "minute": 60 * 10**6, "hour": 3600 * 10**6, "day": 86400 * 10**6}
#: Redis' scripts count in doubles: the time of day in microseconds plus this must stay exact.
LONGEST = 3660 * PERIODS["day"]

_WRITTEN = re.compile(
    r"\s*(?P<count>[0-9]{1,12})\s*/\s*(?:(?P<multiple>[0-9]{1,9})\s*)?"
    r"(?P<period>second|minute|hour|day)s?\s*(?:;\s*burst\s*=\s*(?P<burst>[0-9]{1,12})\s*)?",
    re.ASCII,
)
_EXAMPLES = 'write it as "20/minute", "5/10 seconds" or "20/minute;burst=5"'


@dataclass(frozen=True)
class Limit:
    """`count` units per `period` microseconds, of which at most `burst` at once.

    It is the generic cell rate algorithm: units come back one by one, each `emission` apart.
    Raises SetupError when no caller could ever be counted by it.
    """

    count: int
    period: int
    burst: int

    def __post_init__(self) -> None:
        if self.count < 1 or self.burst < 1 or self.period < 1:
            raise SetupError(f"the limit {self} lets nobody through; count from 1")
        if self.count > self.period:
            raise SetupError(f"the limit {self} is finer than microseconds; allow less or drop it")
        if max(self.period, self.capacity) > LONGEST:
            raise SetupError(f"the limit {self} takes more than ten years to recover; shorten it")

    @cached_property
    def emission(self) -> int:
        """Microseconds until a spent unit comes back; rounded up, so that none comes early."""
        return -(-self.period // self.count)

    @cached_property
    def capacity(self) -> int:
        """Microseconds until a limit that is wholly spent is wholly recovered."""
        return self.emission * self.burst

    @cached_property
    def _text(self) -> str:
        longest_first = reversed(PERIODS.items())
        name, length = next(
            (each for each in longest_first if self.period % each[1] == 0), ("microsecond", 1)
        )
        periods = self.period // length
        every = name if periods == 1 else f"{periods} {name}s"
        burst = "" if self.burst == self.count else f";burst={self.burst}"
        return f"{self.count}/{every}{burst}"

    def __str__(self) -> str:
        return self._text


def parse(written: str) -> Limit:
    """The limit that `20/minute`, `5/10 seconds` or `20/minute;burst=5` says, or a SetupError."""
    found = _WRITTEN.fullmatch(written)
    if found is None:
        raise SetupError(f"{written!r} is not a limit; {_EXAMPLES}")
    count = int(found["count"])
    return Limit(
        count=count,
        period=int(found["multiple"] or 1) * PERIODS[found["period"]],
        burst=int(found["burst"] or count),
    )


def limits(*written: str | Limit) -> tuple[Limit, ...]:
    """Limits that are checked together; SetupError when one is wrong or there is none."""
    found = tuple(each if isinstance(each, Limit) else parse(each) for each in written)
    if not found:
        raise SetupError(f"a rate limit without a limit; {_EXAMPLES}")
    if len(set(map(str, found))) != len(found):
        raise SetupError(f"a limit is named twice: {', '.join(map(str, found))}")
    return found
