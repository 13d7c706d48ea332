"""`backoffice migrate lint --fix`, as it is typed."""

from pathlib import Path

import pytest

from backoffice.migrations import PackageHistory, upgrade
from backoffice.migrations.fixes import fixed
from backoffice.migrations.fixes.files import mended
from backoffice.migrations.lint.linting import lint
from backoffice.migrations.lint.operations import Target
from tests.migrations.answers import Type, typing
from tests.migrations.fixes.revisions import OPERATIONS, TABLES, revision
from tests.migrations.projects import Look, create_table, write_revision

INDEX = 'op.create_index("ix", "book", ["title"])'
FOREIGN_KEY = 'op.create_foreign_key("fk", "book", "author", ["author_id"], ["id"])'


@pytest.fixture
def backoffice(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Type:
    """The command; no database is asked."""
    typed = typing("sqlite:///none.db", monkeypatch, capsys)
    return lambda *arguments: typed("migrate", "lint", "--dialect", "postgresql", *arguments)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A revision that can be made safe."""
    path = tmp_path / "change.py"
    path.write_text(revision(f"{INDEX}\n{FOREIGN_KEY}", 'op.drop_index("ix", "book")'))
    return path


def test_what_can_be_made_safe_is_written_and_passes_lint(backoffice: Type, file: Path) -> None:
    answer = backoffice("--fix", str(file))
    assert answer.code == 0, answer.out
    assert "fixed change.py: line 11, 12" in answer.err
    assert "postgresql_concurrently=True" in file.read_text()
    assert backoffice("--fail-on", "warning", str(file)).code == 0


def test_nothing_that_can_be_fixed_is_found_in_what_was_fixed(tmp_path: Path) -> None:
    first, second = tmp_path / "first.py", tmp_path / "second.py"
    first.write_text(revision(TABLES, identity="stock_0001", down="none"))
    for operation, body in OPERATIONS.items():
        second.write_text(revision(body))
        plain = lint([first, second], Target())[-1]
        assert any(each.fixable for each in plain.findings), operation
        for each in mended([plain], []):
            each.write()
            found = lint([first, second], Target())[-1].findings
            left = [each.id for each in found if each.fixable and each.waived is None]
            assert left == [] or each.left, operation


def test_a_dry_run_shows_the_difference_and_writes_nothing(backoffice: Type, file: Path) -> None:
    before = file.read_text()
    answer = backoffice("--fix", "--dry-run", str(file))
    assert answer.code == 3
    assert answer.out.startswith("--- a/change.py\n+++ b/change.py\n@@")
    assert f"-    {INDEX}\n" in answer.out
    assert file.read_text() == before


def test_a_dry_run_for_a_program_has_the_difference_in_it(backoffice: Type, file: Path) -> None:
    (fix,) = backoffice("--fix", "--dry-run", "--json", str(file)).data["fixes"]
    assert (fix["file"], fix["fixed"], fix["left"]) == ("change.py", [11, 12], [])
    assert "+    with op.get_context().autocommit_block():" in fix["diff"]


def test_a_second_time_there_is_nothing_to_fix(backoffice: Type, file: Path) -> None:
    backoffice("--fix", str(file))
    written = file.read_bytes()
    assert backoffice("--fix", "--dry-run", str(file)).out == "nothing to fix\n"
    assert backoffice("--fix", str(file)).code == 0
    assert file.read_bytes() == written


def test_what_is_left_is_told_and_fails(backoffice: Type, file: Path) -> None:
    file.write_text(revision('for each in "ab":\n    op.create_index(each, each, ["id"])'))
    answer = backoffice("--fix", str(file))
    assert answer.code == 1
    assert "not fixed change.py:12: it stands within a condition, a loop" in answer.err


def test_what_is_allowed_is_left_alone(backoffice: Type, file: Path) -> None:
    allowed = f"{INDEX}  # migrate: allow BM101 because it is empty"
    file.write_text(before := revision(allowed))
    assert backoffice("--fix", str(file)).code == 0
    assert file.read_text() == before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(["--fix"], "say what to fix"), (["--dry-run", "change.py"], "add --fix")],
)
def test_what_makes_no_sense_is_refused(
    backoffice: Type, file: Path, arguments: list[str], told: str
) -> None:
    answer = backoffice(*arguments)
    assert answer.code == 2
    assert told in answer.err


def test_a_file_that_cannot_be_written_is_told_so(
    backoffice: Type, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replace(self: Path, target: Path) -> Path:
        raise PermissionError(13, "Permission denied")

    before = file.read_bytes()
    monkeypatch.setattr(Path, "replace", replace)
    answer = backoffice("--fix", str(file))
    assert answer.code == 6
    assert "change.py cannot be written: Permission denied" in answer.err
    assert file.read_bytes() == before
    assert list(file.parent.glob(".change*")) == []


def test_lines_keep_their_ends(file: Path) -> None:
    file.write_bytes(file.read_text().replace("\n", "\r\n").encode())
    (mend,) = mended(lint([file], Target()), [])
    assert mend.after.count("\n") == mend.after.count("\r\n") > 50


def test_a_mark_of_the_byte_order_stays(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    (mend,) = mended(lint([file], Target()), [])
    assert mend.after.startswith('\ufeff"""')
    assert "postgresql_concurrently" in mend.after


def test_what_an_installed_package_brought_is_left_alone(tmp_path: Path, file: Path) -> None:
    package = PackageHistory("stock", tmp_path)
    (mend,) = mended(lint([file], Target()), [package])
    assert not mend.changed
    assert [each.words for each in mend.left] == ["it belongs to an installed package"] * 2


def test_a_copy_of_a_packages_revision_is_left_alone(file: Path) -> None:
    header = "# Copied by `backoffice migrate sync` from stock 1.0.\n"
    file.write_text(f"{header}# sha256 of the original: {'0' * 64}\n{file.read_text()}")
    (mend,) = mended(lint([file], Target()), [])
    assert not mend.changed
    assert "copy of a package's revision" in mend.left[0].words


def test_a_fixed_history_still_runs_on_sqlite(tmp_path: Path) -> None:
    versions = tmp_path / "stock" / "versions"
    write_revision(versions, "stock_0001", None, create_table("author"))
    change = """
    op.create_table("book", sa.Column("id", sa.Integer(), primary_key=True))
    with op.batch_alter_table("author") as batch_op:
        batch_op.add_column(sa.Column("book_id", sa.Integer()))
        batch_op.add_column(sa.Column("name", sa.String(9), server_default="x"))
        batch_op.create_foreign_key("fk", "book", ["book_id"], ["id"])
        batch_op.alter_column("name", nullable=False)
    op.create_index("ix", "author", ["name"])
    op.execute("UPDATE author SET book_id = 1 WHERE book_id IS NULL")
    """
    fix = fixed(revision(change))
    assert len(fix.done) == 4
    (versions / "second.py").write_text(fix.text)
    url = f"sqlite:///{tmp_path}/a.db"
    upgrade(url, histories=[PackageHistory("stock", tmp_path / "stock")])
    found = Look(url).rows("SELECT sql FROM sqlite_master WHERE tbl_name = 'author'")
    made = "".join(str(sql) for (sql,) in found)
    assert "CREATE INDEX ix" in made
    assert "FOREIGN KEY(book_id)" in made
    assert "name VARCHAR(9) DEFAULT 'x' NOT NULL" in made
