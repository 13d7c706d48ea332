"""What `backoffice doctor` finds in accounts: keys that are older than they should be."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, update

from backoffice.auth import ApiKey
from backoffice.auth.key_files import KeyFile
from backoffice.auth.key_ring import RingKey
from backoffice.auth.signing_keys import SigningKey
from backoffice.core import Settings
from backoffice.core.settings import load
from tests.auth.conftest import Command, created

DAY = timedelta(days=1)


def finding(command: Command, id: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = command("doctor")[1]
    return next(each for each in found if each["id"] == id)


@pytest.fixture
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeyFile:
    """A key ring that the app is set to; nothing is in it yet."""
    monkeypatch.setenv("BACKOFFICE_AUTH__KEY_RING", str(tmp_path / "keys.json"))
    return KeyFile(tmp_path / "keys.json")


def test_a_key_from_the_secret_has_no_age(command: Command) -> None:
    found = finding(command, "auth.signing-key")
    assert (found["level"], found["message"]) == ("ok", "HS256, derived from BACKOFFICE_SECRET_KEY")


@pytest.mark.parametrize(("days", "level"), [(89, "ok"), (91, "warning")])
def test_a_key_that_signs_for_long_is_to_be_rotated(
    command: Command, ring: KeyFile, days: int, level: str
) -> None:
    since = datetime.now(UTC) - days * DAY
    ring.write([RingKey(SigningKey.generated("ES256"), signs_from=since)])
    found = finding(command, "auth.signing-key")
    assert (found["level"], f"({days} days)" in found["message"]) == (level, True)
    assert found["fix"] == ("backoffice secrets rotate" if level == "warning" else "")


def test_a_key_of_unknown_age_is_to_be_rotated(command: Command, ring: KeyFile) -> None:
    ring.write([RingKey(SigningKey.generated("ES256"))])
    found = finding(command, "auth.signing-key")
    assert (found["level"], found["fix"]) == ("warning", "backoffice secrets rotate")


@pytest.mark.parametrize(
    ("days", "more", "level"),
    [(91, (), "warning"), (89, (), "ok"), (91, ("--expires", "365d"), "ok")],
)
def test_an_api_key_without_an_end_is_named_when_it_is_old(
    command: Command, days: int, more: tuple[str, ...], level: str
) -> None:
    created(command)
    made = command("keys", "create", "--user", "ann@example.com", "--name", "ci", *more)[1]
    age(days)
    found = finding(command, "auth.api-keys")
    assert found["level"] == level
    assert ("'ci'" in found["message"], made["id"] in found["fix"]) == (level == "warning",) * 2


def test_an_old_api_key_that_is_revoked_is_none(command: Command) -> None:
    created(command)
    made = command("keys", "create", "--user", "ann@example.com", "--name", "ci")[1]
    age(91)
    command("keys", "revoke", made["id"])
    assert finding(command, "auth.api-keys")["level"] == "ok"


def test_who_may_register_is_to_be_sent_links(command: Command) -> None:
    found = finding(command, "auth.links")
    assert (found["level"], "BACKOFFICE_AUTH__PUBLIC_URL" in found["fix"]) == ("warning", True)


def test_people_are_to_be_sent_links_and_services_are_not(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_AUTH__REGISTRATION", "false")
    command("users", "create", "robot@example.com", "--service")
    assert finding(command, "auth.links")["level"] == "ok"
    created(command)
    assert finding(command, "auth.links")["level"] == "warning"


@pytest.mark.parametrize(("mail", "level"), [(None, "warning"), ("memory:", "ok")])
def test_links_in_mail_that_goes_nowhere_are_warned_of(
    command: Command, monkeypatch: pytest.MonkeyPatch, mail: str | None, level: str
) -> None:
    monkeypatch.setenv("BACKOFFICE_AUTH__PUBLIC_URL", "https://shop.example.com")
    if mail is not None:
        monkeypatch.setenv("BACKOFFICE_MAIL__URL", mail)
    found = finding(command, "auth.links")
    assert (found["level"], "https://shop.example.com" in found["message"]) == (level, True)
    assert ("BACKOFFICE_MAIL__URL" in found["fix"]) == (level == "warning")


def age(days: int) -> None:
    """Let every key have been made so many days ago."""
    url = load(Settings).database_url.get_secret_value()
    engine = create_engine(url.replace("+aiosqlite", ""))
    with engine.begin() as connection:
        connection.execute(update(ApiKey).values(created_at=datetime.now(UTC) - days * DAY))
    engine.dispose()


def test_a_permission_that_the_app_knows_no_more_is_named_until_it_is_taken(
    command: Command, tmp_path: Path
) -> None:
    app = (tmp_path / "main.py").read_text()
    (tmp_path / "main.py").write_text(
        app + 'app.get("/old", dependencies=[auth.require("old:read")])(lambda: None)\n'
    )
    created(command)
    assert command("roles", "create", "reader", "--allow", "old:read")[0] == 0
    assert command("users", "grant", "ann@example.com", "old:read")[0] == 0
    assert finding(command, "auth.unknown-permission")["level"] == "ok"
    (tmp_path / "main.py").write_text(app)
    del sys.modules["main"]
    found = finding(command, "auth.unknown-permission")
    assert (found["level"], "old:read" in found["message"]) == ("warning", True)
    holders = command("permissions", "who-can", "old:read")[1]
    assert [each["email"] for each in holders] == ["ann@example.com"]
    assert command("roles", "deny", "reader", "old:read")[0] == 0
    assert command("users", "revoke", "ann@example.com", "old:read")[0] == 0
    assert finding(command, "auth.unknown-permission")["level"] == "ok"
