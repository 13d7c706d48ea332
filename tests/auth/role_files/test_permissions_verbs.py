"""What there is to be allowed, who may do it, and why somebody may or may not."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from tests.auth.conftest import Command, created

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
Explain = Callable[..., tuple[int, Any]]


@pytest.fixture
def explain(roles: Command, command: Command) -> Explain:
    """Of Ann, who holds the role editor, which includes reader."""
    created(command)
    roles("create", "reader", "--allow", "books:read")
    roles("create", "editor", "--allow", "books:write", "--include", "reader")
    roles("grant", "editor", "ann@example.com")

    def run(permission: str, *more: str, user: str = "ann@example.com") -> tuple[int, Any]:
        code, answer, err = command("permissions", "explain", user, permission, *more)
        return code, answer or err

    return run


def reasons(answer: Any) -> list[str]:
    return [each["code"] for each in answer["reasons"]]


def change(statement: str, **values: object) -> None:
    """What no command does at will: the passing of time, a permission that the code lost."""

    engine = create_engine(os.environ["BACKOFFICE_DATABASE_URL"].replace("+aiosqlite", ""))
    with engine.begin() as connection:
        assert connection.execute(text(statement), values).rowcount
    engine.dispose()


def test_the_chain_of_roles_that_grants_is_told(explain: Explain, command: Command) -> None:
    code, answer = explain("books:read")
    assert (code, answer["allowed"], answer["reasons"]) == (0, True, [])
    assert answer["ways"] == [
        {
            "kind": "role",
            "granted": "books:read",
            "roles": ["editor", "reader"],
            "expires_at": None,
        }
    ]
    asked = ("permissions", "explain", answer["id"], "books:read")
    _, out, _ = command(*asked, as_json=False)
    assert out == (
        "yes: ann@example.com may books:read\n  by role editor > reader, which has books:read\n"
    )


def test_a_superuser_may_by_being_one(explain: Explain, command: Command) -> None:
    created(command, "root@example.com", "--superuser")
    code, answer = explain("orders:refund", user="root@example.com")
    assert (code, [each["kind"] for each in answer["ways"]]) == (0, ["superuser"])


def test_what_no_role_of_theirs_has_names_the_nearest_that_has(
    explain: Explain, roles: Command
) -> None:
    code, answer = explain("orders:refund")
    assert (code, answer["nearest"], reasons(answer)) == (1, [], ["no_role"])
    roles("create", "all", "--allow", "orders:*", "--allow", "books:*")
    roles("create", "till", "--allow", "orders:refund")
    code, answer = explain("orders:refund")
    assert (code, answer["nearest"], reasons(answer)) == (1, ["till", "all"], ["not_granted"])


def test_a_direct_grant_tells_its_end_and_that_it_is_over(
    explain: Explain, roles: Command, command: Command
) -> None:
    Path("grants.toml").write_text(
        "[roles]\n[users.'ann@example.com']\n"
        "permissions = [{ permission = 'orders:*', expires = 2999-01-31T00:00:00Z }]"
    )
    assert roles("apply", "grants.toml")[0] == 0
    code, answer = explain("orders:refund")
    assert code == 0
    assert answer["ways"][0]["kind"] == "direct"
    assert answer["ways"][0]["expires_at"] == "2999-01-31T00:00:00+00:00"
    past = datetime.now(UTC) - timedelta(days=1)
    change("UPDATE backoffice_user_permission SET expires_at = :at", at=past.replace(tzinfo=None))
    change("UPDATE backoffice_user_role SET expires_at = :at", at=past.replace(tzinfo=None))
    assert reasons(explain("orders:refund")[1]) == ["expired", "no_role"]
    code, answer = explain("books:read")
    assert (code, reasons(answer)) == (1, ["expired", "not_granted"])
    assert answer["reasons"][0]["message"].startswith("the role editor ran out at ")


def test_an_account_that_is_deactivated_or_locked_may_nothing(explain: Explain) -> None:
    later = datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1)
    change("UPDATE backoffice_user SET is_active = 0, locked_until = :at", at=later)
    code, answer = explain("books:read")
    assert (code, answer["allowed"], reasons(answer)) == (1, False, ["inactive", "locked"])
    assert answer["ways"]


def test_a_key_is_kept_to_its_scopes_and_to_its_time(explain: Explain, command: Command) -> None:
    asked = ("keys", "create", "--user", "ann@example.com", "--name", "ci", "--scope", "books:read")
    _, key, _ = command(*asked)
    by = ("--key", key["prefix"])
    assert explain("books:read", *by)[0] == 0
    code, answer = explain("books:write", *by)
    assert (code, reasons(answer)) == (1, ["key_scope"])
    assert answer["reasons"][0]["message"] == "the key is kept to books:read"
    past = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=1)
    change("UPDATE backoffice_api_key SET expires_at = :at", at=past)
    assert reasons(explain("books:read", *by)[1]) == ["key_expired"]
    command("keys", "revoke", key["id"])
    assert reasons(explain("books:read", *by)[1]) == ["key_revoked"]
    code, err = explain("books:read", "--key", "bo_none")
    assert (code, "has no key" in err) == (4, True)
    code, err = explain("books:read", "--key", key["key"])
    assert (code, key["key"] in err) == (2, False)


@pytest.mark.parametrize(
    ("user", "permission", "code"),
    [
        ("ann@example.com", "boks:read", 2),
        ("ann@example.com", "nonsense", 2),
        ("nobody@example.com", "books:read", 4),
        ("00000000-0000-4000-8000-000000000000", "books:read", 4),
        ("nonsense", "books:read", 4),
    ],
)
def test_what_there_is_not_is_refused(
    explain: Explain, user: str, permission: str, code: int
) -> None:
    assert explain(permission, user=user)[0] == code


def test_who_can_gives_a_page_of_those_who_may_and_by_what(
    explain: Explain, roles: Command, command: Command
) -> None:
    created(command, "root@example.com", "--superuser")
    created(command, "eve@example.com")
    code, rows, err = command("permissions", "who-can", "books:read", "--limit", "1")
    assert (code, [each["email"] for each in rows]) == (0, ["ann@example.com"])
    assert rows[0]["by"] == "role editor > reader, which has books:read"
    assert "--after ann@example.com" in err
    rows = command("permissions", "who-can", "books:read", "--after", "ann@example.com")[1]
    assert [each["by"] for each in rows] == ["being a superuser"]
    code, _, err = command("permissions", "who-can", "boks:read")
    assert (code, "did you mean books:read?" in err) == (2, True)


def test_the_permissions_that_the_app_knows_are_listed(explain: Explain, command: Command) -> None:
    rows = {each["name"]: each for each in command("permissions", "list")[1]}
    assert rows["books:read"]["source"] == "auth.permission"
    assert rows["roles:change"]["description"]
