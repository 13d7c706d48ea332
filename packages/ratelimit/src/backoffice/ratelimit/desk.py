"""Where an operator works on the limits of an app: policies, callers, overrides and counters."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import chain
from typing import Any

from backoffice.core import (
    Callers,
    Database,
    Events,
    InvalidInput,
    NotFound,
    Run,
    callers,
    database,
    events,
    settings,
)
from backoffice.ratelimit import Check, Limiter, limiter, ratelimit_settings
from backoffice.ratelimit.addresses import network_of
from backoffice.ratelimit.events import LimitChanged
from backoffice.ratelimit.keys import digest
from backoffice.ratelimit.limits import Limit, limits
from backoffice.ratelimit.overrides import (
    EVERYBODY,
    MOST,
    Override,
    Overrides,
    full,
    in_process,
    overrides,
)
from backoffice.ratelimit.policies import By, Policy
from backoffice.ratelimit.survey import survey


@dataclass(frozen=True)
class Whom:
    """Whom an operator means, in one of three ways or not at all."""

    user: str | None = None
    address: str | None = None
    key: str | None = None

    @property
    def ways(self) -> dict[By, str]:
        """How they are named."""
        found: dict[By, str | None] = {"user": self.user, "address": self.address, "key": self.key}
        return {by: name for by, name in found.items() if name is not None}

    @property
    def named(self) -> bool:
        """Whether it is anybody at all; InvalidInput for several."""
        if len(self.ways) > 1:
            raise InvalidInput("name one caller, by --user, --address or --key")
        return bool(self.ways)

    def __str__(self) -> str:
        return next(iter(self.ways.values()), "everybody")


@dataclass(frozen=True)
class Counted:
    """What a policy counts a caller by, and the digest that stands in keys and events."""

    text: str
    digest: str


@dataclass(frozen=True)
class Desk:
    """What the verbs of limits need of a run."""

    policies: list[Policy]
    limiter: Limiter
    overrides: Overrides
    in_force: list[Override]
    callers: Callers
    events: Events
    database: Database
    url: str | None
    namespace: str
    #: Whether this is the process that counts, or one of them; a command's never is.
    within: bool = False

    @classmethod
    async def of(cls, run: Run, *, within: bool = False) -> "Desk":
        """The desk of this run; Unavailable while Redis is away."""
        held, url = await run.open(overrides), (await run.open(settings)).redis_url
        return cls(
            policies=await survey(run),
            limiter=await run.open(limiter),
            overrides=held,
            in_force=await held.all(),
            callers=await run.open(callers),
            events=await run.open(events),
            database=await run.open(database),
            url=None if url is None else url.get_secret_value(),
            namespace=(await run.open(ratelimit_settings)).namespace,
            within=within,
        )

    def policy(self, name: str) -> Policy:
        """The policy of that name; NotFound."""
        for each in self.policies:
            if each.name == name:
                return each
        raise NotFound(f"there is no limit {name!r}; `backoffice limits list` names them")

    def policy_or_bare(self, name: str) -> Policy:
        """The same, or one that the code no longer has and an operator has changed."""
        if any(each.policy == name for each in self.in_force):
            known = (each for each in self.policies if each.name == name)
            bare = Policy(name=name, limits=(), counted="", keys={"key": "{}"})
            return next(known, bare)
        return self.policy(name)

    def shown(self, policy: Policy) -> dict[str, Any]:
        """A policy as the command prints it."""
        return {
            "policy": policy.name,
            "limits": _written(policy),
            "counted": policy.counted,
            "on": policy.on,
            "on_error": policy.on_error,
            "shadow": policy.shadow,
            "overridden": [_shown(each) for each in self.in_force if each.policy == policy.name],
        }

    async def callers_of_each(self) -> list[dict[str, Any]]:
        """Every policy as the command prints it, and how many callers it counts now."""
        from backoffice.ratelimit.commands.counters import callers as counted

        found = await counted(self._shared(), self.namespace, self.policies)
        return [self.shown(each) | {"callers": found[each.name]} for each in self.policies]

    async def key(self, policy: Policy, whom: Whom) -> Counted:
        """What the caller is counted by there."""
        self._check_reach()
        ((by, written),) = whom.ways.items()
        text = policy.key(by, await self._name(by, written))
        if text is None:
            ways = " or ".join(f"--{each}" for each in policy.keys)
            raise InvalidInput(f"{policy.name} counts nobody by --{by}; name the caller by {ways}")
        return Counted(text, digest(text))

    async def caller(self, policy: Policy, whom: Whom) -> str:
        """The digest of the caller, or EVERYBODY."""
        self._check_reach()
        return (await self.key(policy, whom)).digest if whom.named else EVERYBODY

    def limits(self, policy: Policy, counted: Counted, given: Sequence[Limit]) -> Sequence[Limit]:
        """Those that hold for the caller now; InvalidInput where only the app knows them."""
        overridden = self.overrides.limits(policy.name, counted.digest)
        found = overridden or given or (limits(*policy.limits) if policy.limits else ())
        if not found:
            raise _each_callers_own(policy)
        return found

    async def standing(
        self, policy: Policy, counted: Counted, given: Sequence[Limit]
    ) -> dict[str, Any]:
        """How the caller stands now, without spending anything."""
        wanted = self.limits(policy, counted, given)
        # Not `check`, which refuses places; and what this process would count is nobody's standing.
        look = Check(policy.name, counted.text, wanted, cost=0, on_error="closed")
        (decision,) = (await self.limiter.judge([look])).decisions
        return {
            "policy": policy.name,
            "caller": counted.digest,
            "overridden": self.overrides.limits(policy.name, counted.digest) is not None,
            "standings": [
                {
                    "limit": str(each.limit),
                    "remaining": each.remaining,
                    "wait": round(each.wait / 1_000_000, 3),
                    "reset": round(each.reset / 1_000_000, 3),
                    "shadow": each.shadow or policy.shadow,
                }
                for each in decision.standings
            ],
        }

    def overridden(self, name: str, caller: str) -> None:
        """NotFound where there is no override for that caller."""
        if not any((each.policy, each.caller) == (name, caller) for each in self.in_force):
            raise NotFound(f"{name} has no such override; `backoffice limits list` shows them")

    def counters(self, policy: Policy, counted: Counted, given: Sequence[Limit]) -> list[Limit]:
        """Every limit that the caller may have spent something of: also those not in force now."""
        of_code = [limits(each)[0] for each in policy.written]
        return list(dict.fromkeys((*self.limits(policy, counted, given), *given, *of_code)))

    def counters_of_all(self, policy: Policy, given: Sequence[Limit]) -> list[Limit]:
        """The same of anybody; InvalidInput where only the app knows the limits."""
        from backoffice.ratelimit.commands.counters import verify

        verify(self._shared())
        # Those of roles are of some alone.
        if not (policy.limits or given or self.overrides.limits(policy.name, EVERYBODY)):
            raise _each_callers_own(policy)
        overridden = [each.limits for each in self.in_force if each.policy == policy.name]
        of_code = [limits(each)[0] for each in policy.written]
        return list(dict.fromkeys((*of_code, *given, *chain.from_iterable(overridden))))

    async def reset_all(self, policy: Policy, wanted: Sequence[Limit]) -> None:
        """Forget what everybody has spent of these."""
        from backoffice.ratelimit.commands.counters import forget

        await forget(self._shared(), self.namespace, policy.name, wanted)

    def room(self, name: str, caller: str) -> None:
        """Conflict where there is none for one more override."""
        held = {(each.policy, each.caller) for each in self.in_force} - {(name, caller)}
        if len(held) >= MOST:
            raise full()

    async def change(self, event: LimitChanged, work: Callable[[], Awaitable[object]]) -> None:
        """Do it, with its event: what the audit log cannot take is not done.

        The log is written as the transaction ends, and Redis takes part in none. Of something that
        failed after that the log says too much rather than too little: what can be known to fail
        is to be found out before.
        """
        async with self.database.session() as session:
            await self.events.emit(event, session)
            await session.commit()
        await work()

    async def _name(self, by: By, written: str) -> str:
        if by == "user":
            found = await self.callers.find(written)
            if found is None:
                raise NotFound(f"nobody has the address or id {written!r}")
            return found
        return _network(written) if by == "address" else written

    def _check_reach(self) -> None:
        if not self.within:
            self._shared()

    def _shared(self) -> str:
        if self.url is None:
            raise in_process()
        return self.url


def _each_callers_own(policy: Policy) -> InvalidInput:
    return InvalidInput(f"the limits of {policy.name} are each caller's own; name them by --limit")


def _written(policy: Policy) -> list[str]:
    roles = (f"{role}: {', '.join(each) or 'none'}" for role, each in policy.by_role.items())
    return [*policy.limits, *roles] or ["each caller's own"]


def _network(written: str) -> str:
    try:
        return network_of(str(ip_address(written.strip())))
    except ValueError:
        raise InvalidInput(f"{written!r} is no address; write 203.0.113.9 or 2001:db8::1") from None


def _shown(each: Override) -> str:
    whom = "" if each.caller == EVERYBODY else f" for {each.caller}"
    left = "" if each.seconds is None else f", {round(each.seconds)} s left"
    return f"{', '.join(map(str, each.limits))}{whom}{left}"
