"""What no fix changes, and the words with which it is left."""

import pytest

from backoffice.migrations.fixes import fixed
from tests.migrations.fixes.revisions import revision

INDEX = 'op.create_index("ix", "book", ["title"])'


def words(upgrade: str) -> list[str]:
    """Why something is left as it is."""
    fix = fixed(revision(upgrade))
    assert fix.text == revision(upgrade)
    return [each.words for each in fix.left]


@pytest.mark.parametrize(
    ("upgrade", "reason"),
    [
        (f'op.execute("INSERT INTO a VALUES (1)")\n{INDEX}', "cannot be told"),
        ('op.execute("UPDATE book SET seen = seen + 1")', "find its end"),
        ('op.create_primary_key("pk", "book", ["id"])', "USING INDEX"),
        ('op.create_exclude_constraint("ex", "book", ("a", "="))', "small or idle"),
        ('op.create_index(name, "book", ["title"])', "not written out"),
        ('op.add_column("book", sa.Column("a", sa.Integer(), index=True))', "create_index"),
        ('op.execute("ALTER TABLE a ADD CONSTRAINT b CHECK (c > 0), DROP d")', "several things"),
        (
            'op.sync_enum_values(enum_schema="public", enum_name="a", new_values=["b"])',
            "both directions",
        ),
    ],
)
def test_what_no_machine_can_do_is_left_with_words(upgrade: str, reason: str) -> None:
    assert [reason in each for each in words(upgrade)] == [True]


def test_a_line_in_a_loop_is_left_with_words() -> None:
    plain = revision('for each in ("a", "b"):\n    op.create_index("ix_" + each, each, ["id"])')
    line = next(n for n, each in enumerate(plain.splitlines(), 1) if "create_index" in each)
    (left,) = fixed(plain, {line}).left
    assert (left.line, "loop" in left.words) == (line, True)


@pytest.mark.parametrize(
    ("upgrade", "reason"),
    [
        ('op.execute("UPDATE book b SET a = 1")', "cannot be told"),
        (
            'op.add_column("book", sa.Column("a", sa.Text(), server_default=sa.text("mine()")))',
            "told",
        ),
        (
            "op.execute(\"ALTER TYPE a ADD VALUE 'b'; ALTER TYPE a ADD VALUE 'c'\")",
            "write them apart",
        ),
        ('op.execute("UPDATE book SET a = b WHERE NOT (a IS NULL)")', "find its end"),
        ('op.execute("ALTER TABLE a ADD CONSTRAINT b CHECK (c > 0) -- d")', "several things"),
    ],
)
def test_what_lint_has_found_and_no_fix_knows_is_left_with_words(upgrade: str, reason: str) -> None:
    (left,) = fixed(revision(upgrade), {11}).left
    assert reason in left.words


@pytest.mark.parametrize("option", ['recreate="always"', 'naming_convention={"fk": "fk_x"}'])
def test_a_batch_with_ways_of_its_own_is_left_with_words(option: str) -> None:
    key = 'b.create_foreign_key(None, "author", ["author_id"], ["id"])'
    (reason,) = words(f'with op.batch_alter_table("book", {option}) as b:\n    {key}')
    assert "in a way of its own" in reason
