"""What a run does first when it ends, while everything is open still."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import anyio
import pytest
from fastapi import Depends

from backoffice.core import Run, Singleton, SingletonError, singleton

pytestmark = pytest.mark.anyio


class House:
    """A queue, and a tool of which the queue does not know; what happened to both."""

    def __init__(self, *, failing: BaseException | None = None, seconds: float = 0) -> None:
        self.events: list[str] = []
        house = self

        @singleton
        async def queue() -> AsyncIterator[str]:
            yield "queue"
            house.events.append("queue closed")

        @queue.ending
        async def work_off(_: str) -> None:
            await anyio.sleep(seconds)
            if failing is not None:
                raise failing
            house.events.append("worked off")

        @singleton
        async def tool(queue: Annotated[str, Depends(queue)]) -> AsyncIterator[str]:
            yield f"tool of {queue}"
            house.events.append("tool closed")

        self.queue: Singleton[str] = queue
        self.tool: Singleton[str] = tool


async def test_an_ending_comes_before_anything_closes() -> None:
    house = House()
    async with Run() as run:
        await run.open(house.tool)
    assert house.events == ["worked off", "tool closed", "queue closed"]


async def test_what_did_not_open_has_no_ending() -> None:
    house = House()
    async with Run():
        pass
    assert house.events == []


async def test_an_ending_that_fails_keeps_nothing_from_closing() -> None:
    house = House(failing=ValueError("no"))
    with pytest.raises(ValueError, match="no") as raised:
        async with Run() as run:
            await run.open(house.tool)
    assert raised.value.__notes__ == ["while ending the singleton queue"]
    assert house.events == ["tool closed", "queue closed"]


async def test_within_a_cancelled_scope_it_is_done_all_the_same() -> None:
    house = House(seconds=0.01)
    with anyio.CancelScope() as scope:
        async with Run() as run:
            await run.open(house.tool)
            scope.cancel()
    assert house.events == ["worked off", "tool closed", "queue closed"]


async def test_one_that_hangs_is_left_by_a_cancellation_and_all_closes() -> None:
    house, opened = House(seconds=60), asyncio.Event()

    async def use() -> None:
        async with Run() as run:
            await run.open(house.tool)
            opened.set()

    task = asyncio.create_task(use())
    await opened.wait()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert house.events == ["tool closed", "queue closed"]


def test_an_ending_is_a_coroutine_and_there_is_one() -> None:
    house = House()

    async def again(_: str) -> None: ...

    with pytest.raises(SingletonError, match="an ending already"):
        house.queue.ending(again)
    with pytest.raises(SingletonError, match="must be an `async def`"):
        house.tool.ending(lambda _: again(""))
