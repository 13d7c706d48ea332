"""`backoffice migrate`, as it is typed: answers on stdout, talk on stderr, exit codes."""

from pathlib import Path
from typing import Any

import pytest

from tests.migrations.answers import Type, typing
from tests.migrations.projects import (
    BINARIES,
    SAMPLE,
    Look,
    Shop,
    create_table,
    install,
    run,
)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that holds the metadata of a package with the sample's histories."""
    site = install(tmp_path / "site", library="library", lending="lending")
    monkeypatch.syspath_prepend(SAMPLE)
    monkeypatch.syspath_prepend(site)
    return site


@pytest.fixture
def backoffice(
    site: Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Type:
    """Types `backoffice ...` in this process, on the test's database."""
    return typing(database_url, monkeypatch, capsys)


def test_a_database_is_brought_to_the_present_with_no_app_at_all(
    site: Path, tmp_path: Path, database_url: str, look: Look
) -> None:
    command = [str(BINARIES / "backoffice"), "migrate", "up"]
    said = run(command, tmp_path, database_url, site, SAMPLE)
    assert "library: library_0001 Shelves and the volumes on them ... done" in said
    assert {"backoffice_user", "backoffice_loan"} <= look.tables()


def test_up_says_what_it_applied(backoffice: Type) -> None:
    answer = backoffice("migrate", "up", "--json")
    assert answer.code == 0
    applied = [each for each in answer.data["applied"] if each["history"] == "lending"]
    assert applied == [
        {"history": "lending", "revision": "lending_0001", "doc": "Loans of volumes"}
    ]
    assert "lending: lending_0001 Loans of volumes ... done" in answer.err
    assert backoffice("migrate", "up", "--json").data == {"applied": []}


def test_a_dry_run_lists_what_is_pending_and_does_nothing(backoffice: Type, look: Look) -> None:
    answer = backoffice("migrate", "up", "--dry-run")
    assert answer.code == 0
    assert "lending: lending_0001 Loans of volumes\n" in answer.out
    assert look.tables() == set()
    backoffice("migrate", "up")
    assert backoffice("migrate", "up", "--dry-run").out == "already at the present\n"


def test_quietly_only_the_answer_is_told(backoffice: Type) -> None:
    answer = backoffice("migrate", "up", "--quiet", "--json")
    assert (answer.code, answer.err) == (0, "")
    assert answer.data["applied"]


def test_the_sql_is_what_up_would_run(
    backoffice: Type, look: Look, database_url: str, shop: Shop, monkeypatch: Any
) -> None:
    monkeypatch.chdir(shop.folder)
    backoffice("migrate", "up")
    shop.revision("shop_2", "shop_1", create_table("author"))
    look.execute("DROP TABLE alembic_version_backoffice_lending", "DROP TABLE backoffice_loan")
    answer = backoffice("migrate", "up", "--sql")
    assert answer.code == 0
    assert [line for line in answer.out.splitlines() if line.startswith("CREATE TABLE")] == [
        "CREATE TABLE alembic_version_backoffice_lending (",
        "CREATE TABLE backoffice_loan (",
        "CREATE TABLE author (",
    ]
    assert "backoffice_loan" not in look.tables()
    look.execute(*statements(answer.out))
    assert backoffice("migrate", "up").out == "already at the present\n"


def statements(script: str) -> list[str]:
    lines = [line for line in script.splitlines() if not line.startswith(("--", "BEGIN", "COMMIT"))]
    return [each for each in "\n".join(lines).split(";") if each.strip()]


def test_sql_that_needs_a_database_is_refused(backoffice: Type, database_url: str) -> None:
    answer = backoffice("migrate", "up", "--sql")
    if database_url.startswith("postgresql"):
        assert (answer.code, "ALTER COLUMN name SET NOT NULL" in answer.out) == (0, True)
    else:
        assert answer.code == 6
        assert "library_0003" in answer.err


def test_status_shows_each_history_and_exits_with_3_when_something_is_pending(
    backoffice: Type, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop.folder)
    answer = backoffice("migrate", "status", "--json")
    assert answer.code == 3
    states = {each["history"]: each["state"] for each in answer.data}
    assert states == dict.fromkeys(
        ("admin", "auth", "core", "lending", "library", "app"), "pending"
    )
    assert "app: shop_1 shop_1" in backoffice("migrate", "status").out
    backoffice("migrate", "up")
    answer = backoffice("migrate", "status", "--json")
    assert answer.code == 0
    assert answer.data[-1] == {
        "history": "app",
        "state": "present",
        "current": ["shop_1"],
        "heads": ["shop_1"],
        "pending": [],
    }


def test_check_is_silent_on_stdout_and_tells_by_its_exit_code(backoffice: Type, look: Look) -> None:
    answer = backoffice("migrate", "check")
    assert (answer.code, answer.out) == (3, "")
    assert "library: pending, at -, head library_0003" in answer.err
    backoffice("migrate", "up")
    assert backoffice("migrate", "check").code == 0
    look.execute("UPDATE alembic_version_backoffice_library SET version_num = 'library_0099'")
    assert backoffice("migrate", "check").code == 5


def test_a_refusal_is_one_line_and_the_rest_is_done(backoffice: Type, look: Look) -> None:
    backoffice("migrate", "up")
    look.execute(
        "UPDATE alembic_version_backoffice_library SET version_num = 'library_0099'",
        "DROP TABLE backoffice_loan",
        "DELETE FROM alembic_version_backoffice_lending",
    )
    answer = backoffice("migrate", "up")
    assert answer.code == 5
    assert answer.err.splitlines()[-1].startswith("error: library: the database is at revision")
    assert "backoffice_loan" in look.tables()


def test_what_an_env_prints_is_no_answer(
    backoffice: Type, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop.folder)
    shop.edit("alembic/env.py", "target_metadata = None", "print('hello')\ntarget_metadata = None")
    answer = backoffice("migrate", "status", "--json")
    assert answer.data
    assert "hello" in answer.err


@pytest.mark.parametrize(
    ("url", "code", "told"),
    [
        ("mysql://host/name", 2, "runs on sqlite:///... and postgresql://..."),
        ("nonsense", 2, "is not a database URL"),
        ("postgresql://me:secret@127.0.0.1:1/name", 6, "does not answer"),
        ("sqlite:///no/such/folder/shop.db", 6, "cannot be written"),
    ],
)
def test_an_address_that_is_of_no_use_is_told_in_one_line(
    backoffice: Type, monkeypatch: pytest.MonkeyPatch, url: str, code: int, told: str
) -> None:
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", url)
    answer = backoffice("migrate", "up")
    assert (answer.code, answer.out) == (code, "")
    assert told in answer.err.splitlines()[-1]
    assert "secret" not in answer.err
