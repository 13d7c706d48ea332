"""The limiter of a running app: checks limits by name and key, wherever they are counted."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import chain
from time import perf_counter
from typing import Annotated

from fastapi import Depends

from backoffice.core import Clock, Settings, SetupError, Unavailable, singleton
from backoffice.core import clock as app_clock
from backoffice.core import settings as app_settings
from backoffice.ratelimit.charges import Charge, Listed, Store, Verdict
from backoffice.ratelimit.charging import Charging
from backoffice.ratelimit.decisions import Decision
from backoffice.ratelimit.headers import Headers, Version, steady
from backoffice.ratelimit.holdings import Holding, end
from backoffice.ratelimit.judgements import Check, Judgement, OnError, decide
from backoffice.ratelimit.keys import Keys, digest
from backoffice.ratelimit.leases import Leases
from backoffice.ratelimit.limits import Limit
from backoffice.ratelimit.memory import MemoryStore
from backoffice.ratelimit.overrides import Overrides
from backoffice.ratelimit.overrides import overrides as run_overrides
from backoffice.ratelimit.refusals import REDUCED_CAPACITY, refusal
from backoffice.ratelimit.refused import Refusal, Refused
from backoffice.ratelimit.reservations import Reservation
from backoffice.ratelimit.settings import RateLimitSettings, ratelimit_settings
from backoffice.ratelimit.stores import stores
from backoffice.ratelimit.watch import Watch
from backoffice.ratelimit.watch import watch as run_watch

#: Makes a named tuple without a call in Python.
new = tuple.__new__


class Limiter:
    """Checks limits in a store: `await limiter.check("login", address, limits("5/minute"))`.

    `local` counts while the store does not answer; without one, every check is `closed` then.
    """

    def __init__(
        self,
        store: Store,
        *,
        namespace: str = "backoffice",
        headers: Version = "draft-11",
        legacy_headers: bool = False,
        overrides: Overrides | None = None,
        watch: Watch | None = None,
        local: Store | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._store = store
        self._local = local
        self._keys = Keys(namespace)
        self._headers = Headers(headers, legacy=legacy_headers)
        #: The header fields for these checks of one request, as an ASGI message has them.
        self.raw_fields = self._headers.raw
        #: The limits that an operator has put in place of others.
        self.overrides = Overrides() if overrides is None else overrides
        self._charging = Charging(self._keys, self.overrides)
        self._watch = watch
        self._leases = Leases()
        #: Seconds of a clock that never goes back.
        self.now = (clock or Clock()).monotonic
        self._refused = Refused(self.now)
        # A memory of one's own is asked as fast as a memory of what it said.
        self._remembers = local is not None
        # Not one that adds to it, which a shortcut would pass by.
        self._memory = store if type(store) is MemoryStore else None

    async def check(
        self,
        name: str,
        key: str,
        limits: Sequence[Limit],
        cost: int = 1,
        *,
        on_error: OnError = "local",
    ) -> Decision:
        """Spend `cost` units of every limit in one round trip, or of none; cost 0 only looks.

        `name` says what is limited and `key` who is: each pair has counters of its own. The key
        is kept as a digest. Raises InvalidInput for a cost below 0, and Unavailable when the store
        does not answer and the check is `closed` then.
        """
        (decision,) = await self.check_all([Check(name, key, limits, cost, on_error)])
        return decision

    async def check_all(self, checks: Sequence[Check]) -> list[Decision]:
        """The same for several names and keys, in one round trip: all are spent, or none is.

        A Decision is `allowed` where its own limits do not stand in the way.
        """
        for each in checks:
            if any(limit.kind == "concurrent" for limit in each.limits):
                raise SetupError(
                    f"{each.name} limits how many there are at once: hold a place by "
                    "`async with limiter.reserve(name, key, limits):`"
                )
        return (await self.judge(checks)).decisions

    async def enforce(
        self,
        name: str,
        key: str,
        limits: Sequence[Limit],
        cost: int = 1,
        *,
        on_error: OnError = "local",
    ) -> Decision:
        """The same as `check`, but raises TooManyRequests, with its header fields, when refused."""
        decision = await self.check(name, key, limits, cost, on_error=on_error)
        if not decision.allowed:
            raise refusal([decision], self.fields([decision]))
        return decision

    @asynccontextmanager
    async def reserve(
        self,
        name: str,
        key: str,
        limits: Sequence[Limit],
        estimate: int = 1,
        *,
        on_error: OnError = "local",
    ) -> AsyncIterator[Reservation]:
        """Set `estimate` units aside while the block runs, and settle for what was used.

            async with limiter.reserve("tokens", user, limits("100000/day"), 4000) as reserved:
                reserved.settle(await answer())

        A place of a limit such as `5 concurrent` is held as long. Without `settle` all of it is
        spent. Raises TooManyRequests where it does not fit, and Unavailable.
        """
        judged = await self.judge([Check(name, key, limits, estimate, on_error)])
        if not judged.decisions[0].allowed:
            raise refusal(judged.decisions, self.fields(judged.decisions))
        reservation = Reservation(estimate)
        held = self.hold(judged, 0, reservation=reservation)
        try:
            yield reservation
        finally:
            await self.end([held], failed=True)

    async def reset(self, name: str, key: str, limits: Sequence[Limit]) -> None:
        """Forget what was spent; raises Unavailable when the store does not answer."""
        await self.clear(name, digest(key), limits)

    async def clear(self, name: str, caller: str, limits: Sequence[Limit]) -> None:
        """The same for the caller who is counted under that digest."""
        keys = [self._keys.of(name, caller, limit) for limit in limits]
        await self._store.reset(keys)
        self.forget(keys)

    async def names(self, most: int) -> list[str]:
        """The keys of counters that are in use, about so many; none of a store that cannot tell."""
        if not isinstance(self._store, Listed):
            return []
        return await self._store.names(self._keys.namespace, most)

    async def look(self, charges: Sequence[Charge]) -> Verdict:
        """How these stand, which spends nothing and is noted nowhere."""
        return await self._store.charge(charges, "look")

    def forget(self, keys: Sequence[str]) -> None:
        """Remember no refusal of these keys any more."""
        self._refused.forget(keys)

    def fields(self, decisions: Sequence[Decision]) -> dict[str, str]:
        """The header fields for these checks of one request."""
        return self._headers.fields(decisions)

    async def ping(self) -> None:
        """Raise Unavailable when the store does not answer."""
        await self._store.ping()

    async def close(self) -> None:
        """End what goes on in the background; the stores are closed by whoever opened them."""
        await self._leases.close()

    async def judge(self, checks: Sequence[Check]) -> Judgement:
        """Check all in one round trip, and tell what was charged; nobody is refused by raising."""
        started = perf_counter()
        ready = [self._charging.of(*each[:4], each.shadow) for each in checks]
        callers = [each.caller for each in ready]
        charges = [each.charges for each in ready]
        store, at = self._store, self.now()
        try:
            verdict = await self._verdict(list(chain.from_iterable(charges)))
        except Unavailable as error:
            return await self._judge_without(checks, callers, charges, error, started)
        decisions = decide(checks, charges, verdict)
        if self._watch is not None:
            self._watch.checked(decisions, callers, perf_counter() - started)
        return Judgement(decisions, charges, store, at)

    def at_once(self, name: str, key: str, limits: Sequence[Limit], cost: int) -> Decision | None:
        """What `check` says, where nothing has to be waited for; else None, and nothing is spent.

        So it is in the memory of this process, and for a caller whom Redis has just refused.
        Most requests come this way: it is written for the time that it takes.
        """
        memory = self._memory
        if memory is None and not self._refused:
            return None
        started = perf_counter()
        ready = self._charging.of(name, key, limits, cost)
        charges = ready.charges
        alone = memory.alone(charges[0]) if memory is not None and len(charges) == 1 else None
        if alone is not None:
            decision = new(Decision, (name, not alone.wait, cost, (alone,)))
        else:
            verdict = self._known(charges)
            if verdict is None:
                return None
            decision = Decision(name, verdict.allowed, cost, verdict.standings)
        if self._watch is not None:
            self._watch.one(decision, ready.caller, perf_counter() - started)
        return decision

    async def one(
        self, name: str, key: str, limits: Sequence[Limit], cost: int, on_error: OnError = "local"
    ) -> Decision:
        """What `check` says, for who has asked `at_once` in vain: with less around the wait."""
        started = perf_counter()
        ready = self._charging.of(name, key, limits, cost)
        charges = ready.charges
        try:
            verdict = await self._store.charge(charges)
        except Unavailable as error:
            check = Check(name, key, limits, cost, on_error)
            judged = await self._judge_without([check], [ready.caller], [charges], error, started)
            return judged.decisions[0]
        if self._remembers and not verdict.allowed:
            self._refused.note(charges, verdict.standings)
        decision = new(Decision, (name, verdict.allowed, cost, verdict.standings))
        if self._watch is not None:
            self._watch.one(decision, ready.caller, perf_counter() - started)
        return decision

    def remembered(
        self, key: str, limits: Sequence[Limit], decision: Decision
    ) -> tuple[Refusal, float] | None:
        """What is known of a refusal that `at_once` gave, and until when it reads as it does.

        None where something may end it that nobody here would hear of.
        """
        if self.overrides:
            return None
        charges = self._charging.of(decision.name, key, limits, decision.cost).charges
        if self._memory is not None:
            self._refused.note(charges, decision.standings)
        known = self._refused.of(charges)
        if known is None:
            return None
        return known, min(known.until, self.now() + steady(decision) / 1_000_000)

    def again(self, decision: Decision) -> None:
        """Count that a caller was refused as a moment ago."""
        if self._watch is not None:
            self._watch.again(decision)

    def hold(
        self,
        judged: Judgement,
        number: int,
        *,
        reservation: Reservation | None = None,
        on_failures: bool = False,
    ) -> Holding:
        """What one of the checks took, until `end`; its places are renewed as long."""
        taken = judged.taken(number)
        leases = self._leases.hold(judged.store, taken)
        return Holding(judged.store, taken, judged.at, leases, reservation, on_failures)

    async def end(self, holdings: Sequence[Holding], *, failed: bool) -> None:
        """Give back what a request that has ended did not use, and take what it used besides."""
        try:
            await end(holdings, self.now(), failed=failed)
        finally:
            # Not before: who is refused meanwhile would be remembered for what is given back.
            self.forget([charge.key for each in holdings for charge in each.charges])

    async def _verdict(self, charges: Sequence[Charge]) -> Verdict:
        if not self._remembers:
            return await self._store.charge(charges)
        known = self._refused.verdict(charges)
        if known is not None:
            return known
        verdict = await self._store.charge(charges)
        if not verdict.allowed:
            self._refused.note(charges, verdict.standings)
        return verdict

    def _known(self, charges: Sequence[Charge]) -> Verdict | None:
        """The verdict that needs no waiting, where there is one."""
        if self._memory is not None:
            return self._memory.charged(charges)
        return self._refused.verdict(charges)

    async def _judge_without(
        self,
        checks: Sequence[Check],
        callers: Sequence[str],
        charges: Sequence[list[Charge]],
        error: Unavailable,
        started: float,
    ) -> Judgement:
        """What each check says for when the store does not answer."""
        store, at = self._local, self.now()
        if store is None or any(each.on_error == "closed" for each in checks):
            if self._watch is not None:
                self._watch.unavailable([each.name for each in checks], perf_counter() - started)
            error.problem = REDUCED_CAPACITY
            raise error
        local = [
            group if check.on_error == "local" else []
            for check, group in zip(checks, charges, strict=True)
        ]
        verdict = await store.charge([each for group in local for each in group])
        decisions = decide(checks, local, verdict)
        if self._watch is not None:
            self._watch.checked(decisions, callers, perf_counter() - started, local=True)
        return Judgement(decisions, local, store, at)


@singleton
async def limiter(
    settings: Annotated[Settings, Depends(app_settings)],
    own: Annotated[RateLimitSettings, Depends(ratelimit_settings)],
    clock: Annotated[Clock, Depends(app_clock)],
    overrides: Annotated[Overrides, Depends(run_overrides)],
    watch: Annotated[Watch, Depends(run_watch)],
) -> AsyncIterator[Limiter]:
    """The app's limiter: in Redis where BACKOFFICE_REDIS_URL is set, else in this process."""
    store, local = await stores(settings, own, clock)
    limiter = Limiter(
        store,
        namespace=own.namespace,
        headers=own.headers,
        legacy_headers=own.legacy_headers,
        overrides=overrides,
        watch=watch,
        local=local,
        clock=clock,
    )
    try:
        yield limiter
    finally:
        await limiter.close()
        await store.close()


# Not required: every replica would be taken out of service at once, and none would mend Redis.
@limiter.health(timeout=2, required=False)
async def _answers(limiter: Limiter) -> None:
    await limiter.ping()
