"""Rate limits as the pages show them: which there are, who is near them, what an operator did."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from backoffice.admin.operations.callers import Named
from backoffice.admin.operations.menu import LIMITS, PATH
from backoffice.admin.presentation import url_of
from backoffice.core import InvalidInput, SetupError
from backoffice.core.singletons import running
from backoffice.ratelimit import Limit, limits
from backoffice.ratelimit.desk import Desk, Whom
from backoffice.ratelimit.metrics import limit_metrics
from backoffice.ratelimit.near import Near
from backoffice.ratelimit.overrides import EVERYBODY, Override
from backoffice.ratelimit.policies import By, Policy

#: Of those who are near, so many are shown.
MOST_SHOWN = 100
#: How long an override may hold: as the form names it, in seconds and in words.
SPANS: Mapping[str, tuple[int | None, str]] = {
    "15m": (900, "15 minutes"),
    "1h": (3600, "1 hour"),
    "1d": (86_400, "1 day"),
    "7d": (7 * 86_400, "7 days"),
    "lifted": (None, "Until it is lifted"),
}
#: How a caller may be named: as the form names it, and in words.
WAYS: Mapping[By, str] = {
    "user": "An account, by its address",
    "address": "A client, by its IP address",
    "key": "What is counted, as it is written",
}
ALL = "all"
#: Characters of all limits of an override.
_LONGEST = 400
_IS_DIGEST = re.compile(r"[A-Za-z0-9_-]{22}|\*")
#: From how many seconds on a span is told in a unit, and how long that is.
_UNITS = ((172_800, 86_400, "day"), (7200, 3600, "hour"), (120, 60, "minute"), (0, 1, "second"))
_UNNAMED = "{}…"
_DIGEST = 8


@dataclass(frozen=True)
class ShownPolicy:
    """A policy in one line, and what its checks came to in this process since it started."""

    name: str
    url: str
    limits: Sequence[str]
    counted: str
    shadow: bool
    overrides: int
    checks: int
    near: int
    refused: int


@dataclass(frozen=True)
class ShownCaller:
    """Somebody who is near a limit, or over it."""

    policy: str
    policy_url: str
    caller: str
    label: str
    url: str
    limit: str
    spent: int
    most: int
    is_over: bool
    wait: str
    overridden: bool


@dataclass(frozen=True)
class ShownOverride:
    """Limits that hold in place of those of the code."""

    policy: str
    caller: str
    label: str
    url: str
    limits: str
    left: str


@dataclass(frozen=True)
class Asked:
    """What a form about limits says."""

    name: str
    by: str = ALL
    who: str = ""
    limits: str = ""
    span: str = "1h"
    caller: str = ""

    # Any: what starlette calls form fields and query parameters alike.
    @classmethod
    def of(cls, sent: Mapping[str, Any]) -> "Asked":
        """As it was sent, with nothing but text in it."""
        named = ("name", "by", "who", "limits", "span", "caller")
        given = {name: str(sent[name]).strip() for name in named if name in sent}
        return cls(**{"name": "", **given})

    def whom(self, ways: Mapping[str, str]) -> Whom:
        """Whom it is about, named by one of these ways; InvalidInput for nobody at all."""
        if self.by == ALL:
            return Whom()
        if self.by not in ways:
            raise InvalidInput("This limit does not count anybody by that.")
        if not self.who:
            raise InvalidInput("Say who it is.")
        return Whom(**{self.by: self.who})

    @property
    def row(self) -> str:
        """The digest of whom a button beside a row is about; InvalidInput for what is none."""
        if not _IS_DIGEST.fullmatch(self.caller):
            raise InvalidInput("That is no caller.")
        return self.caller

    @property
    def wanted(self) -> tuple[Limit, ...]:
        """The limits that were written; InvalidInput."""
        if len(self.limits) > _LONGEST:
            raise InvalidInput("Write fewer limits.", code="invalid_limit")
        written = [each.strip() for each in self.limits.split(",") if each.strip()]
        try:
            return limits(*written)
        except SetupError as error:
            text = error.message if written else "Say what is to hold, such as 100/minute."
            raise InvalidInput(text, code="invalid_limit") from None

    @property
    def seconds(self) -> int | None:
        """For how long; InvalidInput for a span that is not offered."""
        if self.span not in SPANS:
            raise InvalidInput("Say how long it is to hold.")
        return SPANS[self.span][0]


async def desk_of(request: Request) -> Desk:
    """The desk of the app that answers; Unavailable while Redis is away."""
    return await Desk.of(running(request), within=True)


def shown_policies(request: Request, desk: Desk) -> list[ShownPolicy]:
    """Every policy, those that refuse most first."""
    metrics = running(request).values.get(limit_metrics)
    counts = metrics.checks if metrics is not None else {}
    overrides = Counter(each.policy for each in desk.in_force)
    found = [_shown_policy(request, each, counts, overrides) for each in desk.policies]
    return sorted(found, key=lambda each: (-each.refused, -each.overrides, each.name))


def _shown_policy(
    request: Request,
    policy: Policy,
    counts: Mapping[tuple[str, Any], int],
    overrides: Counter[str],
) -> ShownPolicy:
    own = {outcome: count for (name, outcome), count in counts.items() if name == policy.name}
    of = Counter(own)
    return ShownPolicy(
        name=policy.name,
        url=policy_url(request, policy.name),
        limits=written(policy),
        counted=policy.counted,
        shadow=policy.shadow,
        overrides=overrides[policy.name],
        checks=sum(of.values()),
        near=of["near"],
        refused=of["refused"],
    )


def shown_callers(request: Request, found: Sequence[Near], names: Named) -> list[ShownCaller]:
    """Those who are near a limit or over it, by name where it is known to whoever looks."""
    return [
        ShownCaller(
            policy=each.policy.name,
            policy_url=policy_url(request, each.policy.name),
            caller=each.caller,
            label=label_of(names, each.caller),
            url=names.urls.get(each.caller, ""),
            limit=str(each.standing.limit),
            spent=each.standing.limit.burst - each.standing.remaining,
            most=each.standing.limit.burst,
            is_over=each.is_over,
            wait=in_words(each.standing.next),
            overridden=each.overridden,
        )
        for each in found[:MOST_SHOWN]
    ]


def shown_overrides(found: Sequence[Override], names: Named) -> list[ShownOverride]:
    """What operators have put in place of the code's limits."""
    return [
        ShownOverride(
            policy=each.policy,
            caller=each.caller,
            label=label_of(names, each.caller),
            url=names.urls.get(each.caller, ""),
            limits=", ".join(map(str, each.limits)),
            left="" if each.seconds is None else in_words(round(each.seconds * 1_000_000)),
        )
        for each in found
    ]


def written(policy: Policy) -> list[str]:
    """The limits of a policy as they are written, those of roles with the role before them."""
    roles = [f"{role}: {', '.join(each) or 'none'}" for role, each in policy.by_role.items()]
    return [*policy.limits, *roles] or ["each caller's own"]


def ways_of(policy: Policy, *, people: bool) -> dict[str, str]:
    """How a caller of this policy may be named; not as `people` by who may not see accounts."""
    return {by: told for by, told in WAYS.items() if by in policy.keys and (people or by != "user")}


def check_told(desk: Desk, policy: Policy, caller: str) -> None:
    """InvalidInput where only the app itself knows the limits that hold for the caller."""
    if not (policy.limits or desk.overrides.limits(policy.name, caller)):
        raise InvalidInput("Each caller has limits of their own here, which the app alone knows.")


def policy_url(request: Request, name: str, **query: str) -> str:
    """The page of a policy."""
    return url_of(request, PATH, f"{LIMITS.name}/detail", name=name, **query)


def label_of(names: Named, caller: str) -> str:
    """A caller's name, or the beginning of the digest under which they are counted."""
    if caller == EVERYBODY:
        return "Everybody"
    return names.labels.get(caller) or _UNNAMED.format(caller[:_DIGEST])


def in_words(microseconds: int) -> str:
    """A span of time in its largest unit, rounded up."""
    seconds = -(-microseconds // 1_000_000)
    size, unit = next((size, unit) for least, size, unit in _UNITS if seconds >= least)
    count = -(-seconds // size)
    return f"{count} {unit}{'' if count == 1 else 's'}"
