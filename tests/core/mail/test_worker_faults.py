"""What goes wrong while mail is sent: it costs no other message, and says nothing of any."""

import logging
from datetime import timedelta
from typing import Any

import anyio
import pytest
from sqlalchemy import update

from backoffice.core import Unavailable
from backoffice.core.mail import OutgoingMail
from backoffice.core.mail.claims import GRACE, Claims
from tests.core.mail.conftest import Away, Hanging, Post, eventually, message

pytestmark = pytest.mark.anyio
TIMEOUT = timedelta(seconds=30)
LEASE = TIMEOUT + GRACE


async def test_a_message_that_fails_keeps_no_other_from_being_sent(post: Post) -> None:
    await post.add(*(message(number) for number in range(20)))
    way = Away("user0@example.org", "user7@example.org", error=RuntimeError("canary-4711"))
    await post.worker(way, connections=1).drained()
    assert len(way.sent) == 18
    waiting = await post.outbox.list("waiting")
    assert {each.error for each in waiting} == {"the way out failed with RuntimeError"}


async def test_a_row_that_is_no_message_is_dead_and_keeps_no_other(post: Post) -> None:
    spoilt = [
        {"recipient": "nobody"},
        {"content": None},
        {"content": {"subject": "x\r\nBcc: y@example.org", "text": ""}},
        {"content": {"surprise": 1}},
    ]
    for number, _ in enumerate(spoilt):
        await post.add(message(id=f"spoilt-{number}"))
    await post.add(message(9, id="whole"))
    async with post.database.session() as session:
        for number, values in enumerate(spoilt):
            which = OutgoingMail.id == f"spoilt-{number}"
            await session.exec(update(OutgoingMail).where(which).values(**values))  # type: ignore[arg-type]
        await session.commit()
    await post.worker().drained()
    assert [each.id for each in post.sent] == ["whole"]
    dead = await post.outbox.list("dead")
    assert len(dead) == len(spoilt)
    assert all(each.error.startswith("what is kept is no message") for each in dead)


async def test_a_way_out_that_hangs_is_left_and_others_go_on(post: Post) -> None:
    await post.add(message())
    with anyio.fail_after(60):
        await post.worker(Hanging(), timeout=0.1).drained()
    assert (await post.row()).error == "the way out failed with TimeoutError"


async def test_a_database_that_is_away_ends_no_worker_and_is_told_once(
    post: Post, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("backoffice.core.mail.worker.TROUBLE", 0.01)
    take, asked = Claims.take, 0

    async def away(self: Claims, *arguments: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked < 4:
            raise Unavailable("The database does not answer; try again in a moment.")
        return await take(self, *arguments)

    monkeypatch.setattr(Claims, "take", away)
    await post.add(message())
    async with post.worker().at_work():
        await eventually(lambda: post.sent)
    told = [each for each in caplog.records if "cannot be worked on" in each.getMessage()]
    assert len(told) == 1


async def test_an_outcome_that_cannot_be_written_is_written_later_and_not_sent_again(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backoffice.core.mail.worker.POLL", 0.01)
    sent, asked = Claims.sent, 0

    async def away(self: Claims, *arguments: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked < 3:
            raise Unavailable("The database does not answer; try again in a moment.")
        return await sent(self, *arguments)

    monkeypatch.setattr(Claims, "sent", away)
    await post.add(message())
    await post.worker().drained()
    assert len(post.sent) == 1
    assert (await post.row()).state == "sent"


async def test_no_log_says_what_a_message_said_or_to_whom(
    post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await post.add(message(1, subject="canary-subject"), message(2))
    way = Away("user1@example.org", error=RuntimeError("user1@example.org canary-4711"))
    await post.worker(way, attempts=1).drained()
    assert "given up" in caplog.text
    for secret in ("canary", "user1@", "user2@"):
        assert secret not in caplog.text
