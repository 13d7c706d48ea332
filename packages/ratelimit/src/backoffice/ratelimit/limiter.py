"""The limiter of a running app: checks limits by name and key, wherever they are counted."""

import base64
import hashlib
from collections.abc import AsyncIterator, Sequence
from time import perf_counter
from typing import Annotated

from fastapi import Depends

from backoffice.core import Clock, InvalidInput, Settings, SetupError, Unavailable, singleton
from backoffice.core import clock as app_clock
from backoffice.core import settings as app_settings
from backoffice.ratelimit.charges import Charge, Store
from backoffice.ratelimit.decisions import Decision
from backoffice.ratelimit.headers import fields
from backoffice.ratelimit.limits import Limit
from backoffice.ratelimit.memory import MemoryStore
from backoffice.ratelimit.overrides import Overrides
from backoffice.ratelimit.overrides import overrides as run_overrides
from backoffice.ratelimit.settings import RateLimitSettings, ratelimit_settings
from backoffice.ratelimit.watch import Watch
from backoffice.ratelimit.watch import watch as run_watch

#: In a key; a longer one is kept as its digest, which is as long.
LONGEST_NAME = 22


class Limiter:
    """Checks limits in a store: `await limiter.check("login", address, limits("5/minute"))`."""

    def __init__(
        self,
        store: Store,
        *,
        namespace: str = "backoffice",
        headers: bool = True,
        overrides: Overrides | None = None,
        watch: Watch | None = None,
    ) -> None:
        self._store = store
        self._namespace = namespace
        self._headers = headers
        self._overrides = overrides or Overrides()
        self._watch = watch

    async def check(self, name: str, key: str, limits: Sequence[Limit], cost: int = 1) -> Decision:
        """Spend `cost` units of every limit in one round trip, or of none; cost 0 only looks.

        `name` says what is limited and `key` who is: each pair has counters of its own. The key
        is kept as a digest. Raises Unavailable when the store does not answer, and InvalidInput
        for a cost below 0.
        """
        if cost < 0:
            raise InvalidInput("This would cost less than nothing.", code="negative_cost")
        caller, started = _digest(key), perf_counter()
        limits = self._overrides.limits(name, caller) or limits
        keys = self._keys(name, key, limits)
        charges = [Charge(*each, cost) for each in zip(keys, limits, strict=True)]
        try:
            verdict = await self._store.charge(charges)
        except Unavailable:
            if self._watch is not None:
                self._watch.unavailable([name], perf_counter() - started)
            raise
        decision = Decision(name, verdict.allowed, cost, verdict.standings)
        if self._watch is not None:
            self._watch.checked([decision], [caller], perf_counter() - started)
        return decision

    async def enforce(
        self, name: str, key: str, limits: Sequence[Limit], cost: int = 1
    ) -> Decision:
        """The same, but raises TooManyRequests, with all its header fields, when not allowed."""
        decision = await self.check(name, key, limits, cost)
        if not decision.allowed:
            raise decision.refusal(self.fields([decision]))
        return decision

    def fields(self, decisions: Sequence[Decision]) -> dict[str, str]:
        """The header fields RateLimit-Policy and RateLimit for these checks of one request."""
        return fields(decisions) if self._headers else {}

    async def ping(self) -> None:
        """Raise Unavailable when the store does not answer."""
        await self._store.ping()

    def _keys(self, name: str, key: str, limits: Sequence[Limit]) -> list[str]:
        # In braces: Redis Cluster keeps together what is checked together.
        start = f"{self._namespace}:{{{_digest(key)}}}:{_short(name)}"
        return [f"{start}:{limit}" for limit in limits]


def _digest(text: str) -> str:
    """128 bits: no address or name of a caller stands in a key, and no key grows with it."""
    # A key may come from JSON, which can hold halves of surrogate pairs.
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else _digest(name)


@singleton
async def limiter(
    settings: Annotated[Settings, Depends(app_settings)],
    own: Annotated[RateLimitSettings, Depends(ratelimit_settings)],
    clock: Annotated[Clock, Depends(app_clock)],
    overrides: Annotated[Overrides, Depends(run_overrides)],
    watch: Annotated[Watch, Depends(run_watch)],
) -> AsyncIterator[Limiter]:
    """The app's limiter: in Redis where BACKOFFICE_REDIS_URL is set, else in this process."""
    store = _store(settings, own, clock)
    try:
        yield Limiter(
            store,
            namespace=own.namespace,
            headers=own.headers,
            overrides=overrides,
            watch=watch,
        )
    finally:
        await store.close()


# Not required: every replica would be taken out of service at once, and none would mend Redis.
@limiter.health(timeout=2, required=False)
async def _answers(limiter: Limiter) -> None:
    await limiter.ping()


def _store(settings: Settings, own: RateLimitSettings, clock: Clock) -> Store:
    if settings.redis_url is None:
        return MemoryStore(own.memory_size, clock)
    try:
        from backoffice.ratelimit.redis import RedisStore
    except ModuleNotFoundError:
        raise SetupError(
            "BACKOFFICE_REDIS_URL is set, but redis is not installed; "
            "install fastapi-backoffice-ratelimit[redis]"
        ) from None
    return RedisStore(
        settings.redis_url.get_secret_value(),
        timeout=own.redis_timeout,
        connections=own.redis_connections,
    )
