"""Columns that are renamed amid other changes, or under names and rules that are rarer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backoffice.migrations import RevisionFailed
from backoffice.migrations.fixes.files import mended
from backoffice.migrations.fixes.revision import fixed
from backoffice.migrations.lint.linting import lint
from backoffice.migrations.lint.operations import Target
from tests.migrations.fixes.renamed import OP, App, plain
from tests.migrations.fixes.revisions import body, revision
from tests.migrations.projects import Look
from tests.services.postgres import PostgresServer

TABLES = """
    op.execute("CREATE TABLE book (id int PRIMARY KEY, title text, by text)")
    op.execute("INSERT INTO book SELECT i, 'title ' || i, 'by ' || i FROM generate_series(1, 9) i")
"""
NAME = OP.format("title", "name")
TITLE = OP.format("name", "title")


@pytest.fixture
def app(postgres_server: PostgresServer, tmp_path: Path) -> Iterator[App]:
    """An app with a small table."""
    with postgres_server.database() as url:
        yield App(url, tmp_path, TABLES)


@pytest.mark.parametrize(
    "after",
    [
        'op.add_column("book", sa.Column("title", sa.Text()))',
        OP.format("pages", "title"),
        'op.alter_column("book", "name", server_default="none")',
        'op.alter_column("book", "name", nullable=True)',
        'op.alter_column(\n    "book",\n    "name",\n    type_=sa.Text(),\n)',
        'op.drop_column("book", "name")',
        'op.rename_table("book", "volume")',
        'op.execute("ALTER TABLE book ALTER name SET DEFAULT 1")',
        'with op.batch_alter_table("book") as b:\n    b.alter_column("name", type_=sa.Text())',
    ],
)
def test_what_needs_the_one_name_after_it_leaves_the_rename(after: str) -> None:
    text = revision(f"{NAME}\n{after}")
    line = text[: text.index(NAME)].count("\n") + 1
    found = fixed(text, [line])
    assert found.text == text
    assert ["under both names" in each.words for each in found.left] == [True]


def test_so_it_is_within_one_batch() -> None:
    text = revision(
        'with op.batch_alter_table("book") as b:\n'
        '    b.alter_column("title", new_column_name="name")\n'
        '    b.alter_column("name", server_default="none")'
    )
    found = fixed(text, [text[: text.index("    b.alter")].count("\n") + 1])
    assert (found.text, len(found.left)) == (text, 1)


def test_what_is_of_another_table_or_makes_an_index_does_not_matter() -> None:
    after = (
        'op.add_column("author", sa.Column("title", sa.Text()))\n'
        'op.add_column("book", sa.Column("isbn", sa.Text(), nullable=False))\n'
        'op.execute("ALTER INDEX ix_title RENAME TO ix_name")'
    )
    text = revision(f"{NAME}\n{after}", TITLE)
    assert "_twin(" in body(fixed(text, [text[: text.index(NAME)].count("\n") + 1]).text)


def test_a_way_back_that_changes_the_newer_name_first_is_left() -> None:
    text = revision(NAME, f'op.alter_column("book", "name", nullable=True)\n{TITLE}')
    found = fixed(text, [text[: text.index(NAME)].count("\n") + 1])
    assert (found.text, ["before it changes it" in each.words for each in found.left]) == (
        text,
        [True],
    )


def test_a_revision_of_another_branch_may_come_between(tmp_path: Path) -> None:
    (tmp_path / "b.py").write_text(plain(OP, "title", "name"))
    other = revision('op.drop_column("book", "by")', identity="stock_0003")
    (tmp_path / "c.py").write_text(other)
    (mend,) = mended(lint([tmp_path / "b.py"], Target()), [])
    assert ["revision stock_0003" in each.words for each in mend.left] == [True]


def test_a_name_that_is_a_word_of_plpgsql(app: App) -> None:
    app.write(plain(OP, "by", "loop"))
    app.up()
    app.change("INSERT INTO book (id, by) VALUES (10, 'b'); UPDATE book SET loop = 'l' WHERE id=1")
    found = Look(app.url).rows("SELECT by, loop FROM book WHERE id IN (1, 10) ORDER BY id")
    assert found == [("l", "l"), ("b", "b")]
    app.up(contract=True)
    assert "column book.loop" in app.held()[0]


def test_two_long_names_that_begin_alike_have_triggers_of_their_own(app: App) -> None:
    long = "the_address_to_which_the_author_wants_the_copies_{}"
    app.change("".join(f"ALTER TABLE book ADD {long.format(one)} text;" for one in "ab"))
    there = [OP.format(long.format(one), f"copies_{one}") for one in "ab"]
    app.write(revision("\n".join(there), "raise NotImplementedError"))
    app.up(contract=True)
    assert {"column book.copies_a", "column book.copies_b"} <= app.held()[0].keys()


HIDE = """
DO $$ BEGIN CREATE ROLE keeper; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
GRANT ALL ON SCHEMA public TO keeper;
DO $$ DECLARE each regclass; BEGIN
    FOR each IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace
        AND relkind = 'r' LOOP EXECUTE format('ALTER TABLE %s OWNER TO keeper', each); END LOOP;
    FOR each IN SELECT oid FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        LOOP EXECUTE format('ALTER FUNCTION %s OWNER TO keeper', each::oid::regprocedure); END LOOP;
    EXECUTE format('ALTER ROLE postgres IN DATABASE %I SET role = keeper', current_database());
END $$;
CREATE POLICY few ON book USING (id < 5);
ALTER TABLE book ENABLE ROW LEVEL SECURITY;
ALTER TABLE book FORCE ROW LEVEL SECURITY;
"""


@pytest.mark.parametrize("begun", [False, True])
def test_rows_that_are_hidden_from_the_role_are_not_lost(begun: bool, app: App) -> None:
    app.write(plain(OP, "title", "name"))
    if begun:
        app.up()
    app.change(HIDE)
    with pytest.raises(RevisionFailed, match="row security"):
        app.up(contract=True)
    app.change("ALTER TABLE book DISABLE ROW LEVEL SECURITY")
    assert Look(app.url).rows("SELECT count(title) FROM book") == [(9,)]
    app.up(contract=True)
    assert Look(app.url).rows("SELECT count(name) FROM book") == [(9,)]


def test_a_trigger_that_is_gone_does_not_leave_both_columns_unsaid(app: App) -> None:
    app.write(plain(OP, "title", "name"))
    app.up()
    app.change("DROP FUNCTION zz_book_title_name_both CASCADE")
    with pytest.raises(RevisionFailed, match="was it dropped"):
        app.up(contract=True)
    assert {"column book.title", "column book.name"} <= app.held()[0].keys()
