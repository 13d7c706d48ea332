"""What is asked of the limiter, and what it found: checks, and the judgement on them."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from backoffice.ratelimit.charges import Charge, Store, Verdict
from backoffice.ratelimit.decisions import Decision
from backoffice.ratelimit.limits import Limit

#: What happens while Redis does not answer. `local`: counted in this process, the limit divided by
#: the workers. `closed`: refused with 503. `open`: let pass.
OnError = Literal["local", "closed", "open"]


class Check(NamedTuple):
    """Whether `key` may spend `cost` units of what `name` limits, by these limits."""

    name: str
    key: str
    limits: Sequence[Limit]
    cost: int = 1
    on_error: OnError = "local"
    #: Counted and told, but refusing nobody.
    shadow: bool = False


class Judgement(NamedTuple):
    """What checks came to, what each has charged, and where."""

    decisions: list[Decision]
    charges: list[list[Charge]]
    store: Store
    #: When, in seconds of a clock that never goes back.
    at: float

    def taken(self, number: int) -> list[Charge]:
        """What one of the checks has spent; nothing, where it was let pass without a store."""
        standings = self.decisions[number].standings
        if not standings:
            return []
        pairs = zip(self.charges[number], standings, strict=True)
        return [charge for charge, standing in pairs if charge.cost and not standing.wait]

    def has_places(self, number: int) -> bool:
        """Whether one of the checks took a place, which its holder gives back."""
        return any(each.holder for each in self.charges[number])


def decide(
    checks: Sequence[Check], charges: Sequence[Sequence[Charge]], verdict: Verdict
) -> list[Decision]:
    """The decision on each check, from the verdict on all their charges."""
    if len(checks) == 1 and checks[0].cost:  # by far the most
        (check,) = checks
        return [Decision(check.name, verdict.allowed, check.cost, verdict.standings)]
    found, at = [], 0
    for check, group in zip(checks, charges, strict=True):
        standings = verdict.standings[at : at + len(group)]
        at += len(group)
        if not check.cost and not check.shadow:
            standings = tuple(each._replace(shadow=False) for each in standings)
        allowed = check.shadow or not any(each.wait for each in standings)
        found.append(Decision(check.name, allowed, check.cost, standings))
    return found
