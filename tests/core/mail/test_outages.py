"""The mail server or the database goes away for a while: mail arrives once they are back."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from backoffice.core import mailbox
from backoffice.core.mail import MailSettings
from backoffice.core.mail.mailer import backend
from tests.core.mail.conftest import Post, Slow, eventually, message
from tests.core.mail.servers import trusted_server
from tests.migrations.projects import sync_url
from tests.services.databases import Databases
from tests.services.process import free_port

pytestmark = pytest.mark.anyio


async def test_a_server_that_comes_back_is_given_all_that_waited(
    post: Post, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoe = mailbox("Zoë, 你好", "zoe@example.org")
    await post.add(message(to=zoe, subject="Grüße 🦊", html="<p>ﷺ</p>"), message(1))
    with trusted_server(tmp_path, monkeypatch) as server:
        there = backend(MailSettings())
        url = f"smtp://localhost:{free_port()}?tls=none"
        monkeypatch.setenv("BACKOFFICE_MAIL__URL", url)
        await post.worker(backend(MailSettings())).drained()
        assert {each.error for each in await post.rows()} == {"the server cannot be reached"}
        server.refusals["MAIL"] = "421 4.3.2 canary-4711 closing"
        post.clock.advance(10)
        await post.worker(there).drained()
        assert {each.error for each in await post.rows()} <= {
            "the server refused the sender (421 4.3.2)",
            "the server broke off",
        }
        server.refusals.clear()
        post.clock.advance(20)
        await post.worker(there).drained()
        await post.worker(there).drained()
    assert sorted(str(each["To"]) for each in server.messages) == [
        '"Zoë, 你好" <zoe@example.org>',
        "user1@example.org",
    ]
    first = next(each for each in server.messages if "Zoë" in str(each["To"]))
    assert first["Subject"] == "Grüße 🦊"
    assert first.get_body(("html",)).get_content().strip() == "<p>ﷺ</p>"  # type: ignore[union-attr]


async def test_a_recipient_that_is_refused_for_good_keeps_no_other_waiting(
    post: Post, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with trusted_server(tmp_path, monkeypatch) as server:
        there = backend(MailSettings())
        server.refusals["RCPT"] = "550 5.1.1 <{}>: no such user canary-4711"
        await post.add(message(1))
        await post.worker(there).drained()
        server.refusals.clear()
        await post.add(message(2))
        await post.worker(there).drained()
    states = {each.recipient: (each.state, each.error) for each in await post.rows()}
    assert states == {
        "user1@example.org": ("dead", "the server refused the recipient (550 5.1.1)"),
        "user2@example.org": ("sent", ""),
    }


class TestPostgreSQL:
    @pytest.fixture
    def databases(self, postgres_databases: Databases) -> Databases:
        return postgres_databases

    async def test_a_database_that_drops_every_connection_loses_and_repeats_nothing(
        self, post: Post, outbox_url: str
    ) -> None:
        await post.add(*(message(number) for number in range(100)))
        way = Slow(0.02)
        administrator = create_engine(sync_url(outbox_url), isolation_level="AUTOCOMMIT")
        async with post.worker(way).at_work():
            for wanted in (10, 40):
                await eventually(lambda: len(way.sent) >= wanted)  # noqa: B023 - awaited at once
                with administrator.connect() as connection:
                    connection.execute(text(DROP))
            await eventually(lambda: len(way.sent) >= 90, seconds=60)
        administrator.dispose()
        post.clock.advance(timedelta(minutes=2))  # claims whose answer was lost have run out
        await post.worker(way).drained()
        assert len(way.sent) == len({each.to for each in way.sent}) == 100
        assert {each.state for each in await post.rows()} == {"sent"}


DROP = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
