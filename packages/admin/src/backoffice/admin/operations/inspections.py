"""Inspections: looks that take seconds, made once for all who ask at the same time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from starlette.requests import Request

from backoffice.core import singleton
from backoffice.core.singletons import running

T = TypeVar("T")


class Inspections:
    """Those of one run that are under way."""

    def __init__(self) -> None:
        # Any: each name has a result of its own kind.
        self._under_way: dict[str, asyncio.Task[Any]] = {}

    async def of(self, name: str, look: Callable[[], Awaitable[T]]) -> T:
        """What the look finds: this one, or the one of that name that is under way."""
        task = self._under_way.get(name)
        if task is None or task.done():
            task = self._under_way[name] = asyncio.create_task(_awaited(look))
            task.add_done_callback(_seen)
        # Not ended with a request that goes away: others may wait for it.
        found: T = await asyncio.shield(task)
        return found

    async def stop(self) -> None:
        """End those that are under way."""
        tasks = [each for each in self._under_way.values() if not each.done()]
        for each in tasks:
            each.cancel()
        if tasks:
            await asyncio.wait(tasks)


async def _awaited(look: Callable[[], Awaitable[T]]) -> T:
    return await look()


def _seen(task: asyncio.Task[Any]) -> None:
    """Whoever waited has been told; with nobody left, asyncio need not complain."""
    if not task.cancelled():
        task.exception()


@singleton
def inspections() -> Inspections:
    """The inspections of this run."""
    return Inspections()


@inspections.ending
async def _stop(inspections: Inspections) -> None:
    await inspections.stop()


async def inspected(request: Request, name: str, look: Callable[[], Awaitable[T]]) -> T:
    """What the look finds, which is shared with all who ask for it now."""
    return await (await running(request).open(inspections)).of(name, look)
