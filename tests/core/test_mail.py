"""Mail: what a message may hold, where it goes, and what is said of it."""

import os
import pty
import random
import stat
import subprocess
import sys
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import compat32, default
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr

from backoffice.core import Finding, InvalidInput, Run, SetupError, singletons
from backoffice.core.mail import (
    Console,
    Directory,
    Mailbox,
    Mailer,
    MailSettings,
    MailUnavailable,
    Memory,
    Message,
    mail_settings,
    mailbox,
    mailer,
)
from backoffice.core.mail.checks import mail_checks
from backoffice.core.mail.messages import BODY_BYTES, letter
from backoffice.core.settings import load

SENDER = Mailbox("shop@example.org", "Shop")
NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
SECRET = "canary-4711"


def message(**changes: Any) -> Message:
    return Message(**{"to": "ann@example.org", "subject": "Hello", "text": "Dear Ann\n", **changes})


def read(message: Message) -> EmailMessage:
    """What a mail program makes of it."""
    parsed = message_from_bytes(letter(message, SENDER, NOW).content, policy=default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def addressee(message: Message) -> tuple[str, str]:
    """Name and address, by the older parser: the newer puts spaces into long names."""
    content = letter(message, SENDER, NOW).content
    name, address = parseaddr(message_from_bytes(content, policy=compat32)["To"])
    return str(make_header(decode_header(name))), address


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    content: str = found.get_content()
    return content.replace("\r\n", "\n")


class TestMessage:
    def test_a_plain_one_is_read_as_it_was_written(self) -> None:
        found = read(message(id="42.a-b"))
        assert found["From"] == "Shop <shop@example.org>"
        assert found["To"] == "ann@example.org"
        assert found["Subject"] == "Hello"
        assert found["Date"].datetime == NOW
        assert found["Message-ID"] == "<42.a-b@example.org>"
        assert found["Auto-Submitted"] == "auto-generated"
        assert part(found, "plain") == "Dear Ann\n"

    @pytest.mark.parametrize(
        "text",
        ["Grüße, 日本語, 🛒\n", "x" * 3000 + "\n", ".\n..\nFrom me\n", "a\n\n\n b \n", "=?=3D\n"],
    )
    def test_text_and_html_arrive_as_they_are(self, text: str) -> None:
        found = read(message(text=text, html=f"<p>{text}</p>\n"))
        assert found.get_content_type() == "multipart/alternative"
        assert part(found, "plain") == text
        assert part(found, "html") == f"<p>{text}</p>\n"

    @pytest.mark.parametrize(
        "text",
        [
            "Ünïcödé",
            "日本語" * 80,
            "long words " * 20 + "é",
            "علی‌رضا",
            'Zoë, "the reader" <evil@example.net>; (x) \\',
            "=?utf-8?q?=0D=0ABcc:_evil=40example.net?=",
            "é =?utf-8?b?DQpCY2M6IGV2aWxAZXhhbXBsZS5uZXQ=?=",
            "👩‍👧 family",
            "to: a@b.example, c@d.example",
            "x" * 200,
        ],
    )
    def test_subject_and_names_arrive_as_they_are(self, text: str) -> None:
        written = message(subject=text, to=mailbox(text, "ann@example.org"))
        assert read(written).keys() == read(message()).keys()
        assert read(written)["Subject"] == text
        assert addressee(written) == (text, "ann@example.org")

    def test_no_letters_break_a_header(self) -> None:
        """Five hundred lines of what means something somewhere in a mail."""
        pieces = [
            "=?utf-8?q?",
            "=?utf-8?b?DQpCY2M6?=",
            "=0D=0A",
            "?=",
            "Bcc:",
            "a",
            "é",
            "日",
            "🛒",
        ]
        pieces += ['"', "\\", "<", ">", ",", ";", " ", "@", ":", "(", ")", "\u0301"]
        chance = random.Random(1)
        for _ in range(500):
            text = "".join(chance.choices(pieces, k=chance.randint(1, 24))).strip()
            to = mailbox(text, "ann@example.org")
            written = message(subject=text, to=to, headers={"X-Note": text})
            assert read(written).keys() == read(message(headers={"X-Note": ""})).keys()
            assert read(written)["Subject"] == text
            assert read(written)["X-Note"] == text
            assert addressee(written) == (text, "ann@example.org")

    @pytest.mark.parametrize("line_break", [*"\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029\0\x1b"])
    def test_nothing_can_begin_a_header_of_its_own(self, line_break: str) -> None:
        bad = f"a{line_break}Bcc: evil@example.net"
        for changes in (
            {"subject": bad},
            {"to": bad},
            {"to": f"ann@example.org{bad}"},
            {"to": mailbox(bad, "ann@example.org")},
            {"reply_to": mailbox(bad, "ann@example.org")},
            {"headers": {"X-Note": bad}},
            {"headers": {bad: "x"}},
            {"headers": {f"X-{bad}": "x"}},
            {"id": bad},
        ):
            with pytest.raises(InvalidInput) as refused:
                message(**changes)
            assert refused.value.code == "invalid_message"
            assert "evil" not in str(refused.value.detail)

    @pytest.mark.parametrize(
        "to",
        [
            "",
            "ann",
            "ann@",
            "@example.org",
            "ann@example.org, eve@example.net",
            "Ann <eve@example.net> <ann@example.org>",
            "ann@example.org>",
            "ann@exa mple.org",
            "ann@[127.0.0.1]",
            "ann @example.org",
            '"ann smith"@example.org',
            "undisclosed:;",
            "a" * 65 + "@example.org",
            "x" * 600 + "@example.org",
            "ann@\ud800.example",
        ],
    )
    def test_what_is_not_one_address_is_refused_and_not_repeated(self, to: str) -> None:
        for field in ("to", "reply_to"):
            with pytest.raises(InvalidInput, match=field) as refused:
                message(**{field: to})
            assert refused.value.data == {"field": field}
            assert len(to) < 4 or to not in refused.value.message

    def test_a_domain_is_written_in_ascii(self) -> None:
        """By IDNA 2008: that of 2003, in the standard library, sends straße.de to strasse.de."""
        found = letter(message(to="zoe@straße.de"), SENDER, NOW)
        assert found.recipient == "zoe@xn--strae-oqa.de"
        assert found.content.isascii()

    def test_an_address_that_is_not_ascii_is_written_as_it_is(self) -> None:
        found = letter(message(to=mailbox("Zoë", "zoë@example.org")), SENDER, NOW)
        assert found.recipient == "zoë@example.org"
        assert "<zoë@example.org>".encode() in found.content

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("subject", "x" * 256),
            ("subject", "\ud800"),
            ("text", "x" * (BODY_BYTES + 1)),
            ("text", "\0"),
            ("text", "\x1b[2J"),
            ("text", "\ud800"),
            ("html", "\x9b"),
            ("headers", {"Bcc": "eve@example.net"}),
            ("headers", {"Content-Type": "text/html"}),
            ("headers", {"X-Note": "x" * 901}),
            ("headers", {f"X-{number}": "" for number in range(21)}),
            ("id", ""),
            ("id", "../up"),
            ("id", ".hidden"),
            ("id", "x" * 129),
        ],
    )
    def test_what_no_mail_should_hold_is_refused(self, field: str, value: object) -> None:
        with pytest.raises(InvalidInput, match=field) as refused:
            message(**{field: value})
        assert refused.value.status_code == 422

    def test_html_counts_towards_the_size(self) -> None:
        message(text="x" * 100, html="x" * (BODY_BYTES - 100))
        with pytest.raises(InvalidInput):
            message(text="x" * 100, html="x" * (BODY_BYTES - 99))

    def test_a_header_that_is_allowed_arrives(self) -> None:
        link = "<https://shop.example.org/unsubscribe?token=" + "x" * 200 + ">"
        assert read(message(headers={"List-Unsubscribe": link}))["List-Unsubscribe"] == link

    def test_each_has_an_id_of_its_own_that_a_second_sending_keeps(self) -> None:
        one, two = message(), message()
        assert one.id != two.id
        assert read(one)["Message-ID"] == read(one)["Message-ID"] != read(two)["Message-ID"]

    def test_its_repr_shows_nothing_that_may_be_a_code(self) -> None:
        shown = repr(
            message(subject=SECRET, text=SECRET, html=SECRET, headers={"List-Unsubscribe": SECRET})
        )
        assert "ann@example.org" in shown
        assert SECRET not in shown
        assert SECRET not in repr(letter(message(text=SECRET, subject=SECRET), SENDER, NOW))

    def test_it_is_a_value(self) -> None:
        one = message(id="1", headers={"X-Note": "1"})
        assert one == message(id="1", headers={"X-Note": "1"})
        assert len({one, message(id="1", headers={"X-Note": "1"})}) == 1


class TestMemory:
    @pytest.mark.anyio
    async def test_it_keeps_what_was_sent(self) -> None:
        mailer, hello = Mailer(Memory()), message()
        await mailer.send(hello)
        assert mailer.sent == (hello,)

    @pytest.mark.anyio
    async def test_it_is_bounded(self) -> None:
        memory = Memory()
        written = letter(message(), SENDER, NOW)
        for _ in range(1500):
            await memory.deliver(written)
        assert len(memory.sent) == 1000

    def test_no_other_mailer_remembers(self) -> None:
        with pytest.raises(SetupError, match="memory:"):
            _ = Mailer(Console()).sent


def names(directory: Path) -> list[str]:
    return [each.name for each in directory.iterdir()]


class TestDirectory:
    @pytest.mark.anyio
    async def test_it_writes_a_file_for_its_owner_alone(self, tmp_path: Path) -> None:
        await Mailer(Directory(tmp_path / "new" / "mails")).send(message(id="one"))
        (file,) = (tmp_path / "new" / "mails").iterdir()
        assert file.name == "one.eml"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        assert message_from_bytes(file.read_bytes(), policy=default)["To"] == "ann@example.org"

    @pytest.mark.anyio
    async def test_the_same_message_again_is_the_same_file(self, tmp_path: Path) -> None:
        mailer, hello = Mailer(Directory(tmp_path)), message()
        await mailer.send(hello)
        await mailer.send(hello)
        assert len(names(tmp_path)) == 1

    @pytest.mark.anyio
    async def test_what_cannot_be_written_leaves_no_half_file(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Where a directory stands in its place, the finished file cannot be put there."""
        (tmp_path / "one.eml" / "in the way").mkdir(parents=True)
        with pytest.raises(MailUnavailable) as refused:
            await Mailer(Directory(tmp_path)).send(message(id="one"))
        assert refused.value.temporary
        assert str(tmp_path) in refused.value.reason
        assert names(tmp_path) == ["one.eml"]
        assert "mail one was not sent, for now" in caplog.text

    def test_one_that_cannot_be_made_is_told_at_the_start(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(SetupError, match="BACKOFFICE_MAIL__URL"):
            Directory(tmp_path / "file" / "mails")


SEND = f"""
import anyio
from backoffice.core import Run
from backoffice.core.mail import MailUnavailable, Message, mailer

async def main():
    async with Run() as run:
        found = await run.open(mailer)
        try:
            await found.send(Message(to="ann@example.org", subject="Hi", text="Code: {SECRET}"))
        except MailUnavailable as error:
            print("refused:", error.reason)

anyio.run(main)
"""


class TestConsole:
    def test_a_person_at_a_terminal_is_shown_it(self) -> None:
        terminal, stderr = pty.openpty()
        done = subprocess.run([sys.executable, "-c", SEND], stderr=stderr, check=True)
        os.close(stderr)
        shown = os.read(terminal, 10_000).decode()
        os.close(terminal)
        assert done.returncode == 0
        assert "To: ann@example.org\r\nSubject: Hi\r\n\r\n" in shown
        assert f"Code: {SECRET}" in shown

    def test_a_log_is_not(self) -> None:
        """What a production app writes on stderr is kept, and read by many."""
        done = subprocess.run(
            [sys.executable, "-c", SEND], capture_output=True, text=True, check=True
        )
        assert done.stdout.startswith("refused: BACKOFFICE_MAIL__URL is not set")
        assert SECRET not in done.stderr

    def test_who_asks_for_it_gets_it_anywhere(self) -> None:
        environment = {**os.environ, "BACKOFFICE_MAIL__URL": "console:"}
        done = subprocess.run(
            [sys.executable, "-c", SEND],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
        assert done.stdout == ""
        assert f"Code: {SECRET}" in done.stderr


class TestSettings:
    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            ("smtp://mail.example.org", "smtp://mail.example.org:587"),
            ("smtps://mail.example.org", "smtps://mail.example.org:465"),
            ("smtp://user:p%2Fss@mail.example.org:25?tls=none", "smtp://mail.example.org:25"),
            ("file:///var/mail", "/var/mail"),
            ("console:", "console"),
            ("memory:", "memory"),
        ],
    )
    def test_a_url_says_where_mail_goes(
        self, monkeypatch: pytest.MonkeyPatch, url: str, shown: str
    ) -> None:
        monkeypatch.setenv("BACKOFFICE_MAIL__URL", url)
        monkeypatch.setenv("BACKOFFICE_MAIL__SENDER", "Shop <shop@example.org>")
        assert str(load(MailSettings).destination()) == shown

    @pytest.mark.parametrize(
        "url",
        [
            f"smtp://user:{SECRET}",
            f"smtp://user:{SECRET}/x@host",
            f"smtp://user:{SECRET}#x@host",
            f"smtp://user:{SECRET}@host:port",
            f"smtp://user:{SECRET}@host:0",
            f"smtp://user:{SECRET}@[host",
            f"smtp://user:{SECRET}℀@host",
            f"smtp://user:{SECRET}@host?tls=no",
            f"smtps://user:{SECRET}@host?tls=none",
            f"smtp://user:{SECRET}@host?timeout=1",
            f"smtp://{SECRET}@host",
            f"http://user:{SECRET}@host",
            "smtp://",
            "file://mails",
            "file:///",
            "file:///mails%00",
            "console",
            "memory:x",
        ],
    )
    def test_a_wrong_one_is_refused_by_name_and_not_repeated(
        self, monkeypatch: pytest.MonkeyPatch, url: str
    ) -> None:
        monkeypatch.setenv("BACKOFFICE_MAIL__URL", url)
        with pytest.raises(SetupError, match="BACKOFFICE_MAIL__URL") as refused:
            load(MailSettings)
        assert SECRET not in str(refused.value)

    def test_a_server_needs_a_sender(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("BACKOFFICE_MAIL__URL", "smtp://mail.example.org")
        with pytest.raises(SetupError, match=r"BACKOFFICE_MAIL__SENDER.*not set"):
            load(MailSettings)

    def test_a_sender_is_one_address(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("BACKOFFICE_MAIL__SENDER", "a@example.org, b@example.org")
        with pytest.raises(SetupError, match=r"BACKOFFICE_MAIL__SENDER.*one mail address"):
            load(MailSettings)

    def test_no_password_shows_in_a_repr(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("BACKOFFICE_MAIL__URL", f"smtp://user:{SECRET}@mail.example.org")
        monkeypatch.setenv("BACKOFFICE_MAIL__SENDER", "shop@example.org")
        settings = load(MailSettings)
        assert SECRET not in f"{settings!r} {settings.destination()!r} {settings.destination()}"


class TestApp:
    @pytest.fixture
    def app(self) -> FastAPI:
        app = FastAPI(lifespan=singletons())

        @app.post("/greet")
        async def greet(name: str, mailer: Annotated[Mailer, Depends(mailer)]) -> None:
            await mailer.send(message(to=mailbox(name, "ann@example.org")))

        return app

    def test_a_route_sends(self, app: FastAPI) -> None:
        captured = Mailer(Memory())
        with mailer.override(captured), TestClient(app) as client:
            client.post("/greet", params={"name": "Zoë, reader"}).raise_for_status()
        assert captured.sent[0].to == '"Zoë, reader" <ann@example.org>'

    def test_bad_input_is_answered_as_such(
        self, app: FastAPI, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("BACKOFFICE_MAIL__URL", "memory:")
        with TestClient(app) as client:
            answer = client.post("/greet", params={"name": "a\nBcc: eve@example.net"})
        assert answer.status_code == 422
        assert answer.json()["detail"]["code"] == "invalid_message"

    def test_a_caller_learns_only_that_it_was_not_sent(
        self, app: FastAPI, caplog: pytest.LogCaptureFixture
    ) -> None:
        with TestClient(app) as client:
            answer = client.post("/greet", params={"name": "Ann"})
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "60"
        assert answer.json()["detail"] == {
            "code": "mail_unavailable",
            "message": "The mail could not be sent; try again later.",
        }
        assert "BACKOFFICE_MAIL__URL is not set" in caplog.text
        assert "ann@example.org" not in caplog.text


async def findings(url: str | None, app: FastAPI | None = None) -> list[Finding]:
    """What doctor says with that URL set."""
    settings = MailSettings(url=SecretStr(url) if url else None, sender="shop@example.org")
    with mail_settings.override(settings):
        async with Run(app) as run:
            return [finding async for finding in mail_checks(run)]


@pytest.mark.anyio
class TestDoctor:
    async def test_an_app_without_mail_is_well(self) -> None:
        (found,) = await findings(None, FastAPI())
        assert (found.id, found.level) == ("mail.delivery", "ok")

    async def test_an_app_that_sends_and_has_nowhere_to_is_warned(self) -> None:
        app = FastAPI(lifespan=singletons(mailer))
        (found,) = await findings(None, app)
        assert (found.level, "BACKOFFICE_MAIL__URL" in found.message) == ("warning", True)

    async def test_a_directory_is_not_a_mailbox(self, tmp_path: Path) -> None:
        (found,) = await findings(f"file://{tmp_path}")
        assert (found.level, str(tmp_path) in found.message) == ("warning", True)

    async def test_a_directory_that_is_gone_is_an_error(self, tmp_path: Path) -> None:
        directory = Directory(tmp_path / "mails")
        directory.path.rmdir()
        with pytest.raises(MailUnavailable, match="could not be sent") as refused:
            await directory.ping()
        assert "cannot be written" in refused.value.reason
