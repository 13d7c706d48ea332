"""The outbox in an app: three lines in a route, and the worker comes with them."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.core import Run, mailer, session, singletons
from backoffice.core.mail import (
    Mailer,
    MailUnavailable,
    Memory,
    Outbox,
    ResetMail,
    mail_worker,
    outbox,
)
from backoffice.core.mail.checks import outbox_checks
from backoffice.core.testing import ManualClock, RunningApp
from tests.core.mail.conftest import LINK, Away, Post, eventually, message


@pytest.fixture
def app(outbox_url: str, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", outbox_url)
    monkeypatch.setenv("BACKOFFICE_MAIL__URL", "memory:")
    app = FastAPI(lifespan=singletons())

    @app.post("/forgot", status_code=202)
    async def forgot(
        address: str,
        session: Annotated[AsyncSession, Depends(session)],
        outbox: Annotated[Outbox, Depends(outbox)],
        keep: bool = True,
    ) -> None:
        reset = ResetMail(link=LINK, valid_for=timedelta(hours=1))
        await outbox.tell(session, address, reset)
        if keep:
            await session.commit()

    return app


def test_what_a_route_commits_is_captured_mail(app: FastAPI) -> None:
    with RunningApp(app) as running:
        client = running.client()
        assert client.post("/forgot", params={"address": "ann@example.org"}).status_code == 202
        client.post("/forgot", params={"address": "eve@example.org", "keep": False})
        (sent,) = running.mail
        assert (sent.to, LINK in sent.text) == ("ann@example.org", True)
        assert running.mail.to("ann@example.org") == [sent]


def test_captured_mail_does_not_wait_for_time_to_pass(app: FastAPI) -> None:
    with RunningApp(app, time=ManualClock()) as running:
        for number in range(30):
            running.client().post("/forgot", params={"address": f"u{number}@example.org"})
        assert len({each.to for each in running.mail}) == 30


@pytest.mark.anyio
async def test_the_app_sends_what_it_commits_without_waiting_for_the_next_look(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backoffice.core.mail.worker.POLL", 3600)
    with RunningApp(app) as running:
        running.client().post("/forgot", params={"address": "ann@example.org"})
        await eventually(lambda: running.value(mailer).sent)


def test_an_address_that_is_none_is_a_422_and_writes_nothing(app: FastAPI) -> None:
    with RunningApp(app) as running:
        for address in ("nobody", "a@example.org\r\nBcc: b@example.org", "a@b.de, c@d.de", "\0"):
            answer = running.client().post("/forgot", params={"address": address})
            assert answer.status_code == 422
            assert answer.json()["detail"]["code"] == "invalid_message"
        assert list(running.mail) == []


def test_a_mail_server_that_is_away_is_not_the_callers_business(app: FastAPI) -> None:
    away = Away(error=MailUnavailable("the server cannot be reached"))
    with mailer.override(Mailer(away)), RunningApp(app) as running:
        answer = running.client().post("/forgot", params={"address": "ann@example.org"})
        assert answer.status_code == 202
        running.call(running.value(mail_worker).drained())
        assert away.tried.total() == 1


def test_a_worker_that_is_switched_off_leaves_it_to_others(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_MAIL__WORKER", "false")
    with RunningApp(app) as running:
        running.client().post("/forgot", params={"address": "ann@example.org"})
        assert list(running.mail) == []
        (waiting,) = running.call(running.value(outbox).list())
        assert waiting.state == "waiting"


def test_a_router_may_bring_the_worker_for_a_singleton_that_takes_the_outbox(
    app: FastAPI,
) -> None:
    router = APIRouter(lifespan=singletons(mail_worker))
    bare = FastAPI()
    bare.include_router(router)
    with RunningApp(bare) as running:
        assert running.run.values[mail_worker].working


def test_a_template_that_is_wrong_keeps_the_app_from_starting(
    app: FastAPI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "reset.txt").write_text("{{ lnik }}")
    monkeypatch.setenv("BACKOFFICE_MAIL__TEMPLATES", str(tmp_path))
    with pytest.raises(Exception, match="'lnik' is undefined"), RunningApp(app):
        pass


def test_two_apps_on_one_database_send_each_message_once(app: FastAPI) -> None:
    first, second = Memory(), Memory()
    with (
        mailer.override(Mailer(first)),
        RunningApp(app) as one,
        mailer.override(Mailer(second)),
        RunningApp(app) as other,
    ):
        for number in range(40):
            client = (one, other)[number % 2].client()
            client.post("/forgot", params={"address": f"u{number}@example.org"})
        one.call(one.value(mail_worker).drained())
        other.call(other.value(mail_worker).drained())
        one.call(one.value(mail_worker).drained())
    sent = [each.to for each in (*first.sent, *second.sent)]
    assert len(sent) == len(set(sent)) == 40


@pytest.mark.anyio
async def test_a_command_that_opens_the_outbox_sends_nothing(app: FastAPI, post: Post) -> None:
    await post.add(message())
    async with Run(app) as run:
        await run.open(outbox)
        assert mail_worker not in run.values
    assert (await post.row()).state == "waiting"


@pytest.mark.anyio
async def test_doctor_tells_of_mail_that_does_not_get_out(
    app: FastAPI, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Run(app) as run:
        assert [each.level async for each in outbox_checks(run)] == ["ok"]
        await post.add(message(1))
        await post.worker(Away(), attempts=1).drained()
        post.clock.move_to(post.clock.now() - timedelta(hours=1))
        await post.add(message(2))
        told = {each.message: each.level async for each in outbox_checks(run)}
    assert told == {
        "messages that wait for 10 minutes too long: 1": "warning",
        "messages that were given up: 1": "warning",
    }
