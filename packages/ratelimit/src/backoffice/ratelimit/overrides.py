"""Overrides: limits that an operator puts in place of those of the code, for a while.

They are kept in Redis, and every process reads them anew twice a second: what a check asks for is
in its own memory. Without Redis they are kept there alone, beside what is counted there.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated, Any, Protocol

from fastapi import Depends

from backoffice.core import BackofficeError, Conflict, Settings, SetupError, Unavailable, singleton
from backoffice.core import settings as app_settings
from backoffice.ratelimit.limits import Limit, limits
from backoffice.ratelimit.settings import RateLimitSettings, ratelimit_settings

log = logging.getLogger(__name__)

SCRIPT = files(__package__).joinpath("overrides.lua").read_text("utf-8")
DIGEST = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()
#: Seconds between two looks. What a process remembers of a refused caller lasts one second more.
INTERVAL = 0.5
#: Every process holds them all.
MOST = 1000
EVERYBODY = "*"


@dataclass(frozen=True, slots=True)
class Override:
    """Limits that hold for a policy, for all callers or for one.

    `caller` is the digest under which that one is counted, or EVERYBODY; `seconds` are left of it,
    None where it holds until it is lifted.
    """

    policy: str
    caller: str
    limits: tuple[Limit, ...]
    seconds: float | None


class _Wire(Protocol):
    # Any: the script replies texts besides numbers.
    async def ask(self, keys: Sequence[str], arguments: Sequence[str | int]) -> Any:
        """The script's entry for these."""


class Overrides:
    """The overrides that this process holds; without a wire, those that it was given itself."""

    def __init__(self, wire: _Wire | None = None, namespace: str = "backoffice") -> None:
        self._wire = wire
        self._key = f"{namespace}:{{overrides}}"
        #: Each with the moment at which it ends, by this process' own clock.
        self._held: dict[tuple[str, str], tuple[tuple[Limit, ...], float]] = {}
        self._wrong: set[str] = set()
        self._failing = False

    def __bool__(self) -> bool:
        """Whether there may be any."""
        return bool(self._held)

    def limits(self, policy: str, caller: str) -> tuple[Limit, ...] | None:
        """What holds instead of the code's limits: one for the caller goes before one for all."""
        return self._of(policy, caller) or self._of(policy, EVERYBODY)

    def _of(self, policy: str, caller: str) -> tuple[Limit, ...] | None:
        found = self._held.get((policy, caller))
        return found[0] if found is not None and found[1] > time.monotonic() else None

    async def all(self) -> list[Override]:
        """Those in Redis now, which this process holds from now on; raises Unavailable."""
        return self._own() if self._wire is None else (await self._ask(self._wire, "all"))[1]

    async def set(
        self, policy: str, caller: str, limits: Sequence[Limit], seconds: float | None = None
    ) -> None:
        """Let these hold instead, everywhere within two seconds; for so long, or until lifted.

        Raises Conflict where there are a thousand others, and Unavailable.
        """
        if self._wire is None:
            self._keep(policy, caller, tuple(limits), seconds)
            return
        span = 0 if seconds is None else max(1, round(seconds * 1_000_000))
        field, written = _field(policy, caller), ", ".join(map(str, limits))
        done, _ = await self._ask(self._wire, "set", field, written, span)
        if done < 0:
            raise full()

    async def lift(self, policy: str, caller: str) -> bool:
        """Let the code's limits hold again; whether there was an override. Raises Unavailable."""
        if self._wire is None:
            return self._held.pop((policy, caller), None) is not None
        return bool((await self._ask(self._wire, "lift", _field(policy, caller)))[0])

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """Read them anew, again and again, while the block runs."""
        await self._read()
        task = asyncio.create_task(self._go_on_reading())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def _go_on_reading(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            await self._read()

    async def _read(self) -> None:
        try:
            await self.all()
        except Unavailable:
            return  # what was held goes on; whoever talks to Redis says that it is away
        except Exception:
            if not self._failing:
                log.exception("limits: overrides cannot be read")
            self._failing = True
        else:
            self._failing = False

    def _own(self) -> list[Override]:
        """Those that this process was given, without those that have ended."""
        now = time.monotonic()
        self._held = {name: each for name, each in self._held.items() if each[1] > now}
        return [
            Override(policy, caller, wanted, None if ends == float("inf") else ends - now)
            for (policy, caller), (wanted, ends) in self._held.items()
        ]

    def _keep(
        self, policy: str, caller: str, wanted: tuple[Limit, ...], seconds: float | None
    ) -> None:
        self._own()
        if (policy, caller) not in self._held and len(self._held) >= MOST:
            raise full()
        ends = float("inf") if seconds is None else time.monotonic() + seconds
        self._held[policy, caller] = (wanted, ends)

    async def _ask(
        self, wire: _Wire, what: str, field: str = "", written: str = "", span: int = 0
    ) -> tuple[int, list[Override]]:
        done, *flat = await wire.ask([self._key], [what, field, written, span, MOST])
        rows = zip(flat[::3], flat[1::3], flat[2::3], strict=True)
        found = [each for row in rows if (each := self._override(*row)) is not None]
        now = time.monotonic()
        self._held = {
            (each.policy, each.caller): (
                each.limits,
                float("inf") if each.seconds is None else now + each.seconds,
            )
            for each in found
        }
        return done, found

    def _override(self, field: bytes, written: bytes, left: int) -> Override | None:
        caller, _, policy = field.decode("utf-8", "replace").partition(" ")
        text = written.decode("utf-8", "replace")
        wanted = _limits(text)
        if wanted:
            return Override(policy, caller, wanted, left / 1_000_000 if left else None)
        if text not in self._wrong and len(self._wrong) < MOST:
            log.error("limits: the override of %s cannot be read and does not hold", policy)
            self._wrong.add(text)
        return None


def _limits(written: str) -> tuple[Limit, ...]:
    try:
        return limits(*written.split(", "))
    except SetupError:
        return ()


def _field(policy: str, caller: str) -> str:
    return f"{caller} {policy}"


def full() -> Conflict:
    """What an operator is told where there is no room for one more."""
    return Conflict(f"there are {MOST} overrides already; lift some first")


def in_process() -> BackofficeError:
    """What an operator is told where limits are counted in the memory of each process."""
    return BackofficeError(
        "the limits are counted in the memory of each process, which nobody else can reach; set "
        "BACKOFFICE_REDIS_URL for the app and for this command",
        code="limits_in_process",
    )


@singleton
async def overrides(
    settings: Annotated[Settings, Depends(app_settings)],
    own: Annotated[RateLimitSettings, Depends(ratelimit_settings)],
) -> AsyncIterator[Overrides]:
    """The overrides of this run, read anew as long as it goes on."""
    if settings.redis_url is None:
        yield Overrides()
        return
    try:
        from backoffice.ratelimit.wire import Wire
    except ModuleNotFoundError:  # of redis, as the limiter will say
        yield Overrides()
        return
    url = settings.redis_url.get_secret_value()
    wire = Wire(url, SCRIPT, DIGEST, timeout=own.redis_timeout)
    found = Overrides(wire, own.namespace)
    try:
        async with found.reading():
            yield found
    finally:
        await wire.close()
