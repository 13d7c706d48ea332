"""`backoffice migrate lint`, as it is typed."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from backoffice.core.command import main
from tests.migrations.lint.revisions import write
from tests.migrations.projects import Look, Shop

INDEX = 'op.create_index("ix", "book", ["id"])'
#: Beside the stock template, which names no address.
CODES = {"clean": 0, "found": 1, "usage": 2, "missing": 4}


@dataclass
class Answer:
    """What the command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def found(self) -> list[tuple[str, str]]:
        """Each finding of --json: its revision and id."""
        return [(each["where"]["revision"], each["id"]) for each in json.loads(self.out)]


Lint = Callable[..., Answer]


@pytest.fixture
def lint(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Lint:
    """Types `backoffice migrate lint ...` in this process."""

    def type_in(*arguments: str) -> Answer:
        capsys.readouterr()
        monkeypatch.setattr("sys.argv", ["backoffice", "migrate", "lint", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Answer(int(ended.value.code or 0), said.out, said.err)

    return type_in


@pytest.fixture
def project(
    make_shop: Callable[..., Shop], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Shop:
    """An app with a history of four revisions, in whose folder we are."""
    shop = make_shop(f"sqlite:///{tmp_path}/shop.db")
    shop.revision("shop_2", "shop_1", INDEX)
    shop.revision("shop_3", "shop_2", 'op.drop_column("book", "id")')
    shop.revision("shop_4", "shop_3", 'op.create_table("author", sa.Column("id", sa.Integer()))')
    monkeypatch.chdir(shop.folder)
    return shop


def graver(answer: Answer) -> list[tuple[str, str]]:
    return [each for each in answer.found if each[1] not in ("BM501", "BM502")]


def test_the_whole_history_is_judged_for_postgresql_where_nothing_is_said(
    project: Shop, lint: Lint
) -> None:
    answer = lint("--json")
    assert answer.code == CODES["found"]
    assert [each for each in answer.found if each[1][2] in "14"] == [
        ("shop_2", "BM101"),
        ("shop_3", "BM401"),
    ]
    assert "PostgreSQL" in answer.err


def test_a_finding_says_where_why_and_what_to_do(project: Shop, lint: Lint) -> None:
    first, why, safe, *_ = lint().out.splitlines()
    assert first.startswith("alembic/versions/shop_2.py:11: BM101 error: index ix on book")
    assert why.strip().startswith("why: ")
    assert safe.strip().startswith("do:")


def test_since_leaves_out_what_comes_before(project: Shop, lint: Lint) -> None:
    answer = lint("--json", "--since", "shop_2")
    assert ("shop_3", "BM401") in answer.found
    assert "shop_2" not in dict(answer.found)


def test_since_knows_the_tables_of_what_comes_before(project: Shop, lint: Lint) -> None:
    project.revision("shop_5", "shop_4", 'op.add_column("author", sa.Column("a", sa.Integer()))')
    assert lint("--since", "shop_4").code == CODES["clean"]


def test_since_a_revision_that_there_is_not_is_refused(project: Shop, lint: Lint) -> None:
    answer = lint("--since", "nothing")
    assert (answer.code, "migrate history" in answer.err) == (CODES["missing"], True)


def test_files_are_judged_wherever_they_lie(tmp_path: Path, lint: Lint) -> None:
    path = write(tmp_path, INDEX)
    assert ("one", "BM101") in lint("--json", str(path)).found


def test_a_file_is_judged_once_by_whatever_name(project: Shop, lint: Lint) -> None:
    folder = project.folder / "alembic" / "versions"
    names = (folder / "shop_2.py", folder / ".." / "versions" / "shop_2.py")
    assert graver(lint("--json", *map(str, names))) == [("shop_2", "BM101")]


def test_a_file_that_is_not_there_is_refused(tmp_path: Path, lint: Lint) -> None:
    assert lint(str(tmp_path / "nothing.py")).code == CODES["usage"]


def test_without_a_history_or_files_there_is_nothing_to_judge(lint: Lint) -> None:
    answer = lint()
    assert (answer.code, "name the files" in answer.err) == (CODES["usage"], True)


def test_a_dialect_that_is_not_known_is_refused(project: Shop, lint: Lint) -> None:
    assert lint("--dialect", "oracle").code == CODES["usage"]


def test_a_dialect_is_judged_by_its_own_rules(project: Shop, lint: Lint) -> None:
    assert ("shop_2", "BM603") in lint("--json", "--dialect", "sqlite").found


@pytest.mark.parametrize(
    ("level", "code"), [("never", 0), ("error", 0), ("warning", 1), ("note", 1)]
)
def test_the_exit_code_is_that_of_the_mildest_level_that_fails(
    level: str, code: int, tmp_path: Path, lint: Lint
) -> None:
    path = write(tmp_path, 'op.execute("LOCK TABLE book")', downgrade="raise RuntimeError")
    assert lint("--fail-on", level, str(path)).code == code


def test_what_is_allowed_does_not_fail(tmp_path: Path, lint: Lint) -> None:
    path = write(tmp_path, f"{INDEX}  # migrate: allow BM101 because it has ten rows")
    answer = lint(str(path))
    assert (answer.code, "1 allowed" in answer.err) == (CODES["clean"], True)


def test_only_what_is_pending_is_judged_by_what_the_database_holds(
    project: Shop,
    database_url: str,
    lint: Lint,
    monkeypatch: pytest.MonkeyPatch,
    look: Look,
) -> None:
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_url)
    look.execute(
        "CREATE TABLE book (id integer)",
        "INSERT INTO book VALUES (1), (2)",
        "CREATE TABLE alembic_version (version_num varchar(32))",
        "INSERT INTO alembic_version VALUES ('shop_2')",
    )
    answer = lint("--json", "--pending")
    assert {each for each, _ in answer.found} & {"shop_1", "shop_2"} == set()
    assert ("shop_3", "BM401") in answer.found
    assert "2 rows" in answer.out


def test_a_database_that_does_not_answer_is_told_of_and_done_without(
    project: Shop, lint: Lint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
    answer = lint("--json")
    assert ("shop_2", "BM101") in answer.found
    assert "does not answer" in answer.err


def test_a_forge_gets_sarif(project: Shop, lint: Lint) -> None:
    answer = lint("--sarif")
    told: dict[str, Any] = json.loads(answer.out)
    (run,) = told["runs"]
    first = run["results"][0]
    rule = run["tool"]["driver"]["rules"][first["ruleIndex"]]
    place = first["locations"][0]["physicalLocation"]
    assert told["version"] == "2.1.0"
    assert (rule["id"], first["ruleId"], first["level"]) == ("BM101", "BM101", "error")
    assert place["artifactLocation"]["uri"] == "alembic/versions/shop_2.py"
    assert place["region"]["startLine"] == 11


def test_sarif_writes_a_path_as_a_uri(tmp_path: Path, lint: Lint) -> None:
    (folder := tmp_path / "50% of it").mkdir()
    (result, *_) = json.loads(lint("--sarif", str(write(folder, INDEX))).out)["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place["uri"] == "50%25%20of%20it/one.py"


def test_sarif_keeps_what_is_allowed_as_suppressed(tmp_path: Path, lint: Lint) -> None:
    path = write(tmp_path, f"{INDEX}  # migrate: allow BM101 because it has ten rows")
    (result, *_) = json.loads(lint("--sarif", str(path)).out)["runs"][0]["results"]
    assert result["suppressions"] == [{"kind": "inSource", "justification": "it has ten rows"}]
