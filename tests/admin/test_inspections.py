"""Looks that take seconds: made once for all who ask meanwhile, and ended with the app."""

import asyncio

import pytest

from backoffice.admin.operations.inspections import inspections
from backoffice.core import Run

pytestmark = pytest.mark.anyio


class Look:
    """One that takes as long as the test wants."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = False
        self.done = asyncio.Event()

    async def __call__(self) -> int:
        self.begun += 1
        try:
            await self.done.wait()
        finally:
            self.ended = True
        return self.begun


async def test_who_asks_meanwhile_is_told_of_the_look_that_is_under_way() -> None:
    """Though whoever asked first has gone; who asks after it has one made."""
    async with Run() as run:
        held, look = await run.open(inspections), Look()
        first, second = (asyncio.create_task(held.of("chain", look)) for _ in range(2))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        look.done.set()
        assert (await second, look.begun) == (1, 1)
        assert await held.of("chain", look) == 2


async def test_a_look_ends_with_the_run() -> None:
    async with Run() as run:
        held, look = await run.open(inspections), Look()
        asked = asyncio.create_task(held.of("chain", look))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert look.begun == 1
    assert look.ended
    with pytest.raises(asyncio.CancelledError):
        await asked
