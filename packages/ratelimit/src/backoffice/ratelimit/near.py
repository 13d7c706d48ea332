"""Who is near a limit or over it now, as the counters tell: by digests, for they hold no names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from backoffice.ratelimit.charges import Charge, Standing
from backoffice.ratelimit.desk import Desk
from backoffice.ratelimit.keys import Keys
from backoffice.ratelimit.limits import Limit, limits
from backoffice.ratelimit.policies import Policy
from backoffice.ratelimit.watch import NEAR

#: Counters that are looked at, and how many of them together.
MOST, TOGETHER = 5000, 200
#: Holds no place: it only looks.
_ONLOOKER = "onlooker"


@dataclass(frozen=True)
class Near:
    """Somebody with less than a fifth of a limit left, or nothing; `caller` is a digest."""

    policy: Policy
    caller: str
    standing: Standing
    #: Whether the limit is an operator's.
    overridden: bool

    @property
    def is_over(self) -> bool:
        """Whether nothing is left."""
        return not self.standing.remaining


async def near(desk: Desk, most: int = MOST) -> list[Near]:
    """Those who are near or over, the longest wait first; Unavailable while Redis is away.

    It looks at `most` counters or a few more. Limits that each caller has of their own, and a
    Cluster's, are not among them.
    """
    asked = list(_asked(desk, await desk.limiter.names(most)))
    found: list[Near] = []
    for start in range(0, len(asked), TOGETHER):
        some = asked[start : start + TOGETHER]
        verdict = await desk.limiter.look([charge for charge, *_ in some])
        for (_, policy, caller, own), standing in zip(some, verdict.standings, strict=True):
            if _is_near(standing):
                found.append(Near(policy, caller, standing, own))
    return sorted(found, key=lambda each: (each.standing.remaining, -each.standing.next))


def _asked(desk: Desk, names: Sequence[str]) -> Iterator[tuple[Charge, Policy, str, bool]]:
    """The counters of limits that hold now, each with whose it is."""
    known = {end: each for each in _limits(desk) for end in (_end(desk, *each),)}
    for name in names:
        policy, limit = known.get(name.rpartition(":")[2], (None, None))
        if policy is None or limit is None:
            continue
        caller = name.partition("{")[2].partition("}")[0]
        other = desk.overrides.limits(policy.name, caller)
        if limit in (other or _of_code(policy)):
            holder = _ONLOOKER if limit.kind == "concurrent" else ""
            yield Charge(name, limit, 0, True, holder), policy, caller, other is not None


def _limits(desk: Desk) -> Iterator[tuple[Policy, Limit]]:
    by_name = {each.name: each for each in desk.policies}
    for policy in desk.policies:
        yield from ((policy, each) for each in _of_code(policy))
    for override in desk.in_force:
        if override.policy in by_name:
            yield from ((by_name[override.policy], each) for each in override.limits)


def _of_code(policy: Policy) -> tuple[Limit, ...]:
    return tuple(dict.fromkeys(limits(each)[0] for each in policy.written))


def _end(desk: Desk, policy: Policy, limit: Limit) -> str:
    return Keys(desk.namespace).of(policy.name, "", limit).rpartition(":")[2]


def _is_near(standing: Standing) -> bool:
    return bool(standing.reset) and 100 * standing.remaining < NEAR * standing.limit.burst
