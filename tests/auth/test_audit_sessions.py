"""The audit log has what was committed and nothing else, however a session is used."""

from collections.abc import Awaitable, Callable
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth.events import UserChanged
from tests.auth.conftest import House

Work = Callable[[AsyncSession, Callable[[str], Awaitable[None]]], Awaitable[None]]


def logged(house: House, work: Work) -> list[str]:
    """The subjects in the log, the oldest first, after `work` with a session; the log is whole."""
    audit = house.services.audit

    async def within() -> list[str]:
        async with house.services.database.session() as session:

            async def emit(subject: str) -> None:
                event = UserChanged(actor="cli:test", subject=subject)
                await house.services.events.emit(event, session)

            await work(session, emit)
        assert (await audit.verified()).faults == []
        return [each.subject for each in reversed(await audit.entries())]

    return house.call(within())


def test_what_a_closed_session_never_committed_is_not_logged_when_it_is_used_again(
    house: House,
) -> None:
    heard: list[str] = []

    @house.services.events.on(UserChanged)
    async def hear(event: UserChanged) -> None:
        heard.append(event.subject)

    async def work(session: AsyncSession, emit: Any) -> None:
        await emit("never")
        await session.close()
        await emit("kept")
        await session.commit()
        await house.services.events.delivered()

    assert logged(house, work) == ["kept"]
    assert heard == ["kept"]


def test_a_commit_of_all_logs_what_is_within_an_open_savepoint(house: House) -> None:
    async def work(session: AsyncSession, emit: Any) -> None:
        async with session.begin():
            await emit("before")
            await session.begin_nested()
            await emit("within")

    assert logged(house, work) == ["before", "within"]


def test_a_savepoint_that_is_released_and_then_taken_back_is_not_logged(house: House) -> None:
    async def work(session: AsyncSession, emit: Any) -> None:
        await emit("kept")
        around = await session.begin_nested()
        async with session.begin_nested():
            await emit("never")
        await around.rollback()
        await session.commit()

    assert logged(house, work) == ["kept"]


def test_each_commit_of_a_session_logs_its_own(house: House) -> None:
    async def work(session: AsyncSession, emit: Any) -> None:
        for subject in ("one", "two"):
            await emit(subject)
            await session.commit()
        await emit("never")
        await session.rollback()
        await session.commit()

    assert logged(house, work) == ["one", "two"]
