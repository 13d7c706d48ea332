"""Workers: each message once, whoever else works; none in another's way; none for ever."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import anyio
import pytest
from sqlalchemy import text

from backoffice.core import MailUnavailable
from backoffice.core.mail import worker as worker_module
from backoffice.core.mail.claims import GRACE, Claims
from backoffice.core.mail.worker import LONGEST_DELAY, delay
from tests.core.mail.conftest import Away, Hanging, Post, Slow, eventually, message

pytestmark = pytest.mark.anyio
TIMEOUT = timedelta(seconds=30)
LEASE = TIMEOUT + GRACE


async def test_three_workers_at_once_send_each_of_200_messages_once(post: Post) -> None:
    await post.add(*(message(number) for number in range(200)))
    ways = [Slow() for _ in range(3)]
    workers = [post.worker(way) for way in ways]
    async with anyio.create_task_group() as group:
        for each in workers:
            group.start_soon(each.drained)
    sent = Counter(each.to for way in ways for each in way.sent)
    assert len(sent) == 200
    assert set(sent.values()) == {1}
    assert sum(each.sent for each in workers) == 200
    assert all(way.sent for way in ways), "one worker did all of it"


async def test_a_worker_holds_no_more_messages_than_it_has_connections(post: Post) -> None:
    await post.add(*(message(number) for number in range(30)))
    way = Slow()
    worker = post.worker(way, connections=3)
    async with worker.at_work():
        with anyio.fail_after(60):
            while len(way.sent) < 30:
                await asyncio.sleep(0.01)
                held = [each for each in await post.rows() if each.state == "sending"]
                assert len(held) <= 3
    assert way.most == 3


async def test_it_sends_at_once_what_this_process_commits(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "POLL", 3600)
    worker = post.worker()
    post.outbox.listeners.add(worker.notice_soon)
    async with worker.at_work():
        await asyncio.sleep(0.05)
        await post.add(message())
        await eventually(lambda: post.sent)


async def test_it_finds_what_another_process_commits(post: Post) -> None:
    async with post.worker().at_work():
        await asyncio.sleep(0.05)
        await post.add(message())
        await eventually(lambda: post.sent)


async def test_a_server_that_is_down_for_an_hour_loses_and_repeats_nothing(post: Post) -> None:
    await post.add(*(message(number) for number in range(5)))
    down = Away()
    for _ in range(60):
        await post.worker(down).drained()
        post.clock.advance(60)
    assert set(down.tried.values()) == {9}, "10 s, then twice as long each time"
    assert {each.error for each in await post.rows()} == {"the server cannot be reached"}
    post.clock.advance(LONGEST_DELAY)
    await post.worker().drained()
    await post.worker().drained()
    assert len(post.sent) == 5


async def test_it_waits_longer_after_each_attempt_up_to_an_hour() -> None:
    seconds = [delay(attempt).total_seconds() for attempt in range(1, 31)]
    assert seconds[:4] == [10, 20, 40, 80]
    assert max(seconds) == seconds[-1] == 3600
    assert 20 * 3600 < sum(seconds) < 26 * 3600
    assert delay(100_000) == LONGEST_DELAY


async def test_after_its_last_attempt_a_message_is_dead(
    post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    await post.add(message(id="hopeless"))
    down = Away()
    for _ in range(5):
        await post.worker(down, attempts=3).drained()
        post.clock.advance(LONGEST_DELAY)
    assert down.tried.total() == 3
    row = await post.row()
    assert (row.state, row.attempts, row.error) == ("dead", 3, "the server cannot be reached")
    assert "mail hopeless is given up after 3 attempts" in caplog.text


async def test_what_is_refused_for_good_is_dead_at_once(post: Post) -> None:
    await post.add(message())
    await post.worker(Away(error=MailUnavailable("refused (550)", temporary=False))).drained()
    row = await post.row()
    assert (row.state, row.attempts, row.error) == ("dead", 1, "refused (550)")


async def test_a_claim_whose_holder_is_gone_runs_out(post: Post) -> None:
    await post.add(message())
    assert await Claims(post.database).take(1, post.clock.now(), LEASE)
    await post.worker().drained()
    post.clock.advance(LEASE - timedelta(seconds=1))
    await post.worker().drained()
    assert post.sent == []
    post.clock.advance(1)
    await post.worker().drained()
    assert len(post.sent) == 1
    assert (await post.row()).attempts == 2


async def test_who_lost_a_claim_cannot_settle_it(post: Post) -> None:
    await post.add(message())
    claims = Claims(post.database)
    (old,) = await claims.take(1, post.clock.now(), LEASE)
    (new,) = await claims.take(1, post.clock.advance(LEASE), LEASE)
    now = post.clock.now()
    assert not await claims.sent(old, now)
    assert not await claims.failed(old, now, "")
    assert not await claims.dead(old, now, "")
    assert await claims.sent(new, now)
    assert not await claims.dead(new, now, "")
    assert (await post.row()).state == "sent"


async def test_a_message_that_kills_whoever_sends_it_is_given_up(post: Post) -> None:
    await post.add(message())
    for _ in range(3):
        assert await Claims(post.database).take(1, post.clock.now(), LEASE)
        post.clock.advance(LEASE)
    await post.worker(attempts=3).drained()
    assert post.sent == []
    assert (await post.row()).error == "whoever tried to send it never came back"


async def test_at_the_end_of_the_run_what_is_being_sent_is_finished(post: Post) -> None:
    await post.add(message())
    way = Slow(0.3)
    async with post.worker(way).at_work():
        await eventually(lambda: way.most)
    assert len(way.sent) == 1
    assert (await post.row()).state == "sent"


async def test_at_the_end_of_the_run_what_hangs_is_left_to_its_lease(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backoffice.core.mail.worker.CLOSING", 0.1)
    await post.add(message())
    way = Hanging()
    with anyio.fail_after(60):
        async with post.worker(way).at_work():
            await way.reached.wait()
    assert (await post.row()).state == "sending"
    post.clock.advance(LEASE)
    await post.worker().drained()
    assert len(post.sent) == 1


async def test_an_idle_look_writes_nothing_and_asks_one_question(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    read = post.database.read

    async def counted(statement: Any) -> Any:
        reads.append(str(statement))
        return await read(statement)

    monkeypatch.setattr(post.database, "read", counted)
    monkeypatch.setattr(post.database, "session", None)  # nobody may open one
    claims = Claims(post.database)
    assert await claims.take(4, post.clock.now(), LEASE) == []
    assert len(reads) == 1
    monkeypatch.undo()
    assert await post.database.read(text("SELECT 1"))


async def test_a_cancellation_at_the_end_of_the_run_leaves_no_work_behind(post: Post) -> None:
    """It would go on asking the database, once that has closed."""
    await post.add(message())
    way, before = Hanging(), asyncio.all_tasks()

    async def work() -> None:
        async with post.worker(way).at_work():
            await way.reached.wait()

    task = asyncio.create_task(work())
    await way.reached.wait()
    await anyio.wait_all_tasks_blocked()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == before
