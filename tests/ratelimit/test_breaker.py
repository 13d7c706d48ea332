"""While Redis does not answer, one task alone asks, and everyone else is told at once."""

import asyncio
import logging

import pytest

from backoffice.ratelimit.breaker import Breaker

pytestmark = pytest.mark.anyio

DOWN = ConnectionError("down")


class Server:
    """Answers when the test says so."""

    def __init__(self) -> None:
        self.asked = 0
        self.answers = False

    async def probe(self) -> None:
        self.asked += 1
        if not self.answers:
            raise DOWN

    async def until_asked(self, times: int) -> None:
        async with asyncio.timeout(60):
            while self.asked < times:  # noqa: ASYNC110 - the breaker tells nobody
                await asyncio.sleep(0)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses of the breaker, none of which takes any time."""
    paused: list[float] = []
    sleep = asyncio.sleep

    async def pause(seconds: float) -> None:
        if seconds:
            paused.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", pause)
    return paused


async def test_it_asks_after_a_tenth_of_a_second_and_then_ever_more_seldom(
    pauses: list[float],
) -> None:
    server = Server()
    breaker = Breaker(server.probe)
    breaker.open(DOWN)
    await server.until_asked(6)
    await breaker.stop()
    assert pauses[:6] == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


async def test_one_answer_closes_it(pauses: list[float]) -> None:
    server = Server()
    breaker = Breaker(server.probe)
    breaker.open(DOWN)
    await server.until_asked(2)
    assert breaker.error is not None
    server.answers = True
    await server.until_asked(3)
    await asyncio.sleep(0)
    assert breaker.error is None
    await breaker.stop()
    assert server.asked == 3


async def test_many_failures_ask_no_more_often_than_one(pauses: list[float]) -> None:
    server = Server()
    breaker = Breaker(server.probe)
    for _ in range(100):
        breaker.open(DOWN)
    await server.until_asked(1)
    await breaker.stop()
    assert server.asked == 1


async def test_a_server_that_answers_the_probe_alone_is_asked_ever_more_seldom(
    pauses: list[float],
) -> None:
    """Only a request that is answered shortens the pauses."""
    server = Server()
    server.answers = True
    breaker = Breaker(server.probe)
    for times in (1, 2, 3):
        breaker.open(DOWN)
        await server.until_asked(times)
        await asyncio.sleep(0)
    assert pauses == [0.1, 0.2, 0.4]
    breaker.answered()
    breaker.open(DOWN)
    await server.until_asked(4)
    await breaker.stop()
    assert pauses[3] == 0.1


async def test_an_answer_that_came_late_closes_it_too(pauses: list[float]) -> None:
    server = Server()
    breaker = Breaker(server.probe)
    breaker.open(DOWN)
    breaker.answered()
    assert breaker.error is None
    await asyncio.sleep(0)
    await breaker.stop()
    assert server.asked == 0


async def test_only_changes_are_logged(
    pauses: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    server = Server()
    breaker = Breaker(server.probe)
    for _ in range(10):
        breaker.open(DOWN)
    await server.until_asked(3)
    breaker.answered()
    breaker.answered()
    await breaker.stop()
    assert [(each.levelno, each.getMessage()) for each in caplog.records] == [
        (logging.ERROR, "limits: Redis does not answer (ConnectionError: down)"),
        (logging.WARNING, "limits: Redis answers again"),
    ]
