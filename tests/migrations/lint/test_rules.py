"""Each rule finds what it is for, and nothing in what is safe."""

from pathlib import Path

import pytest

from backoffice.migrations.lint.catalogue import RULES
from backoffice.migrations.lint.linting import lint
from backoffice.migrations.lint.operations import Target
from backoffice.migrations.lint.schema import Schema
from tests.migrations.lint.cases import BEFORE, ON_POSTGRESQL, ON_SQLITE
from tests.migrations.lint.revisions import POSTGRESQL, SQLITE, findings, ids, write

CASES = [
    *((POSTGRESQL, body, found) for body, found in ON_POSTGRESQL.items()),
    *((SQLITE, body, found) for body, found in ON_SQLITE.items()),
]


@pytest.mark.parametrize(("target", "body", "found"), CASES, ids=lambda value: str(value)[:60])
def test_a_revision_is_told_what_hurts(
    target: Target, body: str, found: tuple[str, ...], tmp_path: Path
) -> None:
    assert sorted(ids(findings(tmp_path, BEFORE, body, target=target))) == sorted(found)


def test_every_rule_is_tried() -> None:
    tried = {each for _, _, found in CASES for each in found}
    elsewhere = {"BM501", "BM502", "BM903", "BM911", "BM912"}
    assert tried | elsewhere == RULES.keys()


def test_a_small_table_is_worth_a_note(tmp_path: Path) -> None:
    body = 'op.create_index("ix", "book", ["name"])'
    for rows, level in ((9_999, "note"), (10_000, "error")):
        live = Schema(sizes={"book": rows})
        (found,) = findings(tmp_path, BEFORE, body, live=live)
        assert (found.level, f"{rows:,} rows" in found.message) == (level, True)


def test_a_type_that_nothing_is_known_of_counts_as_rewriting(tmp_path: Path) -> None:
    (found,) = findings(tmp_path, 'op.alter_column("other", "a", type_=sa.Text())')
    assert found.id == "BM108"
    assert "not known" in found.message


def test_a_lock_is_told_of_once_for_each_transaction(tmp_path: Path) -> None:
    body = """
        op.add_column("author", sa.Column("a", sa.Integer()))
        op.execute("ALTER TABLE book VALIDATE CONSTRAINT ck_old")
        op.execute("ALTER TABLE book VALIDATE CONSTRAINT ck_old")
    """
    assert ids(findings(tmp_path, BEFORE, body)) == ["BM301"]


def test_two_transactions_of_a_revision_do_not_meet(tmp_path: Path) -> None:
    body = """
        op.create_check_constraint("c", "book", "pages > 0", postgresql_not_valid=True)
        with op.get_context().autocommit_block():
            op.execute("ALTER TABLE book VALIDATE CONSTRAINT c")
    """
    assert ids(findings(tmp_path, BEFORE, body)) == ["BM306"]


@pytest.mark.parametrize(
    ("downgrade", "found"),
    [
        ("pass", ["BM501"]),
        ('"""Nothing."""', ["BM501"]),
        ("raise NotImplementedError('the rows are gone')", []),
        ('op.drop_column("book", "a")', []),
    ],
)
def test_a_way_back_that_does_nothing_is_told_of(
    downgrade: str, found: list[str], tmp_path: Path
) -> None:
    path = write(
        tmp_path, 'op.add_column("book", sa.Column("a", sa.Integer()))', downgrade=downgrade
    )
    assert ids([*lint([path], POSTGRESQL)[0].findings]) == found


@pytest.mark.parametrize(
    ("also", "found"),
    [("", ["BM502"]), ('\nsa.Enum(name="kind").drop(op.get_bind())', [])],
)
def test_a_type_that_is_left_behind_is_told_of(also: str, found: list[str], tmp_path: Path) -> None:
    path = write(
        tmp_path,
        'op.create_table("new", sa.Column("kind", sa.Enum("a", name="kind")))',
        downgrade=f'op.drop_table("new"){also}',
    )
    assert ids([*lint([path], POSTGRESQL)[0].findings]) == found


def test_an_id_that_does_not_fit_is_told_of(tmp_path: Path) -> None:
    path = write(tmp_path, 'op.execute("SELECT 1")', "a" * 33)
    assert ids([*lint([path], POSTGRESQL)[0].findings]) == ["BM903"]


def test_what_a_loop_says_is_said_once(tmp_path: Path) -> None:
    body = 'for _ in range(3):\n    op.drop_table("book")'
    assert ids(findings(tmp_path, BEFORE, body)) == ["BM402"]


def test_a_table_that_is_pending_itself_is_empty(tmp_path: Path) -> None:
    made = 'op.create_table("cover", sa.Column("id", sa.Integer()))'
    (found,) = findings(tmp_path, made, 'op.create_index("ix", "cover", ["id"])', known=Schema())
    assert (found.id, found.level) == ("BM101", "note")


@pytest.mark.parametrize(("major", "found"), [(10, ["BM106"]), (11, [])])
def test_a_version_is_judged_by_what_it_does(major: int, found: list[str], tmp_path: Path) -> None:
    body = 'op.add_column("book", sa.Column("a", sa.Integer(), server_default="7"))'
    assert ids(findings(tmp_path, BEFORE, body, target=Target("postgresql", (major,)))) == found
