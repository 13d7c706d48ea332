"""A column that is renamed in two revisions: what they leave, there and back, and refuse."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backoffice.migrations import RevisionFailed
from backoffice.migrations.fixes.files import mended
from backoffice.migrations.lint.linting import Linted, lint
from backoffice.migrations.lint.operations import Target
from tests.migrations.fixes.renamed import OP, RENAMES, App, plain
from tests.migrations.fixes.revisions import revision
from tests.migrations.projects import Look
from tests.services.postgres import PostgresServer


@pytest.fixture
def app(postgres_server: PostgresServer, tmp_path: Path) -> Iterator[App]:
    """An app with a table on which much hangs, with rows."""
    with postgres_server.database() as url:
        yield App(url, tmp_path)


def linted(app: App) -> list[Linted]:
    """All revisions, as lint reads them for PostgreSQL."""
    return lint(app.files(), Target())


@pytest.mark.parametrize("renamed", RENAMES)
def test_both_leave_the_database_as_the_plain_revision_does(
    renamed: str, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    found = []
    for name, fixed in (("plain", False), ("fixed", True)):
        with postgres_server.database() as url:
            app = App(url, tmp_path / name)
            app.write(plain(*RENAMES[renamed]), fixed=fixed)
            app.up(contract=True)
            found.append(app.held())
    assert found[0] == found[1]


@pytest.mark.parametrize("renamed", ["title", "number", "token"])
def test_each_of_them_can_be_taken_back(renamed: str, app: App) -> None:
    begun = app.held()
    app.write(plain(*RENAMES[renamed]))
    app.up()
    between = app.held()
    app.up(contract=True)
    ended = app.held()
    app.down()
    assert app.held() == between
    app.down()
    assert app.held() == begun
    app.up(contract=True)
    assert app.held() == ended


def test_lint_finds_nothing_in_them_and_a_second_fix_changes_nothing(app: App) -> None:
    app.write(plain(OP, "title", "name"))
    found = linted(app)[1:]
    assert [each for one in found for each in one.findings if each.waived is None] == []
    assert [each for one in found for each in one.reading.unread] == []
    assert mended(found, []) == []


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ("CREATE VIEW shelf AS SELECT title FROM book", "view shelf"),
        ("ALTER TABLE book ADD PRIMARY KEY (id, title)", "book_pkey"),
        (
            "ALTER TABLE book ADD UNIQUE (title); CREATE TABLE loan (title varchar(50) COLLATE"
            ' "C" REFERENCES book (title))',
            "loan_title_fkey on table loan",
        ),
        ("ALTER TABLE book ADD long int GENERATED ALWAYS AS (length(title)) STORED", "column long"),
        ("ALTER TABLE book ADD EXCLUDE USING btree (title WITH =)", "book_title_excl"),
        ("CREATE POLICY p ON book USING (title > '')", "policy p"),
        ("CREATE PUBLICATION p FOR TABLE book (id, title)", "publication of table book"),
        ("GRANT SELECT (title) ON book TO CURRENT_USER", "a GRANT of its own"),
        ("CREATE STATISTICS s ON title, pages FROM book", "statistics object s"),
        ("CREATE TABLE novel () INHERITS (book)", "its partitions or heirs"),
        ("ALTER TABLE book ADD name text", "a column of the other name"),
        ("CREATE INDEX c ON book (title); ALTER TABLE book CLUSTER ON c", "index c"),
        (
            "CREATE FUNCTION low() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.title :="
            " lower(NEW.title); RETURN NEW; END'; CREATE TRIGGER low BEFORE INSERT ON book"
            " FOR EACH ROW EXECUTE FUNCTION low()",
            "trigger low, whose function names it",
        ),
    ],
)
def test_what_cannot_be_had_twice_is_found_before_anything_is_changed(
    made: str, told: str, app: App
) -> None:
    app.change("ALTER TABLE book DROP CONSTRAINT book_pkey CASCADE")
    app.change("DELETE FROM book WHERE id > 1")
    app.change(made)
    before = app.held()
    app.write(plain(OP, "title", "name"))
    with pytest.raises(RevisionFailed, match=told):
        app.up()
    assert app.held() == before


def test_what_came_to_hang_on_the_older_name_is_not_lost(app: App) -> None:
    app.write(plain(OP, "title", "name"))
    app.up()
    app.change("CREATE INDEX late ON book (title)")
    with pytest.raises(RevisionFailed, match=r"late on book\.title came later"):
        app.up(contract=True)


def test_rows_that_differ_keep_the_older_name(app: App) -> None:
    app.write(plain(OP, "title", "name"))
    app.up()
    app.change("ALTER TABLE book DISABLE TRIGGER ALL; UPDATE book SET name = 'b' WHERE id = 7")
    with pytest.raises(RevisionFailed, match="rows of book differ in title and name"):
        app.up(contract=True)


@pytest.mark.parametrize(
    ("upgrade", "downgrade", "words"),
    [
        (OP.format("title", "name"), 'op.execute("SELECT 1")', "give the column its name back"),
        (
            'op.alter_column("book", "title", new_column_name="name", nullable=True)',
            "pass",
            "more than the name",
        ),
        ('op.alter_column("book", old, new_column_name="name")', "pass", "not written out"),
    ],
)
def test_what_cannot_be_told_by_reading_is_left_with_words(
    upgrade: str, downgrade: str, words: str, tmp_path: Path
) -> None:
    file = tmp_path / "b.py"
    file.write_text("old = 't' + 'itle'\n" + revision(upgrade, downgrade))
    (mend,) = mended(lint([file], Target()), [])
    assert not mend.changed
    assert [words in each.words for each in mend.left] == [True]


def test_the_second_stands_at_the_end_of_the_history(tmp_path: Path) -> None:
    (tmp_path / "b.py").write_text(plain(OP, "title", "name"))
    (tmp_path / "c.py").write_text(revision("pass", "pass", "stock_0003", "stock_0002"))
    _, second = mended(lint([tmp_path / "b.py"], Target()), [])
    assert 'down_revision = "stock_0003"' in second.after


def test_a_later_revision_of_the_table_needs_its_one_name(tmp_path: Path) -> None:
    (tmp_path / "b.py").write_text(plain(OP, "title", "name"))
    later = revision('op.drop_column("book", "name")', "pass", "stock_0003", "stock_0002")
    (tmp_path / "c.py").write_text(later)
    (mend,) = mended(lint([tmp_path / "b.py"], Target()), [])
    assert [each.words for each in mend.left] == [
        "revision stock_0003, which may come after it, names book as well, of which it would find "
        "the column under both names"
    ]


def test_two_renames_of_a_revision_go_together(app: App) -> None:
    there = "\n".join([OP.format("title", "name"), OP.format("author_id", "writer_id")])
    back = "\n".join([OP.format("writer_id", "author_id"), OP.format("name", "title")])
    app.write(revision(there, back))
    assert len(app.files()) == 3
    app.up(contract=True)
    columns = app.held()[0].keys()
    assert {"column book.name", "column book.writer_id"} <= columns
    assert not {"column book.title", "column book.author_id"} & columns


def test_two_columns_of_one_index_are_not_renamed_at_once(app: App) -> None:
    app.write(revision("\n".join([OP.format("title", "name"), OP.format("pages", "leaves")])))
    with pytest.raises(RevisionFailed, match="until another column of it has its one name"):
        app.up()


def test_on_sqlite_the_first_renames_and_the_second_does_nothing(tmp_path: Path) -> None:
    tables = 'op.create_table("book", sa.Column("id", sa.Integer()), sa.Column("a", sa.Text()))'
    app = App(f"sqlite:///{tmp_path}/a.db", tmp_path, tables)
    app.write(
        plain(
            'with op.batch_alter_table("book") as b:\n    '
            + OP[3:].replace('alter_column("book", ', "b.alter_column("),
            "a",
            "b",
        )
    )
    app.up()
    (made,) = Look(app.url).rows("SELECT sql FROM sqlite_master WHERE name = 'book'")
    assert "b TEXT" in str(made)
    app.down()
    app.down()
    (made,) = Look(app.url).rows("SELECT sql FROM sqlite_master WHERE name = 'book'")
    assert "a TEXT" in str(made)
