"""Many callers who ask again and again, and what they were told."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from backoffice.core import Unavailable
from backoffice.ratelimit.wire import Wire
from tests.ratelimit.echo import keys

#: For what comes back by itself, on a machine that may stall; seconds.
PATIENCE = 90.0


@dataclass
class Load:
    """What was told so far; `wrong` holds every reply and error that must not be."""

    told: Counter[str] = field(default_factory=Counter)
    wrong: list[object] = field(default_factory=list)
    #: Seconds that each of those took who were told Unavailable.
    delays: list[float] = field(default_factory=list)

    def forget(self) -> None:
        """Begin to count anew."""
        self.told.clear()
        self.delays.clear()

    async def until_answered(self, times: int = 50) -> None:
        before = self.told["answered"]
        await until(lambda: self.told["answered"] >= before + times)

    async def until_refused(self, times: int = 50) -> None:
        before = self.told["unavailable"]
        await until(lambda: self.told["unavailable"] >= before + times)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - of what another process does
            await asyncio.sleep(0.005)


@asynccontextmanager
async def load(
    wire: Wire, callers: Iterable[int] = range(20), pause: float = 0.002
) -> AsyncIterator[Load]:
    """Callers of keys of their own, while the block runs."""
    result = Load()

    async def ask(number: int) -> None:
        while True:
            began = time.monotonic()
            try:
                reply = await wire.ask(keys(number), [number])
            except Unavailable:
                result.told["unavailable"] += 1
                result.delays.append(time.monotonic() - began)
            else:
                result.told["answered"] += 1
                if reply[0] != number:
                    result.wrong.append((number, reply))
            await asyncio.sleep(pause)

    async def watched(work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - the test shows whatever escaped
            result.wrong.append(error)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(watched(ask(number))) for number in callers]
        try:
            yield result
        finally:
            for task in tasks:
                task.cancel()
    assert result.wrong == []
