"""Keys and sessions from a shell: had without being made twice, and ended at once."""

import uuid

import anyio

from backoffice.auth import Services
from backoffice.auth.sessions import BROWSER, Client
from backoffice.core import Run
from backoffice.core.discovery import find_app
from tests.auth.commands.test_users import ANN, BOB, does
from tests.auth.conftest import PASSWORD, Command, created

KEY = ("--user", ANN, "--name", "ci")


def test_a_key_is_ensured_and_shown_once(command: Command) -> None:
    created(command, ANN, "--superuser")
    ensure = ("keys", "ensure", *KEY, "--scope", "books:read", "--network", "10.0.0.1")
    first = does(command, *ensure, "--expires", "30d")
    assert (first["changed"], first["key"].startswith("bo_")) == (True, True)
    again = does(command, *ensure, "--expires", "30d")
    assert (again["changed"], again["id"], "key" in again) == (False, first["id"], False)
    assert "shown when it was made" in command(*ensure, as_json=False)[1]
    does(command, "keys", "revoke", first["id"])
    assert does(command, *ensure)["id"] != first["id"]


def test_a_key_of_other_terms_is_a_conflict(command: Command) -> None:
    created(command, ANN, "--superuser")
    does(command, "keys", "create", *KEY, "--scope", "books:read")
    for terms in ((), ("--scope", "books:write"), ("--scope", "books:read", "--limit", "9/day")):
        code, out, err = command("keys", "ensure", *KEY, *terms)
        assert (code, out, "key_differs" in err) == (5, "", True), terms
    assert len(does(command, "keys", "list", "--user", ANN)) == 1


def test_what_is_rehearsed_of_keys_makes_and_ends_none(command: Command) -> None:
    created(command, ANN, "--superuser")
    made = does(command, "keys", "create", *KEY)
    before = does(command, "keys", "list", "--user", ANN)
    for code, arguments in (
        (0, ("create", "--user", ANN, "--name", "other")),
        (3, ("ensure", "--user", ANN, "--name", "other")),
        (0, ("ensure", *KEY)),
        (0, ("rotate", made["id"])),
        (0, ("revoke", made["id"])),
        (0, ("prune",)),
        (2, ("create", *KEY, "--limit", "often")),
    ):
        ended, answer, told = command("keys", *arguments, "--dry-run")
        assert ended == code, told
        assert not (answer and answer.get("key")), arguments
    assert does(command, "keys", "list", "--user", ANN) == before


async def sign_in(*emails: str) -> None:
    """A session of each, from somewhere that sends what a terminal would obey."""
    async with Run(find_app("main:app")) as run:
        services = await run.find(Services)
        assert services is not None
        client = Client(address="203.0.113.9", user_agent="curl\x1b[2J")
        for email in emails:
            await services.sign_in.with_password(email, PASSWORD, BROWSER, client)


def test_sessions_are_shown_and_ended_one_or_all(command: Command) -> None:
    created(command)
    created(command, BOB)
    anyio.run(sign_in, ANN, ANN, ANN, BOB)
    listed = does(command, "sessions", "list", "--user", ANN)
    assert [each["address"] for each in listed] == ["203.0.113.9"] * 3
    assert "\x1b" not in command("sessions", "list", "--user", ANN, as_json=False)[1]
    assert does(command, "sessions", "revoke", listed[0]["id"])["revoked"] is True
    assert len(does(command, "sessions", "list", "--user", ANN)) == 2
    rehearsed = does(command, "sessions", "revoke", "--user", ANN, "--dry-run")
    assert (rehearsed["revoked"], rehearsed["dry_run"]) == (2, True)
    assert len(does(command, "sessions", "list", "--user", ANN)) == 2
    assert does(command, "sessions", "revoke", "--user", ANN)["revoked"] == 2
    assert does(command, "sessions", "list", "--user", ANN) == []
    assert len(does(command, "sessions", "list", "--user", BOB)) == 1
    [entry] = does(command, "audit", "list", "--event", "auth.signed_out", "--limit", "1")
    assert entry["actor"].startswith("cli:")


def test_a_session_that_cannot_be_ended_is_told(command: Command) -> None:
    created(command)
    for code, arguments in (
        (4, ("revoke", str(uuid.uuid4()))),
        (2, ("revoke", "nonsense")),
        (2, ("revoke",)),
        (2, ("revoke", str(uuid.uuid4()), "--user", ANN)),
        (4, ("revoke", "--user", BOB)),
        (4, ("list", "--user", BOB)),
        (2, ("list",)),
    ):
        assert command("sessions", *arguments)[:2] == (code, ""), arguments
