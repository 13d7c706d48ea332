"""Stolen passwords: looked up at a real server of that protocol, by five digits of their SHA-1."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from pydantic import ValidationError

from backoffice.auth import AuthSettings, BreachesUnanswered
from backoffice.auth.breached_passwords import BreachedPasswords, opened_breaches
from backoffice.core import Database, Events
from tests.auth.breaches import ANSWERS, GOOD, PADDING, STOLEN, BreachServer, breach_server, digest


@pytest.fixture
def server() -> Iterator[BreachServer]:
    with breach_server() as found:
        yield found


@asynccontextmanager
async def asking(base: str, told: list[BreachesUnanswered]) -> AsyncIterator[BreachedPasswords]:
    events, database = Events(), Database("sqlite://")

    @events.within(BreachesUnanswered)
    async def note(event: BreachesUnanswered, _: object) -> None:
        told.append(event)

    async with opened_breaches(base, database, events) as breaches:
        assert breaches is not None
        yield breaches
    await database.close()


@pytest.mark.anyio
async def test_a_stolen_password_is_found_and_another_is_not(server: BreachServer) -> None:
    told: list[BreachesUnanswered] = []
    async with asking(server.base + "/", told) as breaches:
        assert await breaches.times(STOLEN) == 42
        assert await breaches.times(GOOD) == 0
        assert await breaches.times(PADDING) == 0
    assert told == []


@pytest.mark.anyio
async def test_five_digits_leave_and_nothing_else(server: BreachServer) -> None:
    async with asking(server.base, []) as breaches:
        await breaches.times(STOLEN)
    [(path, headers)] = server.asked
    assert path == f"/range/{digest(STOLEN)[:5]}"
    assert headers["Add-Padding"] == "true"
    sent = repr(headers).upper()
    assert STOLEN.upper() not in sent
    assert digest(STOLEN)[5:] not in sent


@pytest.mark.anyio
@pytest.mark.parametrize("answer", ["silence", *ANSWERS])
async def test_a_service_that_does_not_answer_refuses_nobody_and_is_told_of(
    server: BreachServer, caplog: pytest.LogCaptureFixture, answer: str
) -> None:
    server.answer = answer
    told: list[BreachesUnanswered] = []
    async with asking(server.base, told) as breaches:
        started = time.perf_counter()
        assert await breaches.times(STOLEN) == 0
        assert time.perf_counter() - started < 20
    assert [each.name for each in told] == ["auth.breaches_unanswered"]
    [record] = [each for each in caplog.records if "not looked up" in each.getMessage()]
    assert record.levelname == "WARNING"
    assert digest(STOLEN)[:5] not in caplog.text.upper()
    assert len(server.asked) == 1


@pytest.mark.anyio
async def test_a_service_that_is_not_there_refuses_nobody() -> None:
    told: list[BreachesUnanswered] = []
    async with asking("http://127.0.0.1:9/range", told) as breaches:
        assert await breaches.times(STOLEN) == 0
    assert [each.reason for each in told] == ["ConnectError"]


@pytest.mark.anyio
async def test_the_event_loop_goes_on_while_nobody_answers(server: BreachServer) -> None:
    server.answer = "silence"
    async with asking(server.base, []) as breaches:
        asked = asyncio.ensure_future(breaches.times(STOLEN))
        turns = 0
        while not asked.done():
            await asyncio.sleep(0.01)
            turns += 1
        assert turns > 5
        await asked


@pytest.mark.parametrize(
    "wrong",
    ["", "api.example", "ftp://api.example", "https://", "https://a.example/?q=", "http://a:x",
     "https://user:secret@a.example", "https://[", "https://a.example/" + "x" * 3000],
)  # fmt: skip
def test_a_wrong_address_of_the_service_is_refused_at_the_start(wrong: str) -> None:
    with pytest.raises(ValidationError, match="breached_passwords_url"):
        AuthSettings(breached_passwords_url=wrong)


def test_out_of_the_box_nothing_leaves() -> None:
    assert AuthSettings().breached_passwords_url is None
