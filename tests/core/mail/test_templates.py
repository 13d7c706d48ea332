"""Templates: what the mails of accounts say, who may say it otherwise, and what keeps it whole."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from backoffice.core import InvalidInput, NotFound, Run, SetupError
from backoffice.core.mail import (
    AddressChangedMail,
    MailTemplate,
    PasswordChangedMail,
    ResetMail,
    Templates,
    mail_templates,
)
from backoffice.core.mail.contexts import SAMPLES
from backoffice.core.mail.templates import PARTS, span

LINK = "https://shop.example.org/reset?token=4711&x='\"<b>"
RESET = ResetMail(link=LINK, valid_for=timedelta(hours=1))
ANN = "ann@example.org"


def written(folder: Path, **files: str) -> Path:
    """Files by name, with `__` for a slash, `_` for a dot."""
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


@pytest.mark.parametrize("template", SAMPLES, ids=lambda each: each.name)
def test_each_that_we_ship_is_a_whole_mail(template: MailTemplate) -> None:
    message = Templates(site="The Shop").message(template, to=ANN)
    assert "The Shop" in message.subject
    assert "The Shop" in message.text
    assert message.html is not None
    assert "The Shop" in message.html
    for name, value in template.variables().items():
        if name.endswith("link"):
            assert value in message.text
            assert f'href="{value}"' in message.html


@pytest.mark.parametrize("template", SAMPLES, ids=lambda each: each.name)
def test_none_that_we_ship_loads_anything_from_elsewhere(template: MailTemplate) -> None:
    html = Templates().message(template, to=ANN).html or ""
    for loaded in ("src=", "<script", "<link", "url(", "<form", "@import"):
        assert loaded not in html


def test_values_are_escaped_in_html_and_as_they_are_in_text() -> None:
    message = Templates(site="A & <b>").message(RESET, to=ANN)
    assert LINK in message.text
    assert message.html is not None
    assert "<b>" not in message.html
    assert "token=4711&amp;x=&#39;&#34;&lt;b&gt;" in message.html


def test_a_value_with_a_line_break_stays_on_the_line_of_the_subject(tmp_path: Path) -> None:
    folder = written(tmp_path, **{"address-changed_subject_txt": "To {{ new_address }}\n"})
    changed = AddressChangedMail(
        new_address="x\r\nBcc: all@example.org\u2028y\n z", at=datetime(2030, 1, 1, tzinfo=UTC)
    )
    subject = Templates(folder).message(changed, to=ANN).subject
    assert subject == "To x Bcc: all@example.org y z"


def test_a_file_of_ones_own_replaces_that_file_alone(tmp_path: Path) -> None:
    folder = written(tmp_path, reset_subject_txt="  Hello from\n{{ site }}  ")
    message = Templates(folder, site="Shop").message(RESET, to=ANN)
    assert message.subject == "Hello from Shop"
    assert LINK in message.text


def test_a_layout_of_ones_own_goes_around_them_all(tmp_path: Path) -> None:
    folder = written(tmp_path, layout_html="<main>{% block content %}{% endblock %}</main>")
    for template in SAMPLES:
        html = Templates(folder).message(template, to=ANN).html or ""
        assert html.startswith("<main>")


def test_a_blank_html_part_is_not_sent(tmp_path: Path) -> None:
    assert Templates(written(tmp_path, reset_html="\n")).message(RESET, to=ANN).html is None


def german(folder: Path) -> Path:
    return written(
        folder,
        de__reset_subject_txt="Neues Passwort",
        de__reset_txt="Bitte: {{ link }}",
        de__reset_html='{% extends "layout.html" %}{% block content %}{{ link }}{% endblock %}',
    )


@pytest.mark.parametrize(
    ("language", "subject"),
    [
        ("de", "Neues Passwort"),
        ("DE-at", "Neues Passwort"),
        ("fr", "Choose a new password for Shop"),
        (None, "Choose a new password for Shop"),
        ("../de", "Choose a new password for Shop"),
        ("de/../de", "Choose a new password for Shop"),
        ("x" * 10_000, "Choose a new password for Shop"),
    ],
)
def test_it_is_written_in_the_nearest_language_that_is_there(
    tmp_path: Path, language: str | None, subject: str
) -> None:
    message = Templates(german(tmp_path), site="Shop").message(RESET, to=ANN, language=language)
    assert message.subject == subject
    expected = "de" if subject == "Neues Passwort" else "en"
    assert f'<html lang="{expected}">' in (message.html or "")


def test_a_language_that_lacks_a_part_of_a_mail_is_refused(tmp_path: Path) -> None:
    (german(tmp_path) / "de/reset.html").unlink()
    with pytest.raises(SetupError, match=r"de/reset needs all of de/reset\.subject\.txt, "):
        Templates(tmp_path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("one\n{{ lnik }}", r"reset\.txt, line 2: 'lnik' is undefined"),
        ("one\ntwo\n{% if %}", r"reset\.txt, line 3: "),
        ("{% include 'nothing.txt' %}", "there is no file nothing.txt"),
        ("{{ 1 / 0 }}", r"reset\.txt, line 1: ZeroDivisionError"),
        ("{{ link.__class__.__mro__ }}", r"reset\.txt, line 1: access to attribute '__class__'"),
        ("{% for i in range(10 ** 9) %}{% endfor %}", "OverflowError"),
        ("\x07", "text holds a control character"),
        ("x" * 600_000, "larger than 512 KiB"),
    ],
)
def test_a_mistake_is_an_error_at_the_start_that_names_the_place(
    tmp_path: Path, text: str, told: str
) -> None:
    with pytest.raises(SetupError, match=told):
        Templates(written(tmp_path, reset_txt=text))


def test_a_subject_that_is_too_long_is_an_error_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="reset: The mail's subject is longer"):
        Templates(written(tmp_path, reset_subject_txt="x" * 300))


def test_a_file_that_is_no_text_is_an_error_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "reset.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(SetupError, match=r"reset\.txt: UnicodeDecodeError"):
        Templates(tmp_path)


def test_a_failure_later_on_says_no_value(tmp_path: Path) -> None:
    folder = written(
        tmp_path, **{"password-changed_txt": "{% if not reset_link %}{{ at + 1 }}{% endif %}"}
    )
    templates = Templates(folder)
    with pytest.raises(SetupError, match="TypeError") as refused:
        templates.message(PasswordChangedMail(at=datetime(2031, 5, 6, tzinfo=UTC)), to=ANN)
    assert "2031" not in str(refused.value)
    assert refused.value.__context__ is None


@pytest.mark.anyio
async def test_a_folder_that_is_not_there_keeps_the_app_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_MAIL__TEMPLATES", str(tmp_path / "nothing"))
    async with Run() as run:
        with pytest.raises(SetupError, match="which is no directory"):
            await run.open(mail_templates)


@pytest.mark.anyio
async def test_the_site_is_named_as_the_sender(monkeypatch: pytest.MonkeyPatch) -> None:
    for sender, name in (("Shop <a@shop.example>", "Shop"), ("a@shop.example", "shop.example")):
        monkeypatch.setenv("BACKOFFICE_MAIL__SENDER", sender)
        async with Run() as run:
            message = (await run.open(mail_templates)).message(RESET, to=ANN)
        assert message.subject == f"Choose a new password for {name}"


@dataclass(frozen=True, kw_only=True)
class Welcome(MailTemplate):
    name: ClassVar[str] = "welcome"
    who: str


def test_an_app_writes_mails_of_its_own(tmp_path: Path) -> None:
    files = {f"welcome{part.replace('.', '_')}": "Hi {{ who }}" for part in PARTS}
    message = Templates(written(tmp_path, **files)).message(Welcome(who="<Ann>"), to=ANN)
    assert (message.subject, message.html) == ("Hi <Ann>", "Hi &lt;Ann&gt;")


def test_a_mail_of_ones_own_that_lacks_a_part_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="welcome needs all of"):
        Templates(written(tmp_path, welcome_subject_txt="Hi"))


def test_a_mail_that_nobody_has_written_is_refused() -> None:
    with pytest.raises(SetupError, match=r"there is no file .*welcome\.subject\.txt"):
        Templates().message(Welcome(who="Ann"), to=ANN)


@pytest.mark.parametrize(
    "link",
    [
        *("javascript:alert(1)", "/reset", "https://", "ftp://a/b", 4, "x"),
        *("https://a/b\n\nSend money.", "https://a/b Send money.", "https://a/b\u202e"),
    ],
)
def test_a_link_that_is_none_is_refused_and_not_repeated(link: Any) -> None:
    with pytest.raises(SetupError, match=r"ResetMail\.link must be an absolute http") as refused:
        ResetMail(link=link, valid_for=timedelta(hours=1))
    assert str(link) not in str(refused.value).replace("http or https", "") or link in ("x", 4)


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidInput):
        Templates().message(RESET, to="ann@example.org, all@example.org")


def test_a_template_that_is_not_ours_has_no_files() -> None:
    with pytest.raises(NotFound, match="there are verify, reset"):
        Templates().files("../../etc/passwd")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3600, "1 hour"), (86400, "1 day"), (900, "15 minutes"), (90, "90 seconds"), (0, "1 second")],
)
def test_spans_are_told_by_the_largest_unit(seconds: int, text: str) -> None:
    assert span(timedelta(seconds=seconds)) == text
