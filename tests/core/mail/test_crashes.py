"""Processes are killed with SIGKILL, wherever it hurts: no message is lost.

What was sent and not yet noted is sent again, and is the same message to whoever receives it.
"""

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backoffice.core.mail import MailSettings
from backoffice.core.mail.backends import Backend
from backoffice.core.mail.claims import GRACE
from backoffice.core.mail.mailer import backend
from tests.core.mail.conftest import Post, eventually, message
from tests.core.mail.servers import trusted_server
from tests.services.smtp import SMTPServer

pytestmark = pytest.mark.anyio
CHILD = Path(__file__).with_name("crashing.py")
LEASE = timedelta(seconds=30) + GRACE


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SMTPServer]:
    with trusted_server(tmp_path, monkeypatch) as server:
        yield server


@pytest.fixture
def environment(
    server: SMTPServer, outbox_url: str, monkeypatch: pytest.MonkeyPatch
) -> MailSettings:
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", outbox_url)
    return MailSettings()


@pytest.fixture
def smtp(environment: MailSettings) -> Backend:
    return backend(environment)


@contextmanager
def child(point: str) -> Iterator[subprocess.Popen[str]]:
    """The process, which is killed at the end of the block."""
    command = [sys.executable, str(CHILD), point]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGKILL)


def killed_at(point: str) -> None:
    with child(point) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"


def ids(server: SMTPServer) -> Counter[str]:
    return Counter(each["Message-ID"] for each in server.messages)


async def caught_up(post: Post, smtp: Backend) -> None:
    """Another process takes over, then, and once no lease is left."""
    post.clock.move_to(datetime.now(UTC))
    await post.worker(smtp).drained()
    post.clock.advance(LEASE)
    await post.worker(smtp).drained()


async def test_killed_before_the_commit_nothing_was_said(
    post: Post, server: SMTPServer, smtp: Backend
) -> None:
    killed_at("before the commit")
    await caught_up(post, smtp)
    assert await post.rows() == []
    assert server.received == []


async def test_killed_after_the_commit_it_is_sent_once(
    post: Post, server: SMTPServer, smtp: Backend
) -> None:
    killed_at("after the commit")
    await caught_up(post, smtp)
    assert ids(server) == {"<one@example.org>": 1}
    assert (await post.row()).state == "sent"


async def test_killed_while_sending_it_is_sent_once_by_another(
    post: Post, server: SMTPServer, smtp: Backend
) -> None:
    server.fault = "hangs"
    with child("while sending"):
        await eventually(lambda: server.begun)
    server.fault = ""
    assert (await post.row()).state == "sending"
    await caught_up(post, smtp)
    assert ids(server) == {"<one@example.org>": 1}
    assert (await post.row()).attempts == 2


async def test_killed_between_sending_and_noting_it_is_sent_again_as_the_same_message(
    post: Post, server: SMTPServer, smtp: Backend
) -> None:
    killed_at("after sending")
    await caught_up(post, smtp)
    assert ids(server) == {"<one@example.org>": 2}


async def test_killed_between_sending_and_noting_a_file_is_there_once(
    post: Post, environment: MailSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_MAIL__URL", (tmp_path / "mails").as_uri())
    killed_at("after sending")
    await caught_up(post, backend(MailSettings()))
    assert [each.name for each in (tmp_path / "mails").iterdir()] == ["one.eml"]


async def test_killed_once_it_is_noted_it_is_not_sent_again(
    post: Post, server: SMTPServer, smtp: Backend
) -> None:
    killed_at("afterwards")
    await caught_up(post, smtp)
    assert ids(server) == {"<one@example.org>": 1}


async def test_a_server_that_is_slow_to_say_goodbye_widens_no_window(
    post: Post, server: SMTPServer, smtp: Backend
) -> None:
    """Killed while the goodbye is under way, the message is noted as sent."""
    server.fault = "lingers"
    with child("afterwards"):
        await eventually(lambda: server.received)
        await _noted(post)
        assert server.connections, "the goodbye is still under way"
    server.fault = ""
    await caught_up(post, smtp)
    assert ids(server) == {"<one@example.org>": 1}


async def _noted(post: Post) -> None:
    while (await post.row()).state != "sent":
        pass


APP = "from fastapi import FastAPI\napp = FastAPI()\n"
COMMAND = [str(Path(sys.executable).with_name("backoffice")), "--app", "nothing:app", "mail"]


@contextmanager
def at_work(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`backoffice mail work`, which is killed at the end of the block if it has not ended."""
    (folder / "nothing.py").write_text(APP)
    with (folder / "work.log").open("ab") as log:
        process = subprocess.Popen([*COMMAND, "work"], cwd=folder, stdout=log, stderr=log)
    with process:
        try:
            yield process
        finally:
            process.kill()


async def test_workers_that_are_killed_lose_none_of_200_messages(
    post: Post, server: SMTPServer, smtp: Backend, tmp_path: Path
) -> None:
    await post.add(*(message(number) for number in range(200)))
    with at_work(tmp_path) as first, at_work(tmp_path) as second:
        await eventually(lambda: len(server.received) > 20, seconds=60)
        first.kill()
        await eventually(lambda: len(server.received) > 60, seconds=60)
        second.kill()
    await caught_up(post, smtp)
    received = ids(server)
    assert len(received) == 200
    # Each of the two had four in hand.
    assert received.total() - 200 <= 8
    assert {each.state for each in await post.rows()} == {"sent"}


async def test_workers_beside_each_other_send_each_of_200_messages_once(
    post: Post, server: SMTPServer, environment: MailSettings, tmp_path: Path
) -> None:
    await post.add(*(message(number) for number in range(200)))
    with at_work(tmp_path) as first, at_work(tmp_path) as second:
        await eventually(lambda: len(server.received) == 200, seconds=60)
        first.terminate()
        second.terminate()
        assert (first.wait(60), second.wait(60)) == (0, 0)
    received = ids(server)
    assert (len(received), set(received.values())) == (200, {1})
    assert {each.state for each in await post.rows()} == {"sent"}
    log = (tmp_path / "work.log").read_text()
    assert "canary" not in log
    assert "user1@" not in log
