"""Roles as code from a shell: what would be done, doing it, and writing it down."""

import contextlib
import json
import os
import sqlite3
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from tests.auth.conftest import Command, created

FILE = """
[roles.reader]
permissions = ["books:read"]

[roles.editor]
permissions = ["books:write"]
includes = ["reader"]
"""
SQLITE = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
POSTGRES = pytest.mark.parametrize("databases", ["postgresql"], indirect=True)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file that the verbs take where none is named."""
    path = tmp_path / "roles.toml"
    path.write_text(FILE)
    return path


@SQLITE
def test_plan_ends_with_3_until_the_file_is_applied(roles: Command, file: Path) -> None:
    code, answer, _ = roles("plan")
    assert (code, answer["pending"]) == (3, True)
    assert answer["changes"][0] == {"change": "create", "role": "editor"}
    assert roles("apply")[:2] == (0, answer | {"changed": True, "pending": False})
    code, answer, _ = roles("plan")
    assert (code, answer["pending"], answer["changes"]) == (0, False, [])
    assert roles("apply")[1]["changed"] is False


@SQLITE
def test_a_person_reads_what_would_be_done(roles: Command, file: Path) -> None:
    roles("create", "old")
    code, out, err = roles("plan", as_json=False)
    assert code == 3
    assert out.splitlines() == [
        "+ role editor",
        "    + books:write",
        "    + includes reader",
        "+ role reader",
        "    + books:read",
        "",
        "2 roles to create",
    ]
    assert err == "not in the file, and left alone without --prune: the role old\n"


@SQLITE
def test_pruning_asks_and_without_a_terminal_wants_yes(roles: Command, file: Path) -> None:
    roles("apply")
    file.write_text("[roles.reader]\npermissions = ['books:read']")
    assert roles("apply")[1]["unnamed"] == ["editor"]
    assert roles("plan", "--prune")[0] == 3
    code, _, err = roles("apply", "--prune")
    assert (code, "Delete the role editor, and take it from everybody?" in err) == (2, True)
    assert "add --yes" in err
    assert [each["name"] for each in roles("list")[1]] == ["editor", "reader"]
    assert roles("apply", "--prune", "--yes")[0] == 0
    assert [each["name"] for each in roles("list")[1]] == ["reader"]


@SQLITE
def test_a_dry_run_of_apply_changes_nothing(roles: Command, file: Path) -> None:
    assert roles("apply", "--dry-run")[0] == 3
    assert roles("list")[1] == []
    assert roles("plan", "--dry-run")[0] == 3


@SQLITE
@pytest.mark.parametrize("name", ["out.toml", "out.yaml"])
def test_what_is_exported_is_planned_without_a_difference(
    roles: Command, command: Command, file: Path, name: str
) -> None:
    created(command)
    roles("apply")
    roles("grant", "editor", "ann@example.com", "--expires", "30d")
    assert roles("export", "--holders", "-o", name)[0] == 0
    first = (file.parent / name).read_text()
    assert roles("plan", name, "--prune")[:2][0] == 0
    roles("delete", "editor", "-y")
    assert roles("apply", name)[0] == 0
    roles("export", "--holders", "-o", name)
    assert (file.parent / name).read_text() == first
    assert roles("export", as_json=False)[1] == (
        '[roles.editor]\npermissions = ["books:write"]\nincludes = ["reader"]\n\n'
        '[roles.reader]\npermissions = ["books:read"]\n'
    )


@SQLITE
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("plan", "none.toml"), 4),
        (("plan", "."), 2),
        (("plan", "--format", "ini"), 2),
        (("apply", "bad.toml"), 2),
        (("export", "-o", "no/such/folder"), 2),
        (("show", "nobody"), 4),
        (("deny", "nobody", "books:read"), 4),
        (("deny", "nobody", "nonsense"), 2),
        (("exclude", "nobody", "reader"), 4),
        (("delete", "nobody"), 4),
        (("matrix", "--role", "nobody"), 4),
        (("ensure", "a@b"), 2),
        (("ensure", "new", "--allow", "boks:read"), 2),
        (("ensure", "new", "--include", "nobody"), 4),
        (("export", "--dry-run"), 2),
    ],
)
def test_wrong_usage_is_refused_and_changes_nothing(
    roles: Command, tmp_path: Path, arguments: tuple[str, ...], code: int
) -> None:
    (tmp_path / "bad.toml").write_text("[roles.a]\npermissions = ['boks:read']")
    found, out, err = roles(*arguments)
    assert (found, out) == (code, "")
    assert "Traceback" not in err
    assert roles("list")[1] == []


@POSTGRES
def test_a_postgresql_role_that_may_only_read_the_tables_of_roles_can_plan(
    roles: Command, command: Command, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    created(command)
    file.write_text(FILE + 'holders = ["ann@example.com"]\n[users."ann@example.com"]\n')
    url = make_url(os.environ["BACKOFFICE_DATABASE_URL"])
    with psycopg.connect(url.set(drivername="postgresql").render_as_string(False)) as connection:
        for statement in (
            "DROP ROLE IF EXISTS planner",
            "CREATE ROLE planner LOGIN PASSWORD 'p'",
            "GRANT SELECT ON backoffice_role, backoffice_role_permission, "
            "backoffice_role_inclusion, backoffice_user_role, backoffice_user_permission "
            "TO planner",
            "GRANT SELECT (id, email, is_active, is_superuser, is_service, locked_until) "
            "ON backoffice_user TO planner",
        ):
            connection.execute(statement)
    own = os.environ["BACKOFFICE_DATABASE_URL"]
    reader = url.set(username="planner", password="p").render_as_string(False)
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", reader)
    code, planned, err = roles("plan")
    assert (code, len(planned["changes"])) == (3, 6), err
    assert roles("export", "--holders")[:2] == (0, {"roles": {}})
    code, _, err = roles("apply")
    assert (code, json.loads(err)["error"]["code"]) == (6, "database_refuses")
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", own)
    assert roles("list")[1] == []
    with psycopg.connect(url.set(drivername="postgresql").render_as_string(False)) as connection:
        connection.execute("DROP OWNED BY planner")
        connection.execute("DROP ROLE planner")


@SQLITE
def test_a_file_that_nobody_may_write_to_can_be_planned(
    roles: Command, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roles("create", "old")
    url = os.environ["BACKOFFICE_DATABASE_URL"].removeprefix("sqlite+aiosqlite:///")
    with contextlib.closing(sqlite3.connect(url)) as connection:
        # Whoever opens it to write would ask for a log beside it, which cannot be had.
        connection.execute("PRAGMA journal_mode = DELETE")
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", f"sqlite:///file:{url}?mode=ro&uri=true")
    code, planned, err = roles("plan", "--prune")
    assert (code, len(planned["changes"])) == (3, 6), err
    assert roles("apply")[0] == 6


@SQLITE
def test_the_tables_that_are_missing_are_asked_for(
    roles: Command, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", f"sqlite:///{tmp_path}/empty.db")
    code, _, err = roles("plan")
    assert (code, json.loads(err)["error"]["code"]) == (6, "database_unavailable")
    (tmp_path / "empty.db").touch()
    code, _, err = roles("plan")
    assert (code, json.loads(err)["error"]["code"]) == (6, "not_migrated")
