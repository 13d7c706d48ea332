"""What happens to limits, for `events.on(...)` and, where an operator did it, the audit log."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from backoffice.core import Event
from backoffice.ratelimit.limits import Limit

#: Refusals that are remembered, so that each is told once; what does not fit is not told.
MOST_TOLD = 10_000
#: The same refusal is told again after the limit's period, and once an hour in any case; seconds.
LONGEST_SILENCE = 3600.0


@dataclass(frozen=True, kw_only=True)
class LimitRefused(Event):
    """Somebody was refused by a limit, or would have been by a shadow.

    Told once per caller, policy and period of the limit by each process, and of 10,000 callers at
    most at a time: an attack is no flood of events.
    """

    name: ClassVar[str] = "ratelimit.refused"
    policy: str
    #: As it is written: `20/minute`.
    limit: str
    #: Whether it only would have been refused.
    shadow: bool
    #: The digest under which the caller is counted; never the address, name or key itself.
    caller: str


@dataclass(frozen=True, kw_only=True)
class LimitChanged(Event):
    """Root of what operators do to limits."""

    #: Who did it: `cli:<name>`.
    actor: str = ""
    #: The policy: `limit:<name>`.
    subject: str = ""
    #: The operator's address; empty where there is none.
    address: str = ""
    #: The digest of the one caller that it is about; `*` for all.
    caller: str = ""


@dataclass(frozen=True, kw_only=True)
class LimitReset(LimitChanged):
    """What a caller had spent was forgotten, or what everybody had."""

    name: ClassVar[str] = "ratelimit.reset"


@dataclass(frozen=True, kw_only=True)
class LimitOverridden(LimitChanged):
    """Other limits hold for a policy, for `seconds`, or until that is lifted."""

    name: ClassVar[str] = "ratelimit.overridden"
    limits: tuple[str, ...] = ()
    seconds: int | None = None


@dataclass(frozen=True, kw_only=True)
class OverrideLifted(LimitChanged):
    """The limits of the code hold again."""

    name: ClassVar[str] = "ratelimit.override_lifted"


class Refusals:
    """Which refusals to tell: `first` is true once per caller, policy and period."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._told: dict[tuple[str, str, str], float] = {}
        self._swept = 0.0

    def first(self, policy: str, limit: Limit, caller: str) -> bool:
        """Whether this one is to be told; remembers that it was."""
        key, now = (policy, str(limit), caller), self._now()
        if self._told.get(key, now) > now:
            return False
        if len(self._told) >= MOST_TOLD and not self._room(now):
            return False
        self._told[key] = now + min(limit.period / 1_000_000, LONGEST_SILENCE)
        return True

    def _room(self, now: float) -> bool:
        """Forget what has passed; looks at most once a second, whoever attacks."""
        if now - self._swept < 1:
            return False
        self._swept = now
        self._told = {key: until for key, until in self._told.items() if until > now}
        return len(self._told) < MOST_TOLD
