"""A memory of who was refused, so that an attack does not reach Redis. It only ever refuses."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from backoffice.ratelimit.charges import Charge, Standing, Verdict

#: Seconds. Another process may reset or raise a limit meanwhile.
LONGEST = 1.0
MOST = 10_000


@dataclass(slots=True, eq=False)
class Refusal:
    """One that is known to hold until a moment: 0 as soon as something was given back."""

    at: float
    until: float
    cost: int
    standings: dict[str, Standing]


class Refused:
    """Who was refused a moment ago, and cannot pass yet."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._known: OrderedDict[str, Refusal] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def note(self, charges: Sequence[Charge], standings: Sequence[Standing]) -> None:
        """Remember those that stood in the way."""
        now = self._now()
        self.forget(each.key for each in charges)
        pairs = list(zip(charges, standings, strict=True))
        together = {charge.key: standing for charge, standing in pairs}
        for charge, standing in pairs:
            # A place is given back at any moment: nobody knows how long a refusal holds.
            if standing.wait and not charge.shadow and not charge.holder:
                until = now + min(standing.wait / 1_000_000, LONGEST)
                self._known[charge.key] = Refusal(now, until, charge.cost, together)
        while len(self._known) > MOST:
            self._known.popitem(last=False)[1].until = 0

    def verdict(self, charges: Sequence[Charge]) -> Verdict | None:
        """The refusal of these charges, where it is known already; else None."""
        known = self.of(charges)
        if known is None:
            return None
        now = self._now()
        return Verdict(False, tuple(_standing(charge, known, now) for charge in charges))

    def of(self, charges: Sequence[Charge]) -> Refusal | None:
        """What is remembered of the first of these that cannot pass."""
        if not self._known:
            return None
        now = self._now()
        for each in charges:
            known = None if each.shadow else self._known.get(each.key)
            if known is not None and each.cost >= known.cost and now < known.until:
                return known
        return None

    def forget(self, keys: Iterable[str]) -> None:
        """Ask the store about these again: something was given back."""
        for key in keys:
            known = self._known.pop(key, None)
            if known is not None:
                known.until = 0


def _standing(charge: Charge, known: Refusal, now: float) -> Standing:
    """Where the charge stood then, less the time since; nothing of one not seen then."""
    found = known.standings.get(charge.key)
    if found is None:
        return Standing(charge.limit, 0, 0, 0, charge.shadow)
    passed = round((now - known.at) * 1_000_000)
    wait = max(found.wait - passed, 1) if found.wait else 0
    return found._replace(wait=wait, reset=max(found.reset - passed, 0))
