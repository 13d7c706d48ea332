"""Roles one by one from a shell, and which of them allows what."""

import csv
import io

import pytest

from tests.auth.conftest import Command, created

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)


def test_ensure_makes_a_role_once_and_adds_what_it_lacks(roles: Command) -> None:
    roles("create", "reader", "--allow", "books:read")
    asked = ("ensure", "editor", "--allow", "books:write", "--include", "reader")
    code, made, _ = roles(*asked, "--description", "Edits")
    assert (code, made["created"], made["changed"]) == (0, True, True)
    assert (made["permissions"], made["includes"]) == (["books:write"], ["reader"])
    assert roles(*asked)[1] == made | {"created": False, "changed": False}
    code, more, _ = roles("ensure", "editor", "--allow", "books:delete")
    assert (more["created"], more["changed"], more["description"]) == (False, True, "Edits")
    assert more["permissions"] == ["books:delete", "books:write"]


def test_a_dry_run_of_any_change_ends_with_3_and_changes_nothing(roles: Command) -> None:
    roles("create", "reader", "--allow", "books:read")
    roles("create", "editor", "--include", "reader")
    before = roles("list")[1]
    for asked in (
        ("ensure", "new", "--allow", "books:read"),
        ("allow", "reader", "books:write"),
        ("deny", "reader", "books:read"),
        ("include", "reader", "nobody"),
        ("exclude", "editor", "reader"),
        ("delete", "editor"),
        ("create", "new"),
    ):
        code, _, _ = roles(*asked, "--dry-run")
        assert code == {"include": 4, "delete": 0, "create": 0}.get(asked[0], 3), asked
    assert roles("list")[1] == before


def test_deny_tells_what_a_role_allows_all_the_same(roles: Command) -> None:
    roles("create", "reader", "--allow", "books:read")
    roles("create", "editor", "--allow", "books:read", "--include", "reader")
    code, answer, err = roles("deny", "editor", "books:read")
    assert (code, answer["removed"], answer["left"]) == (0, ["books:read"], ["books:read"])
    assert "editor still allows books:read" in err
    assert roles("exclude", "editor", "reader")[1]["removed"] == ["reader"]
    code, answer, _ = roles("deny", "editor", "books:read")
    assert (answer["changed"], answer["left"]) == (False, [])


def test_what_is_taken_from_a_role_is_logged_as_that(roles: Command, command: Command) -> None:
    roles("create", "reader")
    roles("create", "editor", "--allow", "books:read", "--allow", "books:write")
    roles("include", "editor", "reader")
    roles("deny", "editor", "books:read")
    roles("exclude", "editor", "reader")
    told = [each["data"]["change"] for each in command("audit", "list")[1]]
    assert sorted(told) == [
        "created",
        "created",
        "denied books:read",
        "excludes reader",
        "includes reader",
    ]


def test_a_circle_is_a_conflict(roles: Command) -> None:
    roles("create", "a")
    roles("create", "b", "--include", "a")
    assert roles("include", "a", "b")[0] == 5
    assert roles("include", "b", "a")[1]["changed"] is False


def test_a_role_is_shown_with_all_that_it_allows(roles: Command, command: Command) -> None:
    created(command)
    roles("create", "reader", "--allow", "books:read")
    roles("create", "editor", "--allow", "orders:*", "--include", "reader")
    roles("grant", "editor", "ann@example.com")
    shown = roles("show", "editor")[1]
    assert (shown["allows"], shown["held_by"]) == (["books:read", "orders:*"], 1)
    assert (shown["includes"], shown["included_by"]) == (["reader"], [])
    assert roles("show", "reader")[1]["included_by"] == ["editor"]
    assert "held_by      1" in roles("show", "editor", as_json=False)[1]


def test_deleting_asks_and_keeps_the_last_administrator(roles: Command, command: Command) -> None:
    created(command)
    roles("create", "admin", "--allow", "*")
    roles("grant", "admin", "ann@example.com")
    assert roles("delete", "admin")[0] == 2
    for asked in (("delete", "admin", "--yes"), ("deny", "admin", "*")):
        code, _, err = roles(*asked)
        assert (code, "last_administrator" in err) == (5, True)
    created(command, "root@example.com", "--superuser")
    assert roles("delete", "admin", "--yes")[:2] == (
        0,
        {"name": "admin", "deleted": True, "held_by": 1},
    )


def test_the_matrix_has_each_role_and_each_permission(roles: Command) -> None:
    roles("create", "reader", "--allow", "books:read")
    roles("create", "=editor", "--allow", "orders:*", "--include", "reader")
    [editor, reader] = roles("matrix")[1]
    assert (editor["role"], reader["role"]) == ("=editor", "reader")
    assert editor["allows"] == {"books:read": "included", "orders:refund": "own"}
    lines = roles("matrix", as_json=False)[1].splitlines()
    assert lines[0].split() == ["PERMISSION", "=editor", "reader"]
    assert [each.split() for each in lines if each.startswith(("books", "orders"))] == [
        ["books:delete", ".", "."],
        ["books:read", "i", "x"],
        ["books:write", ".", "."],
        ["orders:refund", "x", "."],
    ]
    rows = list(csv.reader(io.StringIO(roles("matrix", "--csv", as_json=False)[1])))
    # No spreadsheet shall take the name for a formula.
    assert rows[0] == ["permission", "'=editor", "reader"]
    assert ["books:read", "included", "own"] in rows
    assert [each["role"] for each in roles("matrix", "--role", "reader")[1]] == ["reader"]
