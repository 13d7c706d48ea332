"""A limit: how many units, in how long, and in which manner they come back."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Literal

from backoffice.core import SetupError

#: How units come back. `spread`: one by one (the generic cell rate algorithm). `strict`: never
#: more than the count within any window of the period. `calendar`: all at once, when the next
#: hour, day, week (Monday) or month begins in UTC. `concurrent`: with whoever holds them.
Kind = Literal["spread", "strict", "calendar", "concurrent"]

#: Microseconds. A month is a calendar's alone, and told as the longest.
PERIODS = {
    "second": 10**6,
    "minute": 60 * 10**6,
    "hour": 3600 * 10**6,
    "day": 86400 * 10**6,
    "week": 7 * 86400 * 10**6,
    "month": 31 * 86400 * 10**6,
}
CALENDAR_UNITS = {PERIODS[unit]: unit for unit in ("hour", "day", "week", "month")}
#: Who holds a place and renews it no more has lost it after that.
LEASE = PERIODS["minute"]
#: Redis' scripts count in doubles: the time of day in microseconds plus this must stay exact.
LONGEST = 3660 * PERIODS["day"]
#: A strict limit is counted in slots, a fraction of its period each.
SHORTEST_STRICT = 1000

_SPAN = r"(?:(?P<multiple>[0-9]{1,9})\s*)?(?P<unit>second|minute|hour|day|week|month)s?"
_SPAN_WRITTEN = re.compile(_SPAN, re.ASCII)
_RATE_WRITTEN = re.compile(rf"(?P<count>[0-9]{{1,12}})\s*/\s*{_SPAN}", re.ASCII)
_PLACES_WRITTEN = re.compile(r"(?P<count>[0-9]{1,12})\s*concurrent", re.ASCII)
_NUMBER_WRITTEN = re.compile(r"[0-9]{1,12}", re.ASCII)
_EXAMPLES = (
    'write it as "20/minute", "5/10 seconds", "20/minute;burst=5", "20/minute;strict", '
    '"1000/day;calendar", "5 concurrent" or "5 concurrent;lease=30 seconds"'
)


@dataclass(frozen=True)
class Limit:
    """`count` units per `period` microseconds, of which at most `burst` at once.

    Of kind `concurrent`: `count` places, each lent for a lease of `period`. Raises SetupError
    when no caller could ever be counted by it.
    """

    count: int
    period: int
    burst: int
    kind: Kind = "spread"

    def __post_init__(self) -> None:
        if self.count < 1 or self.burst < 1 or self.period < 1:
            raise SetupError(f"the limit {self} lets nobody through; count from 1")
        if self.count > self.period and self.kind == "spread":
            raise SetupError(f"the limit {self} is finer than microseconds; allow less or drop it")
        if max(self.period, self.capacity) > LONGEST:
            raise SetupError(f"the limit {self} takes more than ten years to recover; shorten it")
        self._verify_kind()

    def _verify_kind(self) -> None:
        if self.kind == "spread":
            return
        if self.burst != self.count:
            raise SetupError(f"the limit {self} is no spread one and has no burst; leave it out")
        if self.kind == "strict" and self.period < SHORTEST_STRICT:
            raise SetupError(f"the limit {self} is too short to be strict; take a millisecond")
        if self.kind == "calendar" and self.period not in CALENDAR_UNITS:
            raise SetupError(
                f"the limit {self} has no calendar; take one hour, day, week or month, "
                'as in "1000/day;calendar"'
            )

    @cached_property
    def emission(self) -> int:
        """Microseconds until a spent unit comes back; rounded up, so that none comes early."""
        return -(-self.period // self.count)

    @cached_property
    def capacity(self) -> int:
        """Microseconds until a limit that is wholly spent is wholly recovered."""
        return self.emission * self.burst

    @property
    def most(self) -> int:
        """The highest cost that can ever fit. Whatever the cost, it is one place at most."""
        return LONGEST if self.kind == "concurrent" else self.burst

    @cached_property
    def text(self) -> str:
        """How it is written, in the one spelling that it has."""
        if self.kind == "concurrent":
            lease = "" if self.period == LEASE else f";lease={_span(self.period)}"
            return f"{self.count} concurrent{lease}"
        if self.kind == "calendar":
            unit = CALENDAR_UNITS.get(self.period, _span(self.period).removeprefix("1 "))
            return f"{self.count}/{unit};calendar"
        burst = "" if self.burst == self.count else f";burst={self.burst}"
        strict = ";strict" if self.kind == "strict" else ""
        return f"{self.count}/{_span(self.period).removeprefix('1 ')}{burst}{strict}"

    def __str__(self) -> str:
        return self.text


def _span(microseconds: int) -> str:
    """A span of time as it is written: the largest unit that it is a multiple of."""
    longest_first = [each for each in reversed(PERIODS.items()) if each[0] != "month"]
    name, length = next(
        (each for each in longest_first if microseconds % each[1] == 0), ("microsecond", 1)
    )
    times = microseconds // length
    return f"{times} {name}{'' if times == 1 else 's'}"


def parse(written: str) -> Limit:
    """The limit that `20/minute` or another written form says, or a SetupError."""
    head, *options = (part.strip() for part in written.split(";"))
    given = _options(options, written)
    if found := _PLACES_WRITTEN.fullmatch(head):
        return _places(int(found["count"]), given, written)
    if found := _RATE_WRITTEN.fullmatch(head):
        return _rate(found, given, written)
    raise _not_a_limit(written)


def _options(options: list[str], written: str) -> Mapping[str, str]:
    given: dict[str, str] = {}
    for option in options:
        name, _, value = (part.strip() for part in option.partition("="))
        if name in given:
            raise _not_a_limit(written)
        given[name] = value
    return MappingProxyType(given)


def _rate(found: re.Match[str], given: Mapping[str, str], written: str) -> Limit:
    count = int(found["count"])
    if given == {"calendar": ""}:
        kind: Kind = "calendar"
    elif given == {"strict": ""}:
        kind = "strict"
    elif given.keys() <= {"burst"}:
        kind = "spread"
    else:
        raise _not_a_limit(written)
    if kind == "calendar" and found["multiple"]:
        raise SetupError(f'{written!r}: a calendar has no multiples; write "{count}/day;calendar"')
    if kind != "calendar" and found["unit"] == "month":
        raise SetupError(
            f"{written!r}: months differ in length; "
            f'write "{count}/month;calendar" or "{count}/30 days"'
        )
    burst = given.get("burst", str(count))
    if not _NUMBER_WRITTEN.fullmatch(burst):
        raise _not_a_limit(written)
    return Limit(count, _microseconds(found), int(burst), kind)


def _places(count: int, given: Mapping[str, str], written: str) -> Limit:
    lease = _SPAN_WRITTEN.fullmatch(given.get("lease", "60 seconds"))
    if not given.keys() <= {"lease"} or lease is None or lease["unit"] == "month":
        raise _not_a_limit(written)
    return Limit(count, _microseconds(lease), count, "concurrent")


def _microseconds(span: re.Match[str]) -> int:
    return int(span["multiple"] or 1) * PERIODS[span["unit"]]


def _not_a_limit(written: str) -> SetupError:
    return SetupError(f"{written!r} is not a limit; {_EXAMPLES}")


def limits(*written: str | Limit) -> tuple[Limit, ...]:
    """Limits that are checked together; SetupError when one is wrong or there is none."""
    found = tuple(each if isinstance(each, Limit) else parse(each) for each in written)
    if not found:
        raise SetupError(f"a rate limit without a limit; {_EXAMPLES}")
    if len(set(map(str, found))) != len(found):
        raise SetupError(f"a limit is named twice: {', '.join(map(str, found))}")
    return found
