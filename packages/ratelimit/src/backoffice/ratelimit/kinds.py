"""How units of each kind of limit are spent and come back; as charge.lua does it in Redis.

A kind knows no store: it tells of a state (None where nothing is spent) and of a moment, in
microseconds, how long a charge waits, what the state is after it, and what is left.
"""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from backoffice.ratelimit.charges import Charge
from backoffice.ratelimit.limits import CALENDAR_UNITS, LONGEST, PERIODS, Limit
from backoffice.ratelimit.limits import Kind as KindName

State = TypeVar("State")

SECOND, HOUR, DAY = PERIODS["second"], PERIODS["hour"], PERIODS["day"]
#: A key of a strict limit then takes 120 bytes in Redis, beside the 6 of the newest slot.
SLOT_BYTES = 22
#: The first Monday of 1970 was the fifth of January.
MONDAY = 4 * DAY


class Kind(Generic[State]):
    """One way in which units come back."""

    #: Whether a moment is the time of day; else it never goes back.
    by_calendar = False
    #: Whether a charge that is settled at a cost of 0 keeps what its holder has.
    renews = False

    def parameters(self, limit: Limit) -> tuple[int, int | str]:
        """The two parameters that the script takes."""
        raise NotImplementedError

    def wait(self, charge: Charge, state: State | None, asked: int, now: int) -> int:
        """Microseconds until `asked` units could be spent; 0 where they can now."""
        raise NotImplementedError

    def spent(self, charge: Charge, state: State | None, now: int) -> State:
        """The state when the cost of the charge is spent, or given back where it is below 0."""
        raise NotImplementedError

    def kept(self, charge: Charge, state: State, now: int) -> State:  # noqa: ARG002
        """The state to keep, once all charges of a request are known to fit."""
        return state

    def left(self, limit: Limit, state: State | None, now: int) -> tuple[int, int]:
        """Units that could be spent, and microseconds until the limit is wholly unspent."""
        raise NotImplementedError

    def delay(self, charge: Charge, state: State | None, now: int) -> int:
        """0 where the cost fits. What can never fit waits for an unspent limit, never for 0."""
        asked = max(charge.cost, 1)
        if asked <= charge.limit.burst:
            return self.wait(charge, state, asked, now)
        return max(self.wait(charge, state, charge.limit.burst, now), 1)


class _Spread(Kind[int]):
    """The generic cell rate algorithm; the state is the time at which all is unspent."""

    def parameters(self, limit: Limit) -> tuple[int, int]:
        """Microseconds until a unit comes back, and until all do."""
        return limit.emission, limit.capacity

    def wait(self, charge: Charge, state: int | None, asked: int, now: int) -> int:
        limit = charge.limit
        return max(_backlog(state, now) + asked * limit.emission - limit.capacity, 0)

    def spent(self, charge: Charge, state: int | None, now: int) -> int:
        limit, backlog = charge.limit, _backlog(state, now)
        change = charge.cost * limit.emission
        if change < 0:
            # Of what is given back late, some has come back by itself.
            change = min(change + charge.age, 0)
        return now + min(max(backlog + change, 0), limit.capacity + LONGEST)

    def left(self, limit: Limit, state: int | None, now: int) -> tuple[int, int]:
        backlog = _backlog(state, now)
        return max((limit.capacity - backlog) // limit.emission, 0), backlog


def _backlog(state: int | None, now: int) -> int:
    """Microseconds until all is unspent."""
    return 0 if state is None or state <= now else state - now


_Slots = tuple[int, tuple[int, ...]]


class _Strict(Kind[_Slots]):
    """Slots, each of which counts whole until its last instant has left the window.

    The state is the number of the newest slot, and what was spent in it and in those before.
    """

    def parameters(self, limit: Limit) -> tuple[int, int]:
        """How many, and microseconds of a slot."""
        return limit.count, self._shape(limit)[1]

    def wait(self, charge: Charge, state: _Slots | None, asked: int, now: int) -> int:
        slots, length, _ = self._shape(charge.limit)
        spent = self._now(charge.limit, state, now)
        excess = sum(spent) + asked - charge.limit.count
        if excess <= 0:
            return 0
        slot = slots - 1
        while excess > spent[slot]:
            excess -= spent[slot]
            slot -= 1
        return (now // length - slot + slots) * length - now

    def spent(self, charge: Charge, state: _Slots | None, now: int) -> _Slots:
        slots, length, most = self._shape(charge.limit)
        newest, spent = now // length, self._now(charge.limit, state, now)
        if charge.cost > 0:
            spent[0] = min(spent[0] + charge.cost, most)
        elif (now - charge.age) // length + slots > newest:
            # The oldest first: what is left then counts for longer than it was, never for less.
            back = -charge.cost
            for slot in reversed(range(slots)):
                units = min(spent[slot], back)
                spent[slot] -= units
                back -= units
        return newest, tuple(spent)

    def left(self, limit: Limit, state: _Slots | None, now: int) -> tuple[int, int]:
        slots, length, _ = self._shape(limit)
        spent = self._now(limit, state, now)
        newest = next((slot for slot, units in enumerate(spent) if units), None)
        if newest is None:
            return limit.count, 0
        reset = (now // length - newest + slots) * length - now
        return max(limit.count - sum(spent), 0), reset

    def _shape(self, limit: Limit) -> tuple[int, int, int]:
        """How many slots there are, how long each is, and how much can be counted in one."""
        width = (limit.count.bit_length() + 7) // 8
        slots = SLOT_BYTES // width
        return slots, -(-limit.period // (slots - 1)), 256**width - 1

    def _now(self, limit: Limit, state: _Slots | None, now: int) -> list[int]:
        """What counts now, the newest slot first."""
        slots, length, _ = self._shape(limit)
        if state is None:
            return [0] * slots
        newest, spent = state
        behind = now // length - newest
        return [*[0] * min(behind, slots), *spent[: max(slots - behind, 0)]]


class _Calendar(Kind[tuple[int, int]]):
    """Windows of UTC; the state is when the window began, and what was spent in it."""

    by_calendar = True

    def parameters(self, limit: Limit) -> tuple[int, str]:
        """How many, and of what."""
        return limit.count, CALENDAR_UNITS[limit.period]

    def wait(self, charge: Charge, state: tuple[int, int] | None, asked: int, now: int) -> int:
        start, finish = window(CALENDAR_UNITS[charge.limit.period], now)
        return finish - now if self._in(start, state) + asked > charge.limit.count else 0

    def spent(self, charge: Charge, state: tuple[int, int] | None, now: int) -> tuple[int, int]:
        limit = charge.limit
        start, _ = window(CALENDAR_UNITS[limit.period], now)
        units = self._in(start, state)
        # What was spent in a window that is over is not given back to this one.
        if charge.cost < 0 and now - charge.age < start:
            return start, units
        return start, min(max(units + charge.cost, 0), limit.count + LONGEST)

    def left(self, limit: Limit, state: tuple[int, int] | None, now: int) -> tuple[int, int]:
        start, finish = window(CALENDAR_UNITS[limit.period], now)
        units = self._in(start, state)
        return max(limit.count - units, 0), finish - now if units else 0

    def _in(self, start: int, state: tuple[int, int] | None) -> int:
        return state[1] if state is not None and state[0] == start else 0


def window(unit: str, now: int) -> tuple[int, int]:
    """Start and end of the hour, day, week or month of UTC in which `now` is."""
    return _window(unit, now // HOUR)


@lru_cache(maxsize=64)
def _window(unit: str, hour: int) -> tuple[int, int]:
    if unit == "month":
        today = datetime.fromtimestamp(hour * 3600, UTC)
        start = datetime(today.year, today.month, 1, tzinfo=UTC)
        finish = (start + timedelta(days=31)).replace(day=1)
        return int(start.timestamp()) * SECOND, int(finish.timestamp()) * SECOND
    length, offset = PERIODS[unit], MONDAY if unit == "week" else 0
    begin = (hour * HOUR - offset) // length * length + offset
    return begin, begin + length


class Places:
    """Who holds a place, and until when: the end that is nearest first."""

    def __init__(self) -> None:
        self.ends: OrderedDict[str, int] = OrderedDict()
        #: Places that are asked for by the request that is judged.
        self.asked = 0

    def taken(self, now: int) -> int:
        """How many places are held or asked for."""
        while self.ends and next(iter(self.ends.values())) <= now:
            self.ends.popitem(last=False)
        return len(self.ends) + self.asked

    def with_one_more(self) -> "Places":
        """The same places, of which one more is asked for."""
        more = Places()
        more.ends, more.asked = self.ends, self.asked + 1
        return more


class _Concurrent(Kind[Places]):
    """Places, each lent for a lease, which its holder renews."""

    renews = True

    def parameters(self, limit: Limit) -> tuple[int, int]:
        """How many places, and microseconds of a lease."""
        return limit.count, limit.period

    def wait(self, charge: Charge, state: Places | None, asked: int, now: int) -> int:  # noqa: ARG002
        if state is None or state.taken(now) < charge.limit.count or charge.holder in state.ends:
            return 0
        # Nobody knows when a place is given back; it is worth asking again after that.
        return SECOND

    def delay(self, charge: Charge, state: Places | None, now: int) -> int:
        """Whatever the cost, it is one place."""
        return self.wait(charge, state, 1, now)

    def spent(self, charge: Charge, state: Places | None, now: int) -> Places:
        state = state or Places()
        state.taken(now)
        if charge.cost < 0 or charge.holder in state.ends:
            return state
        return state.with_one_more()

    def kept(self, charge: Charge, state: Places, now: int) -> Places:
        state.asked = 0
        state.ends.pop(charge.holder, None)
        if charge.cost >= 0:
            state.ends[charge.holder] = now + charge.limit.period
        return state

    def left(self, limit: Limit, state: Places | None, now: int) -> tuple[int, int]:
        taken = 0 if state is None else state.taken(now)
        if state is None or not state.ends:
            return limit.count - taken, 0
        return max(limit.count - taken, 0), next(reversed(state.ends.values())) - now


# Any: each kind has a state of its own, which nobody else looks into.
KINDS: Mapping[KindName, Kind[Any]] = MappingProxyType(
    {
        "spread": _Spread(),
        "strict": _Strict(),
        "calendar": _Calendar(),
        "concurrent": _Concurrent(),
    }
)
