"""Events reach who asked for them: within the change, or after it."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.core import Database, Event, Events, Listeners, Run, SetupError, events
from backoffice.core.events import Patience

pytestmark = pytest.mark.anyio


@dataclass(frozen=True, kw_only=True)
class Sold(Event):
    title: str


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    found = Database(database_url)
    async with found.engine.begin() as connection:
        await connection.execute(text("CREATE TABLE sale (title VARCHAR(20))"))
    yield found
    await found.close()


async def note(session: AsyncSession, title: str) -> None:
    await (await session.connection()).execute(
        text("INSERT INTO sale VALUES (:title)"), {"title": title}
    )


async def sales(database: Database) -> list[str]:
    async with database.engine.connect() as connection:
        return list((await connection.execute(text("SELECT title FROM sale"))).scalars())


async def sell(events: Events, database: Database, *titles: str) -> None:
    """An event for each title, in a transaction of its own."""
    for title in titles:
        async with database.session() as session:
            await events.emit(Sold(title=title), session)
            await session.commit()


@asynccontextmanager
async def told(patience: Patience) -> AsyncIterator[Events]:
    """The events of a run that waits as long for its handlers."""
    found = Events(patience)
    try:
        yield found
    finally:
        await found.close()


async def test_a_handler_within_shares_the_fate_of_the_change(database: Database) -> None:
    events = Events()

    @events.within(Sold)
    async def write(event: Sold, session: AsyncSession) -> None:
        await note(session, event.title)

    async with database.session() as session:
        await events.emit(Sold(title="Dune"), session)
    assert await sales(database) == []
    async with database.session() as session:
        await events.emit(Sold(title="Emma"), session)
        await session.commit()
    assert await sales(database) == ["Emma"]


async def test_what_a_handler_within_raises_refuses_the_change(database: Database) -> None:
    events = Events()

    @events.within(Sold)
    async def refuse(event: Sold, _: AsyncSession) -> None:
        raise ValueError("not for sale")

    async with database.session() as session:
        await note(session, "Dune")
        with pytest.raises(ValueError, match="not for sale"):
            await events.emit(Sold(title="Dune"), session)
    assert await sales(database) == []


async def test_a_handler_on_an_event_hears_it_once_it_is_committed(database: Database) -> None:
    heard: list[str] = []
    async with Run() as run:
        found = await run.open(events)

        @found.on(Sold)
        async def hear(event: Sold) -> None:
            heard.append(event.title)
            assert event.title in await sales(database)

        for title, commit in (("Dune", True), ("Emma", False), ("Ubik", True)):
            async with database.session() as session:
                await note(session, title)
                await found.emit(Sold(title=title), session)
                await anyio.lowlevel.checkpoint()
                assert title not in heard
                if commit:
                    await session.commit()
    assert heard == ["Dune", "Ubik"]


async def test_what_is_rolled_back_to_a_savepoint_is_not_told(database: Database) -> None:
    heard: list[str] = []
    async with Run() as run:
        found = await run.open(events)

        @found.on(Sold)
        async def hear(event: Sold) -> None:
            heard.append(event.title)

        async with database.session() as session:
            await note(session, "before")
            await found.emit(Sold(title="before"), session)
            async with session.begin_nested() as savepoint:
                await found.emit(Sold(title="taken back"), session)
                await savepoint.rollback()
            async with session.begin_nested() as around:
                async with session.begin_nested():
                    await found.emit(Sold(title="taken back with it"), session)
                await around.rollback()
            async with session.begin_nested():
                await found.emit(Sold(title="kept"), session)
            await session.commit()
    assert heard == ["before", "kept"]


async def test_a_failing_handler_is_logged_and_breaks_nothing(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []
    with caplog.at_level(logging.ERROR):
        async with Run() as run:
            found = await run.open(events)

            @found.on(Sold)
            async def fail(event: Sold) -> None:
                raise ValueError("no paper in the printer")

            @found.on(Sold)
            async def hear(event: Sold) -> None:
                heard.append(event.title)

            async with database.session() as session:
                await note(session, "Dune")
                await found.emit(Sold(title="Dune"), session)
                await session.commit()
    assert heard == ["Dune"]
    assert "no paper in the printer" in caplog.text


async def test_a_handler_hears_subtypes_and_attached_listeners_hear_once(
    database: Database,
) -> None:
    heard: list[str] = []
    listeners = Listeners()

    @listeners.on(Event)
    async def anything(event: Event) -> None:
        heard.append(type(event).__name__)

    async with Run() as run:
        found = await run.open(events)
        found.attach(listeners)
        found.attach(listeners)
        async with database.session() as session:
            await note(session, "Dune")
            await found.emit(Sold(title="Dune"), session)
            await found.emit(Event(), session)
            await session.commit()
    assert heard == ["Sold", "Event"]


def give_up() -> None:
    sys.exit(3)


def several() -> None:
    raise ExceptionGroup("two", [ValueError("one"), OSError("other")])


def cancelled() -> None:
    raise asyncio.CancelledError


def cancel_oneself() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


class Thunder(BaseException):
    pass


def thunder() -> None:
    raise Thunder


@pytest.mark.parametrize("fail", [give_up, several, cancelled, cancel_oneself, thunder])
async def test_nothing_that_a_handler_does_ends_the_telling(
    fail: Callable[[], None], database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []
    async with Run() as run:
        found = await run.open(events)

        @found.on(Sold)
        async def fails(event: Sold) -> None:
            heard.append(f"fails {event.title}")
            fail()
            await anyio.lowlevel.checkpoint()

        @found.on(Sold)
        async def hear(event: Sold) -> None:
            heard.append(event.title)

        await sell(found, database, "Dune", "Ubik")
    assert sorted(heard) == ["Dune", "Ubik", "fails Dune", "fails Ubik"]
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(told) == 2
    assert all("fails" in each for each in told)


async def test_a_handler_that_hangs_delays_nobody_and_is_stopped(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []
    async with told(Patience(call=0.1)) as found:
        second = anyio.Event()

        @found.on(Sold)
        async def hang(event: Sold) -> None:
            if event.title == "Dune":
                await anyio.sleep_forever()
            heard.append(f"at last {event.title}")

        @found.on(Sold)
        async def hear(event: Sold) -> None:
            heard.append(event.title)
            if event.title == "Ubik":
                second.set()

        await sell(found, database, "Dune", "Ubik")
        await second.wait()
        assert heard == ["Dune", "Ubik"]
        await found.delivered()
    assert heard == ["Dune", "Ubik", "at last Ubik"]
    assert "hang was stopped after 0.1 s" in caplog.text


async def test_a_run_ends_though_a_handler_never_does(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even one that will not be cancelled keeps it."""
    release = anyio.Event()
    with anyio.fail_after(60):
        async with told(Patience(closing=0.05, stopping=0.05)) as found:

            @found.on(Sold)
            async def stubborn(event: Sold) -> None:
                while not release.is_set():
                    try:
                        await release.wait()
                    except asyncio.CancelledError:
                        continue

            await sell(found, database, "Dune", "Ubik", "Emma")
    release.set()
    assert "stubborn did not hear 3 events before the end" in caplog.text


async def test_what_a_handler_commits_at_the_end_of_a_run_is_told_too(database: Database) -> None:
    heard: list[str] = []
    async with Run() as run:
        found = await run.open(events)

        @found.on(Sold)
        async def sell_another(event: Sold) -> None:
            heard.append(event.title)
            if len(heard) < 5:
                await sell(found, database, f"{event.title}.")

        await sell(found, database, "Dune")
    assert heard == ["Dune", "Dune.", "Dune..", "Dune...", "Dune...."]


async def test_what_is_committed_after_the_end_is_logged(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    async with Run() as run:
        found = await run.open(events)
    await sell(found, database, "Dune")
    assert "event was committed after the end of the run" in caplog.text


async def test_a_handler_hears_in_the_order_of_the_commits_and_misses_what_is_too_much(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []
    async with told(Patience(events=3)) as found:
        held = anyio.Event()

        @found.on(Sold)
        async def slow(event: Sold) -> None:
            await held.wait()
            heard.append(event.title)

        await sell(found, database, *"abcdefgh")
        held.set()
        await found.delivered()
        await sell(found, database, "z")
    assert heard[-1] == "z"
    assert "".join(heard[:-1]) in ("abc", "abcd")  # whether or not `a` was already taken up
    assert caplog.text.count("slow is 3 events behind") == 1


async def test_a_handler_hears_an_event_once_however_often_it_is_registered(
    database: Database,
) -> None:
    heard: list[str] = []
    listeners = Listeners()

    async def hear(event: Event) -> None:
        heard.append("after")

    async def hear_within(event: Event, session: AsyncSession) -> None:
        heard.append("within")

    async with Run() as run:
        found = await run.open(events)
        found.attach(listeners)
        for registry in (found, listeners):
            for kind in (Sold, Sold, Event):
                registry.on(kind)(hear)
                registry.within(kind)(hear_within)
        await sell(found, database, "Dune")
    assert heard == ["within", "after"]


@pytest.mark.parametrize("event", ["auth.signed_in", str, lambda event: None, Sold(title="Dune")])
def test_only_events_can_be_listened_to(event: Any) -> None:
    """`@auth.on` with the event forgotten would otherwise take the handler for it."""
    with pytest.raises(SetupError, match="no type of event"):
        Listeners().on(event)
    with pytest.raises(SetupError, match="no type of event"):
        Listeners().within(event)


async def test_an_event_before_the_first_statement_is_taken_back_with_it(
    database: Database,
) -> None:
    heard: list[str] = []
    async with Run() as run:
        found = await run.open(events)

        @found.on(Sold)
        async def hear(event: Sold) -> None:
            heard.append(event.title)

        async with database.session() as session:
            await found.emit(Sold(title="Dune"), session)
            await session.rollback()
            await note(session, "Ubik")
            await session.commit()
    assert heard == []


async def test_a_handler_does_not_run_in_the_context_of_who_commits(database: Database) -> None:
    """Else an override of one test would reach a task that all share."""
    given: list[Events] = []
    async with Run() as run:
        found = await run.open(events)

        @found.on(Sold)
        async def hear(event: Sold) -> None:
            given.append(await run.open(events))

        with events.override(Events()):
            await sell(found, database, "Dune")
    assert given == [found]


async def test_what_is_no_change_of_the_database_is_told_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard: list[str] = []
    async with told(Patience()) as events:

        @events.within(Sold)
        async def refuse(event: Sold, session: AsyncSession) -> None:
            raise AssertionError

        @events.on(Sold)
        async def fail(event: Sold) -> None:
            raise ValueError

        @events.on(Sold)
        async def hear(event: Sold) -> None:
            heard.append(event.title)

        events.announce(Sold(title="Dune"))
        await events.delivered()
    assert heard == ["Dune"]
    assert "a listener of event failed" in caplog.text
