"""Limits counted in this process."""

from collections import OrderedDict
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from backoffice.core import Clock
from backoffice.ratelimit.charges import Charge, How, Standing, Verdict
from backoffice.ratelimit.kinds import KINDS, Kind
from backoffice.ratelimit.limits import Limit

#: Makes a named tuple without a call in Python.
new = tuple.__new__
#: How many of the longest unused counters are looked at to find one that can be forgotten.
CANDIDATES = 8
#: How many counters, for each limit, newcomers share when none can be forgotten.
SHARED = 1000


@dataclass(slots=True)
class _Counter:
    # Any: a state is its kind's alone.
    state: Any
    #: When the limit is wholly unspent, and, where all of it is spent, when a unit comes back.
    unspent: int
    freed: int


class _Asked(NamedTuple):
    """A charge and where it is counted."""

    charge: Charge
    kind: Kind[Any]
    now: int
    counters: MutableMapping[str, _Counter]
    key: str


class MemoryStore:
    """Keeps at most `size` counters.

    Where more are needed, one is forgotten that was long unused and little spent. A limit that is
    wholly spent is never forgotten for newcomers: where there are nothing but such, newcomers are
    counted together.
    """

    def __init__(self, size: int = 100_000, clock: Clock | None = None) -> None:
        self._size = size
        self._clock = clock or Clock()
        self._monotonic = self._clock.monotonic
        self._counters: OrderedDict[str, _Counter] = OrderedDict()
        self._shared: dict[str, _Counter] = {}

    def __len__(self) -> int:
        return len(self._counters)

    async def charge(self, charges: Sequence[Charge], how: How = "spend") -> Verdict:
        """Judge the charges together."""
        return self.charged(charges, how)

    def charged(self, charges: Sequence[Charge], how: How = "spend") -> Verdict:
        """The same. Nothing here awaits, so that no other comes in between."""
        if len(charges) == 1 and how == "spend":
            alone = self.alone(charges[0])
            if alone is not None:
                return Verdict(alone.shadow or not alone.wait, (alone,))
        elif how == "spend":
            several = self._several(charges)
            if several is not None:
                return several
        now = _microseconds(self._monotonic())
        asked = [self._asked(each, now) for each in charges]
        allowed, waits, after = _judge(asked, how)
        writes = allowed and how != "look"
        if writes:
            for each, wait in zip(asked, waits, strict=True):
                if not wait and _counts(each, how):
                    after[each.key] = each.kind.kept(each.charge, after[each.key], each.now)
        standings = []
        for each, wait in zip(asked, waits, strict=True):
            written = writes and each.key in after
            state = after[each.key] if written else _state(each)
            limit = each.charge.limit
            remaining, reset = each.kind.left(limit, state, each.now)
            standing = Standing(limit, remaining, wait, reset, each.charge.shadow)
            standings.append(standing)
            if written:
                self._keep(each, state, standing, now)
        return Verdict(allowed, tuple(standings))

    async def reset(self, keys: Sequence[str]) -> None:
        """Forget what was spent under these keys."""
        for key in keys:
            self._counters.pop(key, None)

    async def names(self, namespace: str, most: int) -> list[str]:
        """The keys of counters that are in use, those that were asked for last first."""
        del namespace  # all of them are of one
        now = _microseconds(self._monotonic())
        newest = islice(reversed(self._counters.items()), most)
        return [key for key, counter in newest if counter.unspent > now]

    async def ping(self) -> None:
        """A process can always reach its own memory."""

    async def close(self) -> None:
        """Forget every counter."""
        self._counters.clear()
        self._shared.clear()

    def alone(self, charge: Charge) -> Standing | None:
        """Where one charge on a spread limit ends: by far the most are such.

        The same as any kind comes to, in a quarter of the time; None where it is no such charge,
        or newcomers have no room.
        """
        key, limit, cost, shadow, _, _ = charge
        if limit.kind != "spread" or not 0 < cost <= limit.burst:
            return None
        now = round(self._monotonic() * 1_000_000)
        counter = self._counters.get(key)
        if counter is None:
            if len(self._counters) >= self._size:
                return None
            backlog = 0
        else:
            # Who comes again, refused or not, is not forgotten for newcomers.
            self._counters.move_to_end(key)
            backlog = counter.unspent - now
            if backlog < 0:
                backlog = 0
        emission, capacity = limit.emission, limit.capacity
        after = backlog + cost * emission
        if after > capacity:
            remaining = max((capacity - backlog) // emission, 0)
            return new(Standing, (limit, remaining, after - capacity, backlog, shadow))
        remaining, unspent = (capacity - after) // emission, now + after
        freed = 0 if remaining else unspent - capacity + emission
        if counter is None:
            self._counters[key] = _Counter(unspent, unspent, freed)
        else:
            counter.state = counter.unspent = unspent
            counter.freed = freed
        return new(Standing, (limit, remaining, 0, after, shadow))

    def _several(self, charges: Sequence[Charge]) -> Verdict | None:
        """The same for spread limits that are spent together; None for a shadow besides."""
        now = round(self._monotonic() * 1_000_000)
        counters, allowed = self._counters, True
        found: dict[str, tuple[Limit, int, int]] = {}
        for key, limit, cost, shadow, _, _ in charges:
            if shadow or key in found or limit.kind != "spread" or not 0 < cost <= limit.burst:
                return None
            counter, backlog = counters.get(key), 0
            if counter is not None:
                counters.move_to_end(key)
                backlog = max(counter.unspent - now, 0)
            after = backlog + cost * limit.emission
            allowed = allowed and after <= limit.capacity
            found[key] = limit, backlog, after
        if len(counters) + len(found) > self._size:
            return None
        standings = []
        for key, (limit, backlog, after) in found.items():
            reset = after if allowed else backlog
            remaining = max((limit.capacity - reset) // limit.emission, 0)
            wait = max(after - limit.capacity, 0)
            standings.append(Standing(limit, remaining, wait, reset))
            if allowed:
                freed = 0 if remaining else now + reset - limit.capacity + limit.emission
                counters[key] = _Counter(now + reset, now + reset, freed)
        return Verdict(allowed, tuple(standings))

    def _asked(self, charge: Charge, now: int) -> _Asked:
        limit, kind = charge.limit, KINDS[charge.limit.kind]
        moment = _microseconds(self._clock.now().timestamp()) if kind.by_calendar else now
        if charge.key in self._counters:
            # Who comes again, refused or not, is not forgotten for newcomers.
            self._counters.move_to_end(charge.key)
        elif len(self._counters) >= self._size and self._forgettable(now) is None:
            # No caller can tell with whom: the hashes of texts differ from process to process.
            place = f"{hash(charge.key) % SHARED}:{limit}"
            return _Asked(charge, kind, moment, self._shared, place)
        return _Asked(charge, kind, moment, self._counters, charge.key)

    def _forgettable(self, now: int) -> str | None:
        """Of the longest unused counters that are not wholly spent, the one that is the least."""
        found, soonest = None, 0
        for key in tuple(islice(self._counters, CANDIDATES)):
            counter = self._counters[key]
            if counter.freed > now:
                self._counters.move_to_end(key)
            elif found is None or counter.unspent < soonest:
                found, soonest = key, counter.unspent
        return found

    def _keep(self, asked: _Asked, state: Any, standing: Standing, now: int) -> None:
        if standing.reset == 0:
            asked.counters.pop(asked.key, None)
            return
        if asked.counters is self._counters and asked.key not in self._counters:
            self._make_room(now)
        freed = 0 if standing.remaining else now + standing.next
        asked.counters[asked.key] = _Counter(state, now + standing.reset, freed)

    def _make_room(self, now: int) -> None:
        while len(self._counters) >= self._size:
            forgotten = self._forgettable(now)
            if forgotten is None:
                return
            del self._counters[forgotten]


def _judge(asked: Sequence[_Asked], how: How) -> tuple[bool, list[int], dict[str, Any]]:
    """Whether all fits, how long each waits, and what each counter becomes.

    A counter may be charged twice.
    """
    allowed, waits = True, []
    after: dict[str, Any] = {}
    for each in asked:
        state = after[each.key] if each.key in after else _state(each)
        wait = each.kind.delay(each.charge, state, each.now) if _waits(each, how) else 0
        if not wait and _counts(each, how):
            after[each.key] = each.kind.spent(each.charge, state, each.now)
        allowed = allowed and (not wait or each.charge.shadow or how == "settle")
        waits.append(wait)
    return allowed, waits, after


def _state(asked: _Asked) -> Any:
    counter = asked.counters.get(asked.key)
    return None if counter is None else counter.state


def _waits(asked: _Asked, how: How) -> bool:
    return how != "settle" or (asked.kind.renews and asked.charge.cost >= 0)


def _counts(asked: _Asked, how: How) -> bool:
    return asked.charge.cost != 0 or (asked.kind.renews and how == "settle")


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)
