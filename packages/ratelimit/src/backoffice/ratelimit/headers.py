"""The fields that tell a client where it stands, in the version of the IETF's draft that is set.

`draft-11` of draft-ietf-httpapi-ratelimit-headers: `RateLimit-Policy` and `RateLimit`, lists of RFC
9651 with one member per limit, named alike in both. `draft-7`: the same names, the tightest limit.
Besides, `X-RateLimit-*`, which no standard ever had.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Literal, NamedTuple

from backoffice.ratelimit.charges import Standing
from backoffice.ratelimit.decisions import Decision, seconds
from backoffice.ratelimit.limits import Limit

Version = Literal["draft-11", "draft-7", "off"]


class Member(NamedTuple):
    """What the fields say of one limit; `wait` is what a refused caller must, in seconds."""

    name: str
    standing: Standing
    wait: int

    @property
    def remaining(self) -> int:
        """A burst above the count is not promised: what is left stays within the policy."""
        return min(self.standing.remaining, self.standing.limit.count)

    @property
    def reset(self) -> int:
        """The seconds within which the caller can use no more than what remains.

        For a limit that recovers bit by bit that is the time in which so many units are granted, so
        that a client that spreads its requests over it is never refused; for a spent one, the wait.
        """
        standing = self.standing
        if self.wait:
            return self.wait
        if standing.limit.kind == "spread":
            spread = self.remaining * standing.limit.emission
            return seconds(max(spread, standing.next))
        return seconds(standing.reset or standing.limit.period)


class Headers:
    """Writes the fields in one version."""

    def __init__(self, version: Version = "draft-11", *, legacy: bool = False) -> None:
        self._write = _VERSIONS[version]
        self._legacy = legacy
        self.off: bool = version == "off" and not legacy

    def fields(self, decisions: Sequence[Decision]) -> dict[str, str]:
        """The fields for all checks of one request; none where no store answered."""
        if self.off:
            return {}
        members = list(_members(decisions))
        if not members:
            return {}
        fields = self._write(members)
        return {**fields, **_x_ratelimit(members)} if self._legacy else fields


def _members(decisions: Iterable[Decision]) -> Iterator[Member]:
    """Each limit that binds, with a name of its own."""
    seen: dict[str, int] = {}
    for decision in decisions:
        possible = decision.possible
        for each in decision.standings:
            if each.shadow:
                continue
            text = str(each.limit)
            times = seen[text] = seen.get(text, 0) + 1
            name = text if times == 1 else f"{text}#{times}"
            yield Member(name, each, seconds(each.wait) if possible and each.wait else 0)


def _draft_11(members: Sequence[Member]) -> dict[str, str]:
    return {
        "RateLimit-Policy": ", ".join(_policy(each.name, each.standing.limit) for each in members),
        "RateLimit": ", ".join(_quota(each) for each in members),
    }


@lru_cache(maxsize=1024)
def _policy(name: str, limit: Limit) -> str:
    if limit.kind == "concurrent":
        return f'"{name}";q={limit.count};qu="concurrent-requests"'
    return f'"{name}";q={limit.count};w={seconds(limit.period)}'


def _quota(member: Member) -> str:
    # Nobody knows when a place comes back before somebody waits for one.
    if member.standing.limit.kind == "concurrent" and not member.wait:
        return f'"{member.name}";r={member.remaining}'
    return f'"{member.name}";r={member.remaining};t={member.reset}'


def _draft_7(members: Sequence[Member]) -> dict[str, str]:
    tightest = _tightest(members)
    return {
        "RateLimit-Policy": ", ".join(_policy_7(each.standing.limit) for each in members),
        "RateLimit": (
            f"limit={tightest.standing.limit.count}, remaining={tightest.remaining}, "
            f"reset={tightest.reset}"
        ),
    }


def _policy_7(limit: Limit) -> str:
    return f"{limit.count};w={seconds(limit.period)}"


def _off(_: Sequence[Member]) -> dict[str, str]:
    return {}


def _x_ratelimit(members: Sequence[Member]) -> dict[str, str]:
    """Of the tightest limit; the reset in seconds from now."""
    tightest = _tightest(members)
    return {
        "X-RateLimit-Limit": str(tightest.standing.limit.count),
        "X-RateLimit-Remaining": str(tightest.remaining),
        "X-RateLimit-Reset": str(tightest.reset),
    }


def _tightest(members: Sequence[Member]) -> Member:
    """The one that a client has to wait for, else the one with the least left."""
    return min(members, key=lambda each: (-each.wait, each.remaining, -each.reset))


_VERSIONS: Mapping[Version, Callable[[Sequence[Member]], dict[str, str]]] = MappingProxyType(
    {"draft-11": _draft_11, "draft-7": _draft_7, "off": _off}
)
