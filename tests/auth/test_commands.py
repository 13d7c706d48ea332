"""Accounts from a shell: data on stdout, talk on stderr, passwords never as an argument."""

import json
import uuid
from pathlib import Path

import pytest

from tests.auth.conftest import PASSWORD, Command, created


def test_creating_a_user_prints_it_with_its_id_and_no_hash(command: Command) -> None:
    user = created(command)
    assert uuid.UUID(user["id"])
    assert (user["email"], user["is_superuser"]) == ("ann@example.com", False)
    assert "argon2" not in json.dumps(user)
    assert command("users", "list")[1] == [user]


def test_a_superuser_with_roles_is_made_at_once(command: Command) -> None:
    assert command("roles", "create", "editor", "--allow", "books:*")[0] == 0
    user = created(command, "root@example.com", "--superuser", "--role", "editor")
    assert (user["is_superuser"], user["roles"]) == (True, ["editor"])


def test_a_role_that_does_not_exist_leaves_no_half_account(command: Command) -> None:
    code, _, err = command(
        "users", "create", "a@example.com", "--role", "x", "--password-stdin", stdin=PASSWORD
    )
    assert (code, json.loads(err)["error"]["code"]) == (4, "not_found")
    assert command("users", "list")[1] == []


def test_a_taken_address_is_a_conflict(command: Command) -> None:
    created(command)
    code, out, err = command(
        "users", "create", "ANN@example.com", "--password-stdin", stdin=PASSWORD
    )
    assert (code, out, json.loads(err)["error"]["code"]) == (5, "", "email_taken")


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (("ann@example.com", "--password-stdin"), ""),
        (("ann@example.com", "--password-stdin"), "short\n"),
        (("ann@example.com", "--password-stdin", "--generate"), PASSWORD),
        (("ann@example.com", "--password-file", "/no/such/file"), ""),
        (("ann@example.com",), ""),
        (("no address", "--generate"), ""),
        (("ann@example.com", "--password", PASSWORD), ""),
        ((), ""),
    ],
)
def test_wrong_usage_ends_with_2_and_makes_nothing(
    command: Command, arguments: tuple[str, ...], stdin: str
) -> None:
    assert command("users", "create", *arguments, stdin=stdin)[0] == 2
    assert command("users", "list")[1] == []


def test_a_password_can_be_generated_read_from_a_file_or_from_the_environment(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generated = command("users", "create", "a@example.com", "--generate")[1]
    assert len(generated["password"]) == 24
    (tmp_path / "password").write_text(PASSWORD + "\n")
    assert command("users", "create", "b@example.com", "--password-file", "password")[0] == 0
    monkeypatch.setenv("BACKOFFICE_PASSWORD", PASSWORD)
    assert command("users", "create", "c@example.com")[0] == 0


def test_setting_a_password(command: Command) -> None:
    created(command)
    arguments = ("users", "set-password", "ann@example.com", "--password-stdin")
    assert command(*arguments, stdin="another password")[0] == 0
    assert command(*arguments, stdin="short")[0] == 2
    code, _, err = command(
        "users", "set-password", "nobody@example.com", "--password-stdin", stdin=PASSWORD
    )
    assert (code, json.loads(err)["error"]["code"]) == (4, "not_found")


def test_roles_are_created_allowed_granted_and_listed(command: Command) -> None:
    created(command)
    assert command("roles", "create", "editor")[0] == 0
    assert command("roles", "create", "editor")[0] == 5
    assert command("roles", "allow", "editor", "books:read", "books:write")[1]["changed"] is True
    assert command("roles", "allow", "editor", "books:read")[1]["changed"] is False
    assert command("roles", "allow", "editor", "nonsense")[0] == 2
    assert command("roles", "allow", "nobody", "books:read")[0] == 4
    assert command("roles", "grant", "editor", "ann@example.com")[1]["changed"] is True
    assert command("roles", "grant", "editor", "ann@example.com")[1]["changed"] is False
    assert command("roles", "grant", "editor", "nobody@example.com")[0] == 4
    assert command("roles", "grant", "ann@example.com", "editor")[1]["changed"] is False
    [role] = command("roles", "list")[1]
    assert (role["name"], role["permissions"]) == ("editor", ["books:read", "books:write"])
    assert command("users", "list")[1][0]["roles"] == ["editor"]


def test_a_user_is_given_a_role_and_it_is_taken_again(command: Command) -> None:
    created(command)
    command("roles", "create", "editor")
    for verb, changed in (("grant", True), ("grant", False), ("revoke", True), ("revoke", False)):
        assert command("users", verb, "ann@example.com", "editor")[1]["changed"] is changed
    assert command("users", "grant", "ann@example.com", "nobody")[0] == 4
    assert command("roles", "create", "ann@example.com")[0] == 2


def test_a_key_is_shown_once_and_revoked_by_its_id(command: Command) -> None:
    created(command, "ann@example.com", "--superuser")
    code, made, err = command(
        "keys", "create", "--user", "ann@example.com", "--name", "ci", "--scope", "books:read",
        "--expires", "30d",
    )  # fmt: skip
    assert code == 0
    assert made["key"].startswith("bo_")
    assert made["key"] not in err
    [listed] = command("keys", "list", "--user", "ann@example.com")[1]
    assert listed["id"] == made["id"]
    assert "key" not in listed
    assert command("keys", "revoke", made["id"])[0] == 0
    assert command("keys", "list", "--user", "ann@example.com")[1] == []
    assert command("keys", "revoke", str(uuid.uuid4()))[0] == 4
    assert command("keys", "revoke", "nonsense")[0] == 2


@pytest.mark.parametrize("expires", ["soon", "0d", "-1d", "1y", "999999d", ""])
def test_a_span_that_is_none_is_refused(command: Command, expires: str) -> None:
    created(command)
    code, _, _ = command(
        "keys", "create", "--user", "ann@example.com", "--name", "x", f"--expires={expires}"
    )
    assert code == 2


def test_tables_are_for_people(command: Command) -> None:
    created(command)
    _, out, _ = command("users", "list", as_json=False)
    assert [line.split()[1] for line in out.splitlines()] == ["EMAIL", "ann@example.com"]


def test_an_app_without_accounts_says_what_to_add(command: Command) -> None:
    code, _, err = command("users", "list", "--app", "main:bare")
    assert code == 4
    assert "include_router(auth.router" in err


def test_a_database_that_is_not_there_is_6(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", "postgresql://127.0.0.1:1/none")
    code, out, err = command("users", "list")
    assert (code, out, json.loads(err)["error"]["code"]) == (6, "", "database_unavailable")


def test_doctor_asks_for_a_superuser(command: Command) -> None:
    found = {each["id"]: each for each in command("doctor")[1]}
    assert found["auth.superuser"]["level"] == "warning"
    created(command, "root@example.com", "--superuser")
    found = {each["id"]: each for each in command("doctor")[1]}
    assert found["auth.superuser"]["level"] == "ok"
    assert command("doctor", "--app", "main:bare", "--fail-on", "warning")[0] == 1
