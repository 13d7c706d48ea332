"""Events at the end of a run: what was committed is heard while all else is open, and nobody is
left who hears it later."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import anyio
import pytest
from sqlalchemy import text

from backoffice.core import Database, Event, Events, Run, events, singleton
from backoffice.core.events import Patience

pytestmark = pytest.mark.anyio


@dataclass(frozen=True, kw_only=True)
class Sold(Event):
    title: str


@pytest.mark.parametrize("opened_first", ["events", "database"])
async def test_a_late_handler_finds_the_database_open(database_url: str, opened_first: str) -> None:
    """Whichever opened first: one that is asked once it has closed would open anew, for ever."""
    told: list[object] = []

    @singleton
    async def database() -> AsyncIterator[Database]:
        opened = Database(database_url)
        yield opened
        await opened.close()
        told.append("closed")

    async with Run() as run:
        if opened_first == "events":
            await run.open(events)
        asked, found = await run.open(database), await run.open(events)

        @found.on(Sold)
        async def hear(_: Sold) -> None:
            await anyio.sleep(0.05)
            told.append((await asked.read(text("SELECT 1")))[0][0])

        found.announce(Sold(title="Dune"))
    assert told == [1, "closed"]


async def test_a_cancellation_while_they_are_delivered_leaves_nobody_behind() -> None:
    told: list[str] = []
    reached = asyncio.Event()

    async def use() -> None:
        async with Run() as run:
            found = await run.open(events)

            @found.on(Sold)
            async def hear(_: Sold) -> None:
                reached.set()
                try:
                    await anyio.sleep_forever()
                finally:
                    told.append("ended")

            found.announce(Sold(title="Dune"))

    task = asyncio.create_task(use())
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert told == ["ended"]


async def test_what_handlers_are_too_slow_for_is_given_up_once() -> None:
    """Not at the end of the run and, after the same patience, once more as the events close."""
    found = Events(Patience(closing=0.05, stopping=0.01))

    @found.on(Sold)
    async def hear(_: Sold) -> None:
        await anyio.sleep_forever()

    found.announce(Sold(title="Dune"))
    await found.settle()
    found._patience = Patience(closing=3600)
    with anyio.fail_after(60):
        await found.close()
