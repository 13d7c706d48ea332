"""Events reach who asked for them: within the change, or after it."""

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass

import anyio
import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.core import Database, Event, Events, Listeners, Run, events

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
