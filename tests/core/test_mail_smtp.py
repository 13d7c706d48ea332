"""Mail by SMTP, against a real server: encrypted, bounded in time, silent about secrets."""

import base64
import logging
import socket
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import pytest
from pydantic import SecretStr

from backoffice.core import Run, Unavailable
from backoffice.core.mail import (
    Mailer,
    MailSettings,
    MailUnavailable,
    Message,
    mail_settings,
    mailbox,
    mailer,
)
from backoffice.core.mail.checks import mail_checks
from backoffice.core.mail.mailer import backend
from tests.services.smtp import HOST, PASSWORD, USER, SMTPServer, smtp_server

BODY = "https://shop.example.org/reset?token=canary-4711"
ANN = "ann@example.org"
SENDER = "Shop <shop@example.org>"
LOGIN = f"{quote(USER, safe='')}:{quote(PASSWORD, safe='')}@"

pytestmark = pytest.mark.anyio


@pytest.fixture
def server() -> Iterator[SMTPServer]:
    with smtp_server() as server:
        yield server


@pytest.fixture
def trusted(server: SMTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine trusts the authority of the server's certificate."""
    trust(server, tmp_path, monkeypatch)


def trust(server: SMTPServer, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = directory / "authority.pem"
    server.authority.cert_pem.write_to_path(file)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))


def address(server: SMTPServer, *, scheme: str = "smtp", login: str = LOGIN, more: str = "") -> str:
    return f"{scheme}://{login}{HOST}:{server.port}{more}"


def configured(url: str, **more: Any) -> MailSettings:
    return MailSettings(url=SecretStr(url), sender=SENDER, **{"timeout": 20.0, **more})


def mailer_to(url: str, **more: Any) -> Mailer:
    return Mailer(backend(configured(url, **more)), sender=SENDER)


def message(**changes: Any) -> Message:
    return Message(**{"to": ANN, "subject": "Your link", "text": f"{BODY}\n", **changes})


async def refusal(mailer: Mailer, sent: Message | None = None) -> MailUnavailable:
    with pytest.raises(MailUnavailable) as refused:
        await mailer.send(sent or message())
    return refused.value


@pytest.mark.usefixtures("trusted")
class TestDelivery:
    async def test_what_arrives_is_what_was_sent(self, server: SMTPServer) -> None:
        sent = message(
            to=mailbox("Zoë, reader", "zoe@straße.de"),
            subject="Grüße, 日本 🛒",
            text=f".\n{BODY}\n..\nGrüße\n" + "long " * 400 + "\n",
            html=f'<p>Grüße: <a href="{BODY}">this</a></p>\n',
            reply_to="help@example.org",
        )
        await mailer_to(address(server)).send(sent)
        (envelope,), (found,) = server.received, server.messages
        assert envelope.mail_from == "shop@example.org"
        assert envelope.rcpt_tos == ["zoe@xn--strae-oqa.de"]
        assert found["From"] == SENDER
        assert found["To"].addresses[0].display_name == "Zoë, reader"
        assert found["Subject"] == sent.subject
        assert found["Reply-To"] == sent.reply_to
        assert found["Message-ID"] == f"<{sent.id}@example.org>"
        bodies = [found.get_body((kind,)) for kind in ("plain", "html")]
        assert [body and body.get_content().replace("\r\n", "\n") for body in bodies] == [
            sent.text,
            sent.html,
        ]

    async def test_the_largest_message_arrives(self, server: SMTPServer) -> None:
        text = ".ü" * (512 * 1024 // 3 - 1) + "\n"
        await mailer_to(address(server)).send(message(text=text))
        assert server.messages[0].get_content().replace("\r\n", "\n") == text

    async def test_a_password_with_any_letter_signs_in(self, server: SMTPServer) -> None:
        await mailer_to(address(server)).send(message())
        assert server.passwords == [PASSWORD]

    async def test_sent_again_it_has_the_same_message_id(self, server: SMTPServer) -> None:
        one = message()
        for _ in range(2):
            await mailer_to(address(server)).send(one)
        first, second = server.messages
        assert first["Message-ID"] == second["Message-ID"]

    async def test_an_address_that_is_not_ascii_takes_a_server_that_can(
        self, server: SMTPServer
    ) -> None:
        await mailer_to(address(server)).send(message(to="zoë@example.org"))
        assert server.received[0].rcpt_tos == ["zoë@example.org"]
        assert "SMTPUTF8" in server.received[0].mail_options

    async def test_many_at_once_share_few_connections(self, server: SMTPServer) -> None:
        mailer = mailer_to(address(server), connections=3)
        async with anyio.create_task_group() as tasks:
            for number in range(50):
                tasks.start_soon(mailer.send, message(id=f"n{number}"))
        assert {each["Message-ID"] for each in server.messages} == {
            f"<n{number}@example.org>" for number in range(50)
        }
        assert len(server.received) == 50
        assert server.most_connections <= 3

    async def test_a_slow_goodbye_does_not_undo_it(
        self, server: SMTPServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The letter is theirs by then: an error would have it sent twice."""
        monkeypatch.setattr("backoffice.core.mail.smtp.QUIT_SECONDS", 2.5)
        server.fault = "lingers"
        await mailer_to(address(server), timeout=2).send(message())
        assert len(server.received) == 1


class TestEncryption:
    async def test_smtps_is_encrypted_from_the_start(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with smtp_server("implicit") as server:
            trust(server, tmp_path, monkeypatch)
            await mailer_to(address(server, scheme="smtps")).send(message())
            assert len(server.received) == 1

    async def test_without_starttls_nothing_is_said(self) -> None:
        with smtp_server("none") as server:
            refused = await refusal(mailer_to(address(server)))
            assert "STARTTLS" in refused.reason
            assert refused.temporary
            assert (server.passwords, server.begun, server.received) == ([], [], [])

    async def test_without_starttls_it_goes_only_when_that_is_written(self) -> None:
        with smtp_server("none") as server:
            await mailer_to(address(server, more="?tls=none")).send(message())
            assert len(server.received) == 1

    async def test_an_authority_that_nobody_trusts_is_refused(self, server: SMTPServer) -> None:
        refused = await refusal(mailer_to(address(server)))
        assert "certificate" in refused.reason
        assert (server.passwords, server.begun) == ([], [])

    @pytest.mark.parametrize(("tls", "scheme"), [("starttls", "smtp"), ("implicit", "smtps")])
    async def test_a_certificate_of_another_host_is_refused(
        self, tls: Any, scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with smtp_server(tls, host="other.example") as server:
            trust(server, tmp_path, monkeypatch)
            refused = await refusal(mailer_to(address(server, scheme=scheme)))
            assert "Hostname mismatch" in refused.reason
            assert refused.temporary
            assert (server.passwords, server.begun) == ([], [])

    async def test_smtps_to_a_plain_server_is_refused(self, server: SMTPServer) -> None:
        refused = await refusal(mailer_to(address(server, scheme="smtps")))
        assert "TLS" in refused.reason
        assert server.begun == []


@pytest.mark.usefixtures("trusted")
class TestRefusal:
    @pytest.mark.parametrize(
        ("command", "answer", "temporary", "reason"),
        [
            ("RCPT", "550 5.1.1 <{}>: nobody here", False, "recipient (550 5.1.1)"),
            ("RCPT", "450 4.2.0 <{}> greylisted", True, "recipient (450 4.2.0)"),
            ("RCPT", "421 too busy for {}", True, "recipient (421)"),
            ("MAIL", "553 5.7.1 not yours", False, "sender (553 5.7.1)"),
            ("MAIL", "530 5.7.0 sign in first", True, "sender (530 5.7.0)"),
            ("DATA", "554 5.7.1 spam", False, "content (554 5.7.1)"),
            ("DATA", "452 4.3.1 full", True, "content (452 4.3.1)"),
        ],
    )
    async def test_the_answer_says_whether_to_try_again(
        self, server: SMTPServer, command: str, answer: str, temporary: bool, reason: str
    ) -> None:
        server.refusals[command] = answer
        refused = await refusal(mailer_to(address(server)))
        assert refused.reason == f"the server refused the {reason}"
        assert refused.temporary is temporary
        assert server.received == []

    async def test_a_wrong_password_is_somebodys_to_mend(self, server: SMTPServer) -> None:
        """And no reason to give up a message: the password will be right some day."""
        refused = await refusal(mailer_to(address(server, login=f"{USER}:wrong@")))
        assert refused.reason == "the server refused the user or the password (535 5.7.8)"
        assert refused.temporary
        assert server.begun == []

    async def test_a_server_without_sign_in_is_given_no_password(self) -> None:
        with smtp_server("none", sign_in=False) as server:
            refused = await refusal(mailer_to(address(server, more="?tls=none")))
            assert "sign in" in refused.reason
            assert server.begun == []

    async def test_an_address_that_is_not_ascii_never_gets_through_an_old_server(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with smtp_server(utf8=False) as server:
            trust(server, tmp_path, monkeypatch)
            refused = await refusal(mailer_to(address(server)), message(to="zoë@example.org"))
            assert not refused.temporary
            assert server.begun == []

    async def test_one_refusal_does_not_spoil_the_next(self, server: SMTPServer) -> None:
        mailer = mailer_to(address(server), connections=1)
        server.refusals["RCPT"] = "550 no"
        await refusal(mailer)
        server.refusals.clear()
        await mailer.send(message())
        assert len(server.received) == 1


class TestFault:
    async def test_a_server_that_hangs_is_left_in_time(
        self, server: SMTPServer, trusted: None
    ) -> None:
        server.fault = "hangs"
        started = time.monotonic()
        refused = await refusal(mailer_to(address(server), timeout=0.5))
        assert refused.reason == "the server did not answer within 0.5 seconds"
        assert refused.temporary
        assert time.monotonic() - started < 60

    async def test_one_that_never_greets_is_left_in_time(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"smtp://127.0.0.1:{silent.getsockname()[1]}"
            refused = await refusal(mailer_to(url, timeout=0.2))
            assert "did not answer" in refused.reason

    async def test_waiting_for_a_connection_counts(self, server: SMTPServer, trusted: None) -> None:
        """However many wait behind a server that hangs, none waits longer than told."""
        server.fault = "hangs"
        mailer = mailer_to(address(server), timeout=1, connections=1)
        started = time.monotonic()
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(refusal, mailer)
        assert time.monotonic() - started < 60

    async def test_one_that_breaks_off_within_the_content_is_told(
        self, server: SMTPServer, trusted: None
    ) -> None:
        server.fault = "breaks off"
        refused = await refusal(mailer_to(address(server)))
        assert refused.reason == "the server broke off"
        assert refused.temporary
        assert server.received == []

    async def test_nobody_there(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as gone:
            port = gone.getsockname()[1]
        assert "cannot be reached" in (await refusal(mailer_to(f"smtp://127.0.0.1:{port}"))).reason

    @pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 70, "a..b", "%00"])
    async def test_no_such_host(self, host: str) -> None:
        refused = await refusal(mailer_to(f"smtp://{host}"))
        assert (refused.temporary, "cannot be reached" in refused.reason) == (True, True)

    async def test_whoever_gives_up_leaves_no_connection(
        self, server: SMTPServer, trusted: None
    ) -> None:
        server.fault = "hangs"
        mailer = mailer_to(address(server), connections=1)
        with anyio.move_on_after(0.5):
            await mailer.send(message())
        server.fault = ""
        await mailer.send(message())
        assert len(server.received) == 1


class TestSecrets:
    #: What no log, repr or exception may hold, in the clear or as it goes over the wire.
    CANARIES = (
        PASSWORD,
        quote(PASSWORD, safe=""),
        base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode(),
        base64.b64encode(PASSWORD.encode()).decode(),
        "canary-4711",
        ANN,
        "Your link",
    )

    @pytest.mark.parametrize(
        "fault",
        ["", "RCPT", "MAIL", "DATA", "hangs", "breaks off", "password", "trust", "gone"],
    )
    async def test_nothing_tells_them(
        self,
        server: SMTPServer,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        fault: Any,
    ) -> None:
        caplog.set_level(logging.DEBUG)
        if fault != "trust":
            trust(server, tmp_path, monkeypatch)
        if fault in ("RCPT", "MAIL", "DATA"):
            server.refusals[fault] = f"550 {ANN} {BODY} {PASSWORD} {{}}"
        elif fault == "password":
            server.refusals["AUTH"] = f"535 {USER} {PASSWORD} {ANN}"
        else:
            server.fault = fault
        url = address(server) if fault != "gone" else f"smtp://{LOGIN}nowhere.invalid"
        mailer = mailer_to(url, timeout=1)
        told = [repr(mailer), repr(mailer.backend), repr(vars(mailer)), repr(vars(mailer.backend))]
        if fault:
            error = await refusal(mailer)
            assert error.__context__ is None
            told += [str(error), repr(error), error.reason, *traceback.format_exception(error)]
            told += [repr(error.detail), repr(vars(error))]
        else:
            await mailer.send(message())
        # The server's own log does hold them.
        told += [each.getMessage() for each in caplog.records if each.name != "mail.log"]
        for canary in self.CANARIES:
            assert canary not in "\n".join(told)


class TestProbes:
    async def test_doctor_finds_a_server_that_takes_mail(
        self, server: SMTPServer, trusted: None
    ) -> None:
        with mail_settings.override(configured(address(server))):
            async with Run() as run:
                (found,) = [each async for each in mail_checks(run)]
        assert (found.level, found.message) == ("ok", f"smtp://{HOST}:{server.port} takes mail")
        assert server.passwords == [PASSWORD]
        assert server.received == []

    async def test_doctor_says_why_one_does_not(self, server: SMTPServer, trusted: None) -> None:
        with mail_settings.override(configured(address(server, login=f"{USER}:wrong@"))):
            async with Run() as run:
                (found,) = [each async for each in mail_checks(run)]
        assert (found.level, "password" in found.message) == ("error", True)

    async def test_doctor_warns_of_what_can_be_read_on_the_way(self) -> None:
        with mail_settings.override(configured("smtp://mail.invalid?tls=none")):
            async with Run() as run:
                found = [each async for each in mail_checks(run)]
        assert [each.level for each in found] == ["warning", "error"]
        with smtp_server("none") as server:
            url = address(server, more="?tls=none")
            with mail_settings.override(configured(url)):
                async with Run() as run:
                    found = [each async for each in mail_checks(run)]
        assert [each.level for each in found] == ["ok"]

    async def test_health_asks_once_a_minute(self, server: SMTPServer, trusted: None) -> None:
        with mail_settings.override(configured(address(server))):
            async with Run() as run:
                opened = await run.open(mailer)
                assert mailer.health_check is not None
                for _ in range(5):
                    await mailer.health_check.check(opened)
        assert server.passwords == [PASSWORD]
        assert not mailer.health_check.required

    async def test_health_says_what_is_wrong(self, server: SMTPServer) -> None:
        opened = mailer_to(address(server))
        for _ in range(2):
            with pytest.raises(Unavailable, match="certificate"):
                await opened.well()
