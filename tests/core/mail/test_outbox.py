"""The outbox: what is committed is sent, what is rolled back is not, and nobody reads it there."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from backoffice.core import Conflict, InvalidInput, MailUnavailable, Message, NotFound, mailbox
from backoffice.core.mail import ResetMail
from tests.core.mail.conftest import LINK, Away, Post, message

pytestmark = pytest.mark.anyio
HOUR = timedelta(hours=1)
REFUSED = MailUnavailable("refused", temporary=False)


async def stored(post: Post) -> str:
    """All that the table holds, as text."""
    return str(await post.database.read(text("SELECT * FROM backoffice_mail")))


async def test_what_is_committed_is_sent_once(post: Post) -> None:
    told = message(headers={"X-Kind": "test"}, html=f"<p>{LINK}</p>", reply_to="help@example.org")
    await post.add(told)
    await post.worker().drained()
    await post.worker().drained()
    assert post.sent == [told]


async def test_what_is_rolled_back_is_not_sent(post: Post) -> None:
    async with post.database.session() as session:
        await post.outbox.add(session, message())
    await post.worker().drained()
    assert post.sent == []


async def test_what_a_savepoint_took_back_is_not_sent(post: Post) -> None:
    async with post.database.session() as session:
        await post.outbox.add(session, message(1))
        savepoint = await session.begin_nested()
        await post.outbox.add(session, message(2))
        await savepoint.rollback()
        await session.commit()
    await post.worker().drained()
    assert [each.to for each in post.sent] == ["user1@example.org"]


async def test_listeners_hear_of_commits_and_of_nothing_else(post: Post) -> None:
    heard: list[str] = []
    post.outbox.listeners.add(lambda: heard.append("news"))
    async with post.database.session() as session:
        async with session.begin_nested():
            await post.outbox.add(session, message())
        assert heard == []
        await session.commit()
    assert heard == ["news"]


async def test_a_message_that_is_added_twice_under_one_id_is_sent_once(post: Post) -> None:
    async with post.database.session() as session:
        assert await post.outbox.add(session, message(id="invoice-1"))
        assert not await post.outbox.add(session, message(id="invoice-1", text="other"))
        await session.commit()
    await post.worker().drained()
    await post.add(message(id="invoice-1"))
    await post.worker().drained()
    assert [each.text for each in post.sent] == [LINK]


async def test_what_it_said_is_deleted_once_it_is_sent(post: Post) -> None:
    await post.add(message(subject="Your code is 4711"))
    assert "canary-4711" in await stored(post)
    await post.worker().drained()
    kept = await stored(post)
    assert "4711" not in kept
    assert "Hello" not in kept
    row = await post.row()
    assert (row.state, row.content, row.settled_at) == ("sent", None, post.clock.now())


async def test_neither_a_row_nor_a_list_shows_what_it_says(post: Post) -> None:
    async with post.database.session() as session:
        reset = ResetMail(link=LINK, valid_for=HOUR)
        await post.outbox.tell(session, "ann@example.org", reset, until=post.clock.now() + HOUR)
        await session.commit()
    row = await post.row()
    assert LINK in str(row.content)
    (listed,) = await post.outbox.list()
    assert (listed.template, listed.recipient, listed.state) == (
        "reset",
        "ann@example.org",
        "waiting",
    )
    for shown in (repr(row), str(row), repr(listed), repr(reset)):
        assert "canary" not in shown
        assert "password" not in shown
    assert listed.content is None


async def test_it_lists_the_newest_first_and_by_state(post: Post) -> None:
    await post.add(message(1))
    await post.worker().drained()
    post.clock.advance(1)
    await post.add(message(2))
    assert [each.recipient[:5] for each in await post.outbox.list()] == ["user2", "user1"]
    assert [each.recipient[:5] for each in await post.outbox.list("sent")] == ["user1"]
    assert len(await post.outbox.list(limit=1)) == 1


async def test_what_has_run_out_is_not_sent_and_what_it_said_is_deleted(post: Post) -> None:
    await post.add(message(), until=post.clock.now() + HOUR)
    post.clock.advance(HOUR)
    await post.worker().drained()
    assert post.sent == []
    row = await post.row()
    assert (row.state, row.content, row.error) == ("dead", None, "it has run out")


async def test_what_was_settled_long_ago_is_deleted(post: Post) -> None:
    await post.add(message(1))
    await post.worker().drained()
    post.clock.advance(timedelta(days=6))
    await post.add(message(2))
    await post.worker().drained()
    assert len(await post.rows()) == 2
    post.clock.advance(timedelta(days=1))
    await post.worker().drained()
    assert (await post.row()).recipient == "user2@example.org"


async def test_what_waits_is_never_deleted_for_its_age(post: Post) -> None:
    await post.add(message())
    post.clock.advance(timedelta(days=400))
    await post.worker().drained()
    assert len(post.sent) == 1


async def test_a_dead_message_can_be_retried(post: Post) -> None:
    await post.add(message(id="one"))
    await post.worker(Away(error=REFUSED)).drained()
    assert (await post.row()).state == "dead"
    assert await post.outbox.retry("one") == 1
    await post.worker().drained()
    assert len(post.sent) == 1


async def test_all_dead_messages_can_be_retried_at_once(post: Post) -> None:
    await post.add(message(1), message(2))
    await post.worker(Away(error=REFUSED)).drained()
    assert await post.outbox.retry() == 2
    assert await post.outbox.retry() == 0
    await post.worker().drained()
    assert len(post.sent) == 2


async def test_what_cannot_be_retried_says_why(post: Post) -> None:
    with pytest.raises(NotFound, match="holds no message"):
        await post.outbox.retry("nobody")
    await post.add(message(id="sent"))
    await post.worker().drained()
    with pytest.raises(Conflict, match="was sent"):
        await post.outbox.retry("sent")
    await post.add(message(id="late"), until=post.clock.now() + HOUR)
    post.clock.advance(HOUR)
    with pytest.raises(Conflict, match="has run out"):
        await post.outbox.retry("late")


@pytest.mark.parametrize(
    "name", ["Eve\r\nBcc: all@example.org", "Eve\nX: y", "Eve\x85Bcc: a", "Eve\u2028B", "Eve\0"]
)
async def test_a_name_that_brings_a_header_is_refused_before_anything_is_written(
    post: Post, name: str
) -> None:
    async with post.database.session() as session:
        with pytest.raises(InvalidInput):
            await post.outbox.add(session, message(to=mailbox(name, "eve@example.org")))
        await session.commit()
    assert await post.rows() == []


async def test_unicode_comes_through_both_databases(post: Post) -> None:
    told = Message(
        to=mailbox("Zoë 🦊 =?utf-8?q?x?=", "zoe@bücher.example"),
        subject="Grüße 你好 🦊",
        text="Straße\n你好\n\U0001f98a",
        html="<p>ﷺ ǅ e\u0301</p>",
    )
    await post.add(told)
    await post.worker().drained()
    assert post.sent == [told]


async def test_a_decoy_does_the_same_work_and_sends_nothing(post: Post) -> None:
    ran: list[str] = []

    @event.listens_for(post.database.engine.sync_engine, "before_cursor_execute")
    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        ran.append(statement)

    work: dict[bool, list[str]] = {}
    for deliver in (True, False):
        ran.clear()
        async with post.database.session() as session:
            reset = ResetMail(link=LINK, valid_for=HOUR)
            await post.outbox.tell(session, "ann@example.org", reset, deliver=deliver)
            await session.commit()
        work[deliver] = [*ran]
    assert work[True] == work[False] != []
    assert [each.recipient for each in await post.outbox.list()] == ["ann@example.org"]
    await post.worker().drained()
    assert len(post.sent) == 1
    assert len(await post.rows()) == 1, "the decoy is gone"
