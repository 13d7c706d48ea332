"""What a fix does to the text of a revision."""

from textwrap import dedent

import pytest

from backoffice.migrations.fixes import fixed
from tests.migrations.fixes.revisions import body, revision

INDEX = 'op.create_index("ix", "book", ["title"])'


def after(upgrade: str, lines: set[int] | None = None) -> str:
    """The body of upgrade() when it is fixed."""
    return body(fixed(revision(upgrade), lines).text)


def words(upgrade: str) -> list[str]:
    """Why something is left as it is."""
    fix = fixed(revision(upgrade))
    assert fix.text == revision(upgrade)
    return [each.words for each in fix.left]


def test_a_second_time_changes_nothing() -> None:
    upgrade = f"""
    op.add_column("book", sa.Column("isbn", sa.String(13)))
    {INDEX}
    with op.batch_alter_table("book") as batch_op:
        batch_op.drop_column("old")
        batch_op.create_unique_constraint("uq", ["isbn"])
    """
    once = fixed(revision(upgrade))
    assert len(once.done) == 2
    assert fixed(once.text).text == once.text
    assert fixed(once.text).done == ()


def test_what_is_added_later_is_fixed_without_writing_the_functions_again() -> None:
    once = fixed(revision(INDEX)).text
    more = once.replace(
        "\n\n\ndef downgrade", '\n    op.create_index("iy", "book", ["pages"])\n\n\ndef downgrade'
    )
    twice = fixed(more).text
    assert twice.count("postgresql_concurrently=True") == 2
    assert twice.count("def _concurrently") == twice.count("import contextlib") == 1
    assert twice.count("repeatable = True") == 1


def test_comments_and_what_is_not_touched_stay_as_they_are_written() -> None:
    upgrade = """
    # what comes first
    op.execute('''
      DELETE FROM book
    WHERE id = 1''')   # with odd spaces

    # the index
    op.create_index("ix", "book", [ 'title' ])
    # the end
    op.drop_table( 'old' )
    """
    begun, _, rest = after(upgrade).partition("with op.get_context().autocommit_block():\n")
    assert begun == dedent(upgrade).lstrip().partition("op.create_index")[0]
    assert "[ 'title' ]," in rest
    assert rest.endswith("# the end\nop.drop_table( 'old' )\n")


def test_what_is_remarked_on_a_rewritten_line_stays_above_it() -> None:
    upgrade = """
    op.create_index(  # noqa: E501
        "ix",  # by its name
        "book", ["title",  # ours
                 "id"])  # for the search
    """
    text = after(upgrade)
    assert text.count("# for the search") == text.count("# by its name") == 1
    assert text.count("# ours") == 1
    assert "noqa" not in text


def test_the_middle_of_a_string_is_not_moved_in() -> None:
    upgrade = "op.create_table('a')\nop.execute('''INSERT INTO a\n  VALUES (1)''')\n" + INDEX
    fix = fixed(revision(upgrade)).text
    assert "        op.execute('''INSERT INTO a\n      VALUES (1)''')\n" in fix


def test_lines_are_those_of_python() -> None:
    strange = "    # a form feed \x0c and a separator \u2028 and ümläuts\n    x = 'ä'; y = 1\n"
    fix = fixed(revision(INDEX).replace(f"    {INDEX}", f"{strange}    {INDEX}")).text
    assert fix.count(strange) == fix.count("y = 1") == fix.count("op.create_index(") == 1
    assert "postgresql_concurrently=True" in fix


def test_downgrade_is_left_alone() -> None:
    plain = revision(INDEX, 'op.drop_index("ix", "book")  # as it was')
    assert 'op.drop_index("ix", "book")  # as it was\n' in fixed(plain).text


def test_only_the_lines_that_are_named_are_fixed() -> None:
    plain = revision(f'{INDEX}\nop.create_index("iy", "book", ["pages"])')
    line = plain.splitlines().index('    op.create_index("iy", "book", ["pages"])') + 1
    fix = fixed(plain, {line})
    assert fix.done == (line,)
    assert f"    {INDEX}\n" in fix.text


def test_a_table_that_the_revision_makes_itself_needs_no_care() -> None:
    upgrade = f'op.create_table("book", sa.Column("id", sa.Integer()))\n{INDEX}'
    assert fixed(revision(upgrade)).done == ()


def test_what_was_committed_before_a_step_is_not_done_again() -> None:
    upgrade = f'op.add_column("book", sa.Column("isbn", sa.String(13)))\n{INDEX}'
    assert after(upgrade).startswith('if not _has_column("book", "isbn"):\n    op.add_column(')


def test_a_step_is_not_repeated_once_what_it_needs_was_taken_away() -> None:
    upgrade = """
    op.execute("UPDATE book SET isbn = old WHERE isbn IS NULL")
    op.drop_column("book", "old")
    op.alter_column("book", "isbn", nullable=False)
    """
    assert after(upgrade).startswith('if not _lacks_column("book", "old"):\n    if op.get_context')


def test_a_constraint_that_is_made_anew_does_not_tell_what_was_done() -> None:
    key = 'op.create_foreign_key(None, "book", "author", ["author_id"], ["id"])'
    drop = 'op.drop_constraint("book_author_id_fkey", "book")'
    assert after(f"{drop}\n{key}").startswith("if not _lacks_constraint(")
    assert "cannot be told" in words(f"{drop}\nop.execute('INSERT INTO a VALUES (1)')\n{key}")[0]


@pytest.mark.parametrize("value", ["state", "(state || 'a')"])
def test_sql_on_several_lines_stays_python(value: str) -> None:
    plain = revision(f'op.execute("""\nCREATE INDEX ix\n  ON book ({value})\n""")')
    compile(fixed(plain).text, "revision.py", "exec")


def test_what_commits_by_hand_is_left_with_words() -> None:
    add = 'op.add_column("book", sa.Column("isbn", sa.String(13)))'
    assert "commits by itself" in words(f'{add}\nop.execute("COMMIT")\n{INDEX}')[0]
    block = "with op.get_context().autocommit_block():\n    op.execute('CREATE TABLE a ()')"
    assert "commits by itself" in words(f"{INDEX}\n{block}")[0]


def test_what_commits_by_hand_and_may_be_repeated_stays_beside_what_is_fixed() -> None:
    block = "with op.get_context().autocommit_block():\n    op.execute('DROP TABLE IF EXISTS a')\n"
    assert after(f"{block}{INDEX}").startswith(block)


@pytest.mark.parametrize(
    "upgrade",
    [
        f"{INDEX}; op.drop_table('a')",
        f"x = 1\nop.drop_table('a'); {INDEX}",
        "with op.batch_alter_table('a') as a: a.create_index('ix', ['b'])",
        "with op.batch_alter_table('a') as a:\n    a.create_index('ix', ['b']); a.drop_column('c')",
    ],
)
def test_statements_that_share_a_line_are_not_taken_apart(upgrade: str) -> None:
    plain = revision(upgrade)
    fix = fixed(plain, set(range(11, 14)))
    assert fix.text == plain
    assert "shares its line" in fix.left[0].words


def test_what_gives_names_to_things_stays_for_what_follows() -> None:
    upgrade = f"""
    bind = op.get_bind()
    op.add_column("book", sa.Column("isbn", sa.String(13)))
    {INDEX}
    bind.execute(sa.text("SELECT 1"))
    """
    assert after(upgrade).startswith("bind = op.get_bind()\nif not _has_column(")


def test_another_database_does_as_before_what_stands_in_a_batch() -> None:
    upgrade = """
    with op.batch_alter_table("book") as batch_op:
        batch_op.create_foreign_key(batch_op.f("fk"), "author", ["author_id"], ["id"])
    """
    text = after(upgrade)
    assert text.startswith('if op.get_context().dialect.name == "postgresql":\n')
    assert 'op.f("fk"),' in text
    assert text.endswith("else:\n" + indented(upgrade))


def indented(upgrade: str) -> str:
    """The same, one level further in."""
    return "".join(f"    {line}\n" for line in dedent(upgrade).strip().splitlines())


def test_a_type_is_changed_only_where_lint_has_found_that_it_matters() -> None:
    upgrade = """
    op.alter_column("book", "title", existing_type=sa.String(50), type_=sa.String(99),
        existing_nullable=True)
    """
    assert fixed(revision(upgrade)).done == ()


def test_a_value_of_an_enum_is_added_by_the_catalog() -> None:
    values = 'op.sync_enum_values(enum_schema="public", enum_name="state", new_values={})'
    plain = revision(values.format(["new", "open", "done", "gone"]), values.format(["new", "done"]))
    assert body(fixed(plain).text) == dedent("""\
        with op.get_context().autocommit_block():
            op.execute(
                "ALTER TYPE public.state ADD VALUE IF NOT EXISTS 'open' AFTER "
                "'new'"
            )
            op.execute(
                "ALTER TYPE public.state ADD VALUE IF NOT EXISTS 'gone' AFTER "
                "'done'"
            )
        """)


def test_imports_stand_with_their_like() -> None:
    head = fixed(revision(INDEX)).text.partition("revision =")[0]
    assert head == dedent('''\
        """Change things"""

        import contextlib
        import time
        from collections.abc import Iterator

        import sqlalchemy as sa
        from alembic import op

        ''')


def test_names_are_those_under_which_the_file_imports_them() -> None:
    plain = (
        revision(INDEX).replace("import op", "import op as do").replace("op.create", "do.create")
    )
    text = fixed(plain.replace("sqlalchemy as sa", "sqlalchemy as alchemy")).text
    compile(text, "revision.py", "exec")
    assert "do.get_context()\n" in text
    assert "alchemy.text(query)" in text
    assert " op." not in text


def test_no_python_is_no_revision() -> None:
    with pytest.raises(SyntaxError):
        fixed("def upgrade(:\n")


def test_a_file_without_an_upgrade_is_left_with_words() -> None:
    (left,) = fixed("x = 1\n", {1}).left
    assert "no plain `def upgrade()`" in left.words
