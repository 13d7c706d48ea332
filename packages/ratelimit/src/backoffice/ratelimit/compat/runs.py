"""Where the limits of an app are counted that knows nothing of singletons.

Such an app has no lifespan of ours. What it would bring is opened by its first limited request,
and ends with `FastAPILimiter.close()`, or else with the event loop.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import HTTPConnection

from backoffice.core import Run, Settings, Singleton
from backoffice.core import settings as app_settings
from backoffice.core.held import Held
from backoffice.core.settings import load
from backoffice.core.singletons import STATE
from backoffice.ratelimit.compat.terms import Callback, Identifier
from backoffice.ratelimit.dependencies import READ
from backoffice.ratelimit.limiter import limiter
from backoffice.ratelimit.settings import RateLimitSettings, ratelimit_settings


@dataclass
class Counting:
    """What `FastAPILimiter.init` was given in one event loop, and the runs of the apps there."""

    # Any: of redis-py, whichever client.
    redis: Any = None
    url: SecretStr | None = None
    prefix: str = ""
    identifier: Identifier | None = None
    http_callback: Callback | None = None
    ws_callback: Callback | None = None
    runs: dict[Starlette, Held[Run]] = field(default_factory=dict)

    async def run(self, app: Starlette) -> Run:
        """The run that this app has on our account."""
        held = self.runs.get(app)
        if held is None:
            held = self.runs[app] = Held("the limits", self._opened(app), copy_context())
            held.task.add_done_callback(lambda _: self.runs.pop(app, None))
        # It is for all: one request that goes away does not end its opening.
        return await asyncio.shield(held.opened)

    @asynccontextmanager
    async def _opened(self, app: Starlette) -> AsyncIterator[Run]:
        with ExitStack() as replaced:
            for each, value in self._settings():
                replaced.enter_context(each.override(value))
            async with Run(app) as run:
                await _open(run)
                yield run

    def _settings(self) -> Iterator[tuple[Singleton[Any], Any]]:
        """The settings that `init` stands in for; the environment's own come first."""
        own, limits = load(Settings), load(RateLimitSettings)
        if self.url is not None and own.redis_url is None:
            yield app_settings, own.model_copy(update={"redis_url": self.url})
        if self.prefix and "namespace" not in limits.model_fields_set:
            yield (
                ratelimit_settings,
                limits.model_copy(update={"namespace": _namespace(self.prefix)}),
            )

    async def close(self) -> None:
        """End the runs."""
        for held in list(self.runs.values()):
            failure = await held.close()
            if failure is not None:
                raise failure


#: `FastAPILimiter.init` names no app; the narrowest thing that it shares with an app's requests is
#: the event loop.
_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Counting] = WeakKeyDictionary()


def counting() -> Counting:
    """That of the running event loop."""
    loop = asyncio.get_running_loop()
    found = _loops.get(loop)
    if found is None:
        found = _loops[loop] = Counting()
    return found


def start(given: Counting) -> None:
    """Set this in the running event loop."""
    _loops[asyncio.get_running_loop()] = given


def forget() -> Counting | None:
    """Take back what was set in the running event loop."""
    return _loops.pop(asyncio.get_running_loop(), None)


async def _open(run: Run) -> None:
    singletons: tuple[Singleton[Any], ...] = READ
    for each in singletons:
        await run.open(each)


def _namespace(prefix: str) -> str:
    """The prefix, or a digest of one that cannot begin our keys."""
    if re.fullmatch(r"[A-Za-z0-9_.-]{1,24}", prefix):
        return prefix
    return f"limits-{hashlib.sha256(prefix.encode()).hexdigest()[:16]}"


@asynccontextmanager
async def prepared(connection: HTTPConnection) -> AsyncIterator[None]:
    """Within, the connection has a run, whose limiter counts where `init` said."""
    state, here = connection.scope.setdefault("state", {}), counting()
    run: Run | None = state.get(STATE)
    if run is None:
        state[STATE] = await here.run(connection.app)
        yield
        return
    if limiter not in run.values:  # that of a websocket is often made within the route
        await _open(run)
    if here.url is None or run.value(app_settings).redis_url is not None:
        yield
        return
    # The app has a run of ours, which counts in this process, and says here where to count.
    own = await here.run(connection.app)
    with limiter.override(own.value(limiter)):
        yield
