"""Accounts looked for, shown and changed from a shell; every change says whether it was one."""

from datetime import datetime, timedelta
from typing import Any

from tests.auth.conftest import PASSWORD, Command, created

ANN, BOB = "ann@example.com", "bob@example.com"


def emails(command: Command, *arguments: str) -> list[str]:
    code, found, _ = command("users", "list", *arguments)
    assert code == 0
    return [each["email"] for each in found]


def does(command: Command, *arguments: str, stdin: str = "") -> Any:
    """The answer of a command that was done."""
    code, answer, err = command(*arguments, stdin=stdin)
    assert code == 0, err
    return answer


def test_accounts_are_looked_for_by_what_is_known_of_them(command: Command) -> None:
    does(command, "roles", "create", "clerk")
    created(command, ANN, "--superuser")
    created(command, BOB, "--role", "clerk")
    does(command, "users", "create", "bot@example.org", "--service")
    does(command, "users", "deactivate", BOB)
    assert emails(command) == [ANN, BOB, "bot@example.org"]
    assert emails(command, "--role", "clerk") == [BOB]
    assert emails(command, "--active") == [ANN, "bot@example.org"]
    assert emails(command, "--inactive") == [BOB]
    assert emails(command, "--superuser") == [ANN]
    assert emails(command, "--no-superuser", "--active") == ["bot@example.org"]
    assert emails(command, "--search", "EXAMPLE.COM") == [ANN, BOB]
    assert emails(command, "--search", "%") == []
    assert command("users", "list", "--role", "nobody")[0] == 4


def test_a_list_goes_on_where_the_page_before_ended(command: Command) -> None:
    for name in "abc":
        created(command, f"{name}@example.com")
    code, found, told = command("users", "list", "--limit", "2")
    assert [each["email"] for each in found] == ["a@example.com", "b@example.com"]
    assert "--after b@example.com" in told
    assert "--after" not in command("users", "list", "--limit", "2", "--quiet")[2]
    code, found, told = command("users", "list", "--limit", "2", "--after", "b@example.com")
    assert (code, [each["email"] for each in found], told) == (0, ["c@example.com"], "")


def test_an_account_is_shown_with_all_that_it_was_given(command: Command) -> None:
    ann = created(command)
    does(command, "roles", "create", "clerk", "--allow", "books:read")
    does(command, "users", "grant", ANN, "clerk", "--expires", "2h")
    does(command, "users", "grant", ANN, "books:write")
    does(command, "keys", "create", "--user", ANN, "--name", "ci")
    for written in (ANN, ann["id"].upper()):
        shown = does(command, "users", "show", written)
        assert (shown["email"], shown["roles"], shown["keys"]) == (ANN, ["clerk"], 1)
        assert shown["permissions"] == ["books:read", "books:write"]
        assert shown["grants"] == {"books:write": None}
        until = datetime.fromisoformat(shown["roles_until"]["clerk"])
        assert timedelta(0) < until - datetime.now(until.tzinfo) <= timedelta(hours=2)
        assert "argon2" not in str(shown)
    text = command("users", "show", ANN, as_json=False)[1]
    assert "books:read, books:write" in text
    assert command("users", "show", "nobody@example.com")[0] == 4
    assert command("users", "show", "nobody")[0] == 4


def test_what_is_changed_is_named_and_what_is_so_already_is_not(command: Command) -> None:
    created(command, "root@example.com", "--superuser")
    created(command)
    for verb, changes in (
        ("deactivate", ["is_active"]),
        ("deactivate", []),
        ("activate", ["is_active"]),
        ("activate", []),
        ("unlock", None),
    ):
        answer = does(command, "users", verb, ANN)
        assert (answer["changed"], answer.get("changes")) == (bool(changes), changes)
    update = ("users", "update", ANN)
    answer = does(command, *update, "--email", "Anna@example.com", "--verified")
    assert (answer["email"], answer["changes"]) == ("anna@example.com", ["email", "is_verified"])
    assert does(command, "users", "update", "anna@example.com", "--verified")["changed"] is False
    assert does(command, "users", "update", "anna@example.com", "--superuser")["is_superuser"]


REFUSED = [
    (2, ("update", "root@example.com")),
    (2, ("update", "root@example.com", "--email", "no address")),
    (5, ("update", "root@example.com", "--email", ANN)),
    (5, ("update", "root@example.com", "--no-superuser")),
    (5, ("deactivate", "root@example.com")),
    (5, ("delete", "root@example.com", "--yes")),
    (2, ("delete", ANN)),
    (4, ("delete", "nobody@example.com", "--yes")),
    (4, ("unlock", "nobody@example.com")),
    (4, ("activate", "00000000-0000-0000-0000-000000000000")),
    (2, ("grant", ANN)),
    (2, ("grant", ANN, "clerk", "--role", "clerk")),
    (4, ("grant", ANN, "clerk")),
    (4, ("grant", ANN, "--role", "books:read")),
    (2, ("grant", ANN, "bokks:read")),
    (2, ("grant", ANN, "books:read", "--expires", "soon")),
    (4, ("revoke", ANN, "clerk")),
    (5, ("ensure", ANN, "--service")),
    (2, ("ensure", "bot@example.com", "--service", "--generate")),
    (2, ("ensure", "new@example.com")),
    (4, ("ensure", ANN, "--role", "clerk")),
    (2, ("list", "--limit", "0")),
]


def test_what_cannot_be_done_changes_nothing(command: Command) -> None:
    created(command, "root@example.com", "--superuser")
    created(command)
    before = command("users", "list")[1]
    for code, arguments in REFUSED:
        assert command("users", *arguments)[:2] == (code, ""), arguments
    assert command("users", "list")[1] == before


def test_an_account_is_ensured_however_often_that_is_asked(command: Command) -> None:
    does(command, "roles", "create", "clerk")
    does(command, "roles", "create", "guest")
    ensure = ("users", "ensure", ANN, "--role", "clerk", "--verified")
    first = does(command, *ensure, "--generate")
    assert (first["changed"], first["created"], len(first["password"])) == (True, True, 24)
    again = does(command, *ensure, "--generate")
    assert (again["changed"], again["created"], again["changes"]) == (False, False, [])
    assert "password" not in again
    does(command, "users", "revoke", ANN, "clerk")
    does(command, "users", "grant", ANN, "guest")
    mended = does(command, *ensure, "--inactive")
    assert mended["changes"] == ["is_active", "role clerk"]
    [listed] = command("users", "list")[1]
    assert (listed["roles"], listed["is_active"], listed["is_verified"]) == (
        ["clerk", "guest"], False, True,
    )  # fmt: skip
    assert does(command, "users", "ensure", "bot@example.com", "--service")["is_service"]
    assert does(command, "users", "ensure", "bot@example.com", "--service")["changed"] is False


def test_permissions_and_roles_are_given_and_taken(command: Command) -> None:
    created(command)
    does(command, "roles", "create", "books:read-ers")
    for what in (["books:*"], ["--role", "books:read-ers"]):
        for verb, changed in (("grant", 1), ("grant", 0), ("revoke", 1), ("revoke", 0)):
            answer = does(command, "users", verb, ANN, *what)
            assert answer["changed"] is bool(changed)
            assert ("role" if "--role" in what else "permission") in answer
    answer = does(command, "users", "grant", ANN, "books:read", "--expires", "30d")
    assert answer["expires_at"] is not None


def test_deleting_asks_unless_it_is_told_not_to(command: Command) -> None:
    created(command)
    code, out, err = command("users", "delete", ANN)
    assert (code, out, "--yes" in err) == (2, "", True)
    assert does(command, "users", "delete", ANN, "--yes")["deleted"] is True
    assert emails(command) == []


REHEARSED = [
    (0, ("create", "new@example.com", "--generate")),
    (3, ("ensure", "new@example.com", "--generate")),
    (3, ("ensure", ANN, "--role", "clerk", "--verified")),
    (0, ("ensure", ANN)),
    (3, ("update", ANN, "--email", "new@example.com")),
    (0, ("activate", ANN)),
    (3, ("deactivate", ANN)),
    (0, ("unlock", ANN)),
    (0, ("delete", ANN)),
    (0, ("set-password", ANN, "--generate")),
    (3, ("grant", ANN, "books:read")),
    (3, ("grant", ANN, "clerk")),
    (0, ("revoke", ANN, "clerk")),
    (5, ("create", ANN, "--generate")),
    (2, ("grant", ANN, "bokks:read")),
]
LOOKS = (("users", "list"), ("users", "show", ANN), ("audit", "list"))


def test_a_dry_run_tells_what_would_come_of_it(command: Command) -> None:
    created(command)
    does(command, "roles", "create", "clerk")
    before = [command(*each)[1] for each in LOOKS]
    for code, arguments in REHEARSED:
        ended, answer, told = command("users", *arguments, "--dry-run")
        assert ended == code, told
        if code in (0, 3):
            assert (answer["dry_run"], "password" in answer) == (True, False), arguments
    assert [command(*each)[1] for each in LOOKS] == before


def test_a_change_is_told_to_the_audit_log_with_who_typed_it(command: Command) -> None:
    created(command)
    does(command, "users", "deactivate", ANN)
    does(command, "users", "grant", ANN, "books:read")
    entries = does(command, "audit", "list")
    assert [each["event"] for each in entries][:2] == [
        "auth.permission_granted",
        "auth.user_changed",
    ]
    assert all(each["actor"].startswith("cli:") for each in entries)
    assert PASSWORD not in str(entries)
