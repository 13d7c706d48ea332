"""A finding is allowed line by line, and by a reason."""

from pathlib import Path

import pytest

from tests.migrations.lint.revisions import POSTGRESQL, SQLITE, findings, ids

DROP = 'op.drop_table("book")'


@pytest.mark.parametrize(
    "body",
    [
        f"{DROP}  # migrate: allow BM402 because nobody reads it",
        f"# migrate: allow BM402 because nobody reads it\n{DROP}",
        f"# migrate: allow BM402 because nobody reads it\n# since 1.4\n\n{DROP}",
        'op.drop_table(\n    "book",  # migrate: allow BM402 because nobody reads it\n)',
        f"{DROP}  # migrate: allow BM101, BM402 because nobody reads it",
    ],
)
def test_a_waiver_allows_what_is_on_its_line(body: str, tmp_path: Path) -> None:
    found = [each for each in findings(tmp_path, body) if each.id == "BM402"]
    assert [each.waived for each in found] == ["nobody reads it"]


def test_a_waiver_is_about_its_own_line_alone(tmp_path: Path) -> None:
    body = f'{DROP}  # migrate: allow BM402 because nobody reads it\nop.drop_table("author")'
    assert [each.where.line for each in findings(tmp_path, body) if each.waived is None] == [12]


def test_a_waiver_before_the_code_is_about_the_whole_file(tmp_path: Path) -> None:
    findings(tmp_path, DROP)
    path = tmp_path / "revision_0.py"
    path.write_text("# migrate: allow BM402 because the app is new\n" + path.read_text())
    from backoffice.migrations.lint.linting import lint

    assert [each.waived for each in lint([path], POSTGRESQL)[0].findings] == ["the app is new"]


@pytest.mark.parametrize("comment", ["allow BM402", "allow BM402 because", "allow BM402 because: "])
def test_a_waiver_without_a_reason_allows_nothing(comment: str, tmp_path: Path) -> None:
    assert ids(findings(tmp_path, f"{DROP}  # migrate: {comment}")) == ["BM402", "BM912"]


def test_a_waiver_of_what_is_not_found_is_told_of(tmp_path: Path) -> None:
    body = f"{DROP}  # migrate: allow BM402, BM101 because nobody reads it"
    (told,) = [each for each in findings(tmp_path, body) if each.waived is None]
    assert (told.id, told.message) == ("BM911", "BM101 is allowed, but is not found here")


def test_a_waiver_of_what_there_is_not_is_told_of(tmp_path: Path) -> None:
    found = findings(tmp_path, 'op.execute("SELECT 1")  # migrate: allow BM999 because x')
    assert [each.message for each in found] == ["there is no finding BM999"]


def test_what_looks_like_a_waiver_in_a_text_is_none(tmp_path: Path) -> None:
    body = f'x = "# migrate: allow BM402 because of this"; {DROP}'
    assert ids(findings(tmp_path, body)) == ["BM402"]


@pytest.mark.parametrize(
    "body",
    [
        'op.create_index("ix", "book", ["id"])  # migrate: allow BM101 because it is small',
        'if op.get_context().dialect.name == "postgresql":\n'
        f"    # migrate: allow BM402 because nobody reads it\n    {DROP}\n"
        'else:\n    op.execute("SELECT 1")',
        f"def other():\n    # migrate: allow BM402 because nobody reads it\n    {DROP}\n\n"
        'if op.get_context().dialect.name == "postgresql":\n    other()',
    ],
)
def test_a_waiver_of_what_is_found_on_another_database_is_let_be(body: str, tmp_path: Path) -> None:
    assert ids(findings(tmp_path, body, target=POSTGRESQL)) == []
    assert "BM911" not in ids(findings(tmp_path, body, target=SQLITE))
