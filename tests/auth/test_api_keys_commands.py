"""API keys and service accounts from a shell."""

import json
from typing import Any

import pytest

from tests.auth.conftest import Command, created

ANN, SERVICE = "ann@example.com", "deploy@services.example.com"


def made(command: Command, *more: str) -> Any:
    code, answer, err = command("keys", "create", "--user", ANN, "--name", "ci", *more)
    assert code == 0, err
    return answer


def test_a_key_is_made_with_its_terms(command: Command) -> None:
    created(command, ANN)
    terms = (
        "--network", "10.0.0.0/8", "--network", "2001:db8::/32", "--limit", "100/minute",
        "--manages-credentials",
    )  # fmt: skip
    key = made(command, *terms)
    wanted = {
        "networks": ["10.0.0.0/8", "2001:db8::/32"],
        "rate_limit": "100/minute",
        "manages_credentials": True,
    }
    assert {name: key[name] for name in wanted} == wanted
    [listed] = command("keys", "list", "--user", ANN)[1]
    assert {name: listed[name] for name in wanted} == wanted
    assert "key" not in listed


@pytest.mark.parametrize(
    "terms",
    [
        ("--network", "office"),
        ("--network", "10.0.0.1/8"),
        ("--network", ""),
        ("--limit", "often"),
        ("--limit", ""),
        ("--limit", "0/minute"),
        ("--scope", "Books"),
        ("--scope", "books:read"),
        ("--expires", "soon"),
    ],
)
def test_bad_terms_end_with_2_and_make_nothing(command: Command, terms: tuple[str, ...]) -> None:
    created(command, ANN)
    code, out, err = command("keys", "create", "--user", ANN, "--name", "ci", *terms)
    assert (code, out) == (2, ""), err
    assert command("keys", "list", "--user", ANN)[1] == []


def test_a_key_is_rotated_and_the_old_one_goes_on(command: Command) -> None:
    created(command, ANN)
    old = made(command, "--limit", "5/minute", "--expires", "30d")
    code, new, err = command("keys", "rotate", old["id"], "--overlap", "1h")
    assert code == 0
    assert (new["replaced_id"], new["rate_limit"], new["name"]) == (old["id"], "5/minute", "ci")
    assert new["replaced_until"] < new["expires_at"]
    assert new["key"] not in err
    assert new["replaced_until"] in err
    assert len(command("keys", "list", "--user", ANN)[1]) == 2
    code, _, err = command("keys", "rotate", old["id"])
    assert (code, json.loads(err)["error"]["code"]) == (5, "key_not_current")


def test_with_no_overlap_the_old_one_ends_at_once(command: Command) -> None:
    created(command, ANN)
    old = made(command)
    new = command("keys", "rotate", old["id"], "--overlap", "0")[1]
    [listed] = command("keys", "list", "--user", ANN)[1]
    assert listed["id"] == new["id"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("00000000-0000-0000-0000-000000000001",), 4),
        (("nonsense",), 2),
        ((), 2),
        (("ID", "--overlap", "soon"), 2),
        (("ID", "--overlap", "-1h"), 2),
        (("ID", "--overlap", "31d"), 2),
        (("ID", "--overlap", "99999w"), 2),
    ],
)
def test_a_rotation_that_cannot_be_says_so(
    command: Command, arguments: tuple[str, ...], code: int
) -> None:
    created(command, ANN)
    id = made(command)["id"]
    named = [id if each == "ID" else each for each in arguments]
    assert command("keys", "rotate", *named)[0] == code
    assert len(command("keys", "list", "--user", ANN)[1]) == 1


def test_pruning_says_how_many_are_gone(command: Command) -> None:
    created(command, ANN)
    command("keys", "revoke", made(command)["id"])
    assert command("keys", "prune")[1] == {"deleted": 0}
    for span in ("0d", "later", ""):
        assert command("keys", "prune", f"--older-than={span}")[0] == 2


def test_a_service_is_made_without_a_password_and_has_keys(command: Command) -> None:
    assert command("roles", "create", "editor", "--allow", "books:*")[0] == 0
    code, user, err = command("users", "create", SERVICE, "--service", "--role", "editor")
    assert code == 0, err
    assert (user["is_service"], user["is_superuser"], user["roles"]) == (True, False, ["editor"])
    assert "password" not in user
    code, key, _ = command(
        "keys", "create", "--user", SERVICE, "--name", "ci", "--scope", "books:read"
    )
    assert (code, key["scopes"]) == (0, ["books:read"])
    assert command("users", "list")[1] == [user]
    assert command("users", "create", SERVICE, "--service")[0] == 5
    assert command("users", "set-password", SERVICE, "--generate")[0] == 5


@pytest.mark.parametrize(
    "more", [("--superuser",), ("--generate",), ("--password-stdin",), ("--password-file", "x")]
)
def test_a_service_is_no_superuser_and_takes_no_password(
    command: Command, more: tuple[str, ...]
) -> None:
    assert command("users", "create", SERVICE, "--service", *more, stdin="password")[0] == 2
    assert command("users", "list")[1] == []
