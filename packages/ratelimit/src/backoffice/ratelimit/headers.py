"""The fields that tell a client where it stands, in the version of the IETF's draft that is set.

`draft-11` of draft-ietf-httpapi-ratelimit-headers: `RateLimit-Policy` and `RateLimit`, lists of RFC
9651 with one member per limit, named alike in both. `draft-7`: the same names, the tightest limit.
Besides, `X-RateLimit-*`, which no standard ever had.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple

from backoffice.ratelimit.charges import Standing
from backoffice.ratelimit.decisions import Decision, seconds
from backoffice.ratelimit.limits import LONGEST, Limit

Version = Literal["draft-11", "draft-7", "off"]
#: Plans may give each caller limits of its own.
MOST_POLICIES = 1000
Raw = list[tuple[bytes, bytes]]


class Member(NamedTuple):
    """What the fields say of one limit; times in seconds."""

    name: str
    limit: Limit
    #: A burst above the count is not promised: what is left stays within the policy.
    remaining: int
    #: What a caller who was refused must wait; 0 for others.
    wait: int
    #: The seconds within which the caller can use no more than what remains.
    reset: int


class Headers:
    """Writes the fields in one version."""

    def __init__(self, version: Version = "draft-11", *, legacy: bool = False) -> None:
        self._write = _VERSIONS[version]
        self._legacy = legacy
        self._short = version == "draft-11" and not legacy
        #: By the texts of their limits, as they are joined there.
        self._policies: dict[str, tuple[bytes, bytes]] = {}
        self.off: bool = version == "off" and not legacy

    def fields(self, decisions: Sequence[Decision]) -> dict[str, str]:
        """The fields for all checks of one request; none where no store answered."""
        if self.off:
            return {}
        members = _members(decisions)
        if not members:
            return {}
        fields = self._write(members)
        return {**fields, **_x_ratelimit(members)} if self._legacy else fields

    def raw(self, decisions: Sequence[Decision]) -> Raw:
        """The same, as an ASGI message has them."""
        if self._short:
            if len(decisions) == 1 and len(decisions[0].standings) == 1:
                found = self._alone(decisions[0].standings[0], decisions[0].cost)
            else:
                found = self._spread(decisions)
            if found is not None:
                return found
        fields = self.fields(decisions)
        return [(name.lower().encode(), value.encode()) for name, value in fields.items()]

    def _alone(self, standing: Standing, cost: int) -> Raw | None:
        """The same for one limit by itself."""
        quota = _quota_of(standing, cost)
        if quota is None:
            return None
        text = standing.limit.text
        policy = self._policies.get(text) or self._policies_of({text: standing.limit})
        return [policy, (b"ratelimit", quota.encode())]

    def _spread(self, decisions: Sequence[Decision]) -> Raw | None:
        """Of spread limits with texts of their own, in a third of the time: most are such.

        None where there is more to say.
        """
        told: dict[str, Limit] = {}
        quotas = []
        for decision in decisions:
            for standing in decision.standings:
                limit = standing.limit
                quota = _quota_of(standing, decision.cost)
                if quota is None or limit.text in told:
                    return None
                told[limit.text] = limit
                quotas.append(quota)
        if not told:
            return []
        return [self._policies_of(told), (b"ratelimit", ", ".join(quotas).encode())]

    def _policies_of(self, told: Mapping[str, Limit]) -> tuple[bytes, bytes]:
        names = ", ".join(told)
        kept = self._policies.get(names)
        if kept is None:
            policies = [_policy(Member(name, each, 0, 0, 0)) for name, each in told.items()]
            kept = b"ratelimit-policy", ", ".join(policies).encode()
            if len(self._policies) < MOST_POLICIES:
                self._policies[names] = kept
        return kept


def _quota_of(standing: Standing, cost: int) -> str | None:
    """What `_member` and `_quota` say of a spread limit that binds."""
    limit, remaining, wait, reset, shadow = standing
    if shadow or limit.kind != "spread" or cost > limit.burst:
        return None
    if not (remaining or wait or reset):  # `known`, without the call
        return None
    if remaining > limit.count:
        remaining = limit.count
    shown = -(-(wait or remaining * limit.emission or standing.next) // 1_000_000)
    return f'"{limit.text}";r={remaining};t={shown}'


def steady(decision: Decision) -> int:
    """Microseconds for which the fields of a refusal read the same; 0 where that is not known."""
    return min((_steady(each) for each in decision.standings), default=0)


def _steady(standing: Standing) -> int:
    limit, remaining, wait, reset, shadow = standing
    if shadow or limit.kind != "spread" or not standing.known:
        return 0
    shown = wait or (0 if remaining else standing.next)
    second = (shown - 1) % 1_000_000 + 1 if shown else LONGEST
    if remaining >= limit.burst:
        return second
    # When one more unit can be spent, there is one more to tell.
    return min(second, reset - limit.capacity + (remaining + 1) * limit.emission)


def _members(decisions: Iterable[Decision]) -> list[Member]:
    """Each limit that binds and was looked at, with a name of its own."""
    members: list[Member] = []
    names: set[str] = set()
    for decision in decisions:
        for each in decision.standings:
            if each.known and not each.shadow:
                name = _name(str(each.limit), names)
                names.add(name)
                members.append(_member(name, each, decision))
    return members


def _name(text: str, taken: Container[str]) -> str:
    name, times = text, 1
    while name in taken:
        times += 1
        name = f"{text}#{times}"
    return name


def _member(name: str, standing: Standing, decision: Decision) -> Member:
    """For a limit that recovers bit by bit, the time in which so many units are granted.

    So a client that spreads its requests over it is never refused. For a spent one, the wait.
    """
    limit, remaining = standing.limit, min(standing.remaining, standing.limit.count)
    wait = seconds(standing.wait) if standing.wait and decision.possible else 0
    if limit.kind != "spread":
        reset = seconds(min(standing.reset or limit.period, limit.period))
    else:
        reset = seconds(remaining * limit.emission or standing.next)
    return Member(name, limit, remaining, wait, wait or reset)


def _draft_11(members: Sequence[Member]) -> dict[str, str]:
    return {
        "RateLimit-Policy": ", ".join([_policy(each) for each in members]),
        "RateLimit": ", ".join([_quota(each) for each in members]),
    }


def _policy(member: Member) -> str:
    limit = member.limit
    if limit.kind == "concurrent":
        return f'"{member.name}";q={limit.count};qu="concurrent-requests"'
    return f'"{member.name}";q={limit.count};w={seconds(limit.period)}'


def _quota(member: Member) -> str:
    # Nobody knows when a place comes back before somebody waits for one.
    if member.limit.kind == "concurrent" and not member.wait:
        return f'"{member.name}";r={member.remaining}'
    return f'"{member.name}";r={member.remaining};t={member.reset}'


def _draft_7(members: Sequence[Member]) -> dict[str, str]:
    tightest = _tightest(members)
    if tightest is None:
        return {}
    return {
        "RateLimit-Policy": ", ".join(_policy_7(each.limit) for each in members if _in_time(each)),
        "RateLimit": (
            f"limit={tightest.limit.count}, remaining={tightest.remaining}, reset={tightest.reset}"
        ),
    }


def _policy_7(limit: Limit) -> str:
    return f"{limit.count};w={seconds(limit.period)}"


def _off(_: Sequence[Member]) -> dict[str, str]:
    return {}


def _x_ratelimit(members: Sequence[Member]) -> dict[str, str]:
    """Of the tightest limit; the reset in seconds from now."""
    tightest = _tightest(members)
    if tightest is None:
        return {}
    return {
        "X-RateLimit-Limit": str(tightest.limit.count),
        "X-RateLimit-Remaining": str(tightest.remaining),
        "X-RateLimit-Reset": str(tightest.reset),
    }


def _tightest(members: Iterable[Member]) -> Member | None:
    """The one that a client has to wait for, else the one with the least left."""
    return min(
        filter(_in_time, members),
        key=lambda each: (-each.wait, each.remaining, -each.reset),
        default=None,
    )


def _in_time(member: Member) -> bool:
    """Whether it limits how much in how long, which is all that the older fields can say."""
    return member.limit.kind != "concurrent"


_VERSIONS: Mapping[Version, Callable[[Sequence[Member]], dict[str, str]]] = MappingProxyType(
    {"draft-11": _draft_11, "draft-7": _draft_7, "off": _off}
)
