"""A revision is read by what it sends, in its transactions, line by line."""

from pathlib import Path
from textwrap import dedent

import pytest

from backoffice.migrations.lint.operations import Reading
from backoffice.migrations.lint.reading import read
from backoffice.migrations.lint.schema import Schema
from backoffice.migrations.lint.walk import walk
from tests.migrations.lint.revisions import FIRST, POSTGRESQL, SQLITE, write


def sql(reading: Reading) -> list[str]:
    return [" ".join(each.sql.split()) for each in reading.statements()]


def test_each_call_has_its_lines_and_its_statements(tmp_path: Path) -> None:
    body = """
        op.add_column(
            "book", sa.Column("pages", sa.Integer())
        )
        op.alter_column("book", "name", type_=sa.Text(), nullable=False)
    """
    found = read(write(tmp_path, body), POSTGRESQL).upgrade
    assert [(each.name, each.span.line, each.span.end_line) for each in found] == [
        ("add_column", FIRST, FIRST + 2),
        ("alter_column", FIRST + 3, FIRST + 3),
    ]
    assert [len(each.statements) for each in found] == [1, 2]


def test_a_call_in_a_function_of_the_file_is_at_its_own_line(tmp_path: Path) -> None:
    path = write(tmp_path, "helped()")
    path.write_text(path.read_text() + '\n\ndef helped():\n    op.drop_table("book")\n')
    (found,) = read(path, POSTGRESQL).upgrade
    assert path.read_text().splitlines()[found.line - 1].strip() == 'op.drop_table("book")'


def test_what_stands_in_an_autocommit_block_shares_no_transaction(tmp_path: Path) -> None:
    body = """
        op.execute("SELECT 1")
        op.execute("SELECT 2")
        with op.get_context().autocommit_block():
            op.execute("SELECT 3")
        op.execute("SELECT 4")
    """
    first, second, alone, last = read(write(tmp_path, body), POSTGRESQL).statements()
    assert first.transaction == second.transaction is not None
    assert alone.transaction is None
    assert last.transaction not in (None, first.transaction)


def test_a_commit_that_is_written_out_ends_the_transaction(tmp_path: Path) -> None:
    body = 'op.execute("SELECT 1; COMMIT")\nop.execute("COMMIT")\nop.execute("SELECT 2")'
    found = list(read(write(tmp_path, body), POSTGRESQL).statements())
    assert found[0].transaction != found[-1].transaction


def test_values_are_written_out(tmp_path: Path) -> None:
    body = """
        book = sa.table("book", sa.column("name"), sa.column("pages"))
        op.execute(book.update().values(name="it's").where(book.c.pages == 3))
        op.get_bind().execute(sa.text("DELETE FROM book WHERE name LIKE :n"), {"n": "50%"})
        op.bulk_insert(book, [{"name": "a", "pages": None}, {"name": "b", "pages": 2}])
    """
    assert sql(read(write(tmp_path, body), POSTGRESQL)) == [
        "UPDATE book SET name='it''s' WHERE book.pages = 3",
        "DELETE FROM book WHERE name LIKE '50%'",
        "INSERT INTO book (name, pages) VALUES ('a', NULL)",
        "INSERT INTO book (name, pages) VALUES ('b', 2)",
    ]


def test_what_an_inspector_would_lead_to_is_read_all_the_same(tmp_path: Path) -> None:
    body = """
        inspector = sa.inspect(op.get_bind())
        if "book" in inspector.get_table_names():
            op.drop_column("book", "pages")
        else:
            op.create_table("book", sa.Column("id", sa.Integer(), primary_key=True))
    """
    found = read(write(tmp_path, body), POSTGRESQL)
    assert {(each.name, each.certain) for each in found.upgrade} == {
        ("drop_column", False),
        ("create_table", True),
    }
    assert not found.unread


def test_what_follows_a_question_to_the_database_is_read_all_the_same(tmp_path: Path) -> None:
    body = """
        bind = op.get_bind()
        for row in bind.execute(sa.text("SELECT id FROM book")):
            bind.execute(sa.text("UPDATE book SET pages = 1 WHERE id = :i"), {"i": row.id})
        first = bind.execute(sa.text("SELECT id FROM book")).fetchone()[0]
        op.drop_column("book", "pages")
    """
    found = read(write(tmp_path, body), POSTGRESQL)
    assert "ALTER TABLE book DROP COLUMN pages" in sql(found)
    assert "UPDATE book SET pages = 1 WHERE id = 'row'" in sql(found)
    assert [each.line for each in found.unread] == [FIRST + 3]


@pytest.mark.parametrize(
    "body",
    [
        'if op.get_bind().dialect.name == "mysql":\n    {drop}\nelse:\n    {make}',
        'kind = op.get_bind().dialect.name\nif kind in ("mysql", "sqlite"):\n    {drop}\nelse:\n'
        "    {make}",
        'if op.get_bind().dialect.name != "sqlite":\n    {make}\n    return\n{drop}',
        'if op.get_bind().dialect.name != "sqlite":\n    return\n{drop}',
        'if op.get_context().dialect.name == "mysql":\n    {drop}',
        'if op.get_bind().dialect.name in ("mysql", "sqlite") and 1 > 2:\n    {drop}',
        'is_sqlite = op.get_bind().dialect.name == "sqlite"\nif is_sqlite:\n    {drop}',
    ],
)
def test_what_is_for_another_kind_of_database_is_not_read(body: str, tmp_path: Path) -> None:
    told = body.format(drop='op.drop_table("book")', make='op.execute("DROP TABLE author")')
    assert "drop_table" not in [
        each.name for each in read(write(tmp_path, told), POSTGRESQL).upgrade
    ]


def test_a_condition_within_a_batch_is_read_all_the_same(tmp_path: Path) -> None:
    body = """
        with op.batch_alter_table("book") as batch_op:
            keys = [each["name"] for each in sa.inspect(op.get_bind()).get_foreign_keys("book")]
            batch_op.add_column(sa.Column("a", sa.Integer()))
            if "fk_old" in keys:
                batch_op.drop_constraint("fk_old", type_="foreignkey")
    """
    found = read(write(tmp_path, body), POSTGRESQL)
    assert [(each.name, each.batch, each.certain) for each in found.upgrade] == [
        ("add_column", "book", True),
        ("drop_constraint", "book", False),
    ]


def test_what_is_for_this_kind_of_database_is_read(tmp_path: Path) -> None:
    body = """
        if op.get_bind().dialect.name == "postgresql" and sa.inspect(op.get_bind()).has_table("x"):
            op.drop_table("book")
    """
    assert [each.name for each in read(write(tmp_path, body), POSTGRESQL).upgrade] == ["drop_table"]
    assert not read(write(tmp_path, body), SQLITE).upgrade


def test_what_follows_a_question_of_the_data_is_read(tmp_path: Path) -> None:
    body = """
        if not op.get_bind().execute(sa.text("SELECT id FROM book")).first():
            return
        op.drop_table("book")
    """
    assert [each.name for each in read(write(tmp_path, body), POSTGRESQL).upgrade] == [
        "execute",
        "drop_table",
    ]


def test_a_statement_that_is_not_come_to_keeps_its_autocommit_block(tmp_path: Path) -> None:
    body = """
        if op.get_bind().execute(sa.text("SELECT x")).first():
            with op.get_context().autocommit_block():
                op.execute("VACUUM book")
    """
    assert [each.transaction for each in read(write(tmp_path, body), POSTGRESQL).statements()][
        1:
    ] == [None]


def test_an_import_that_is_not_there_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, 'op.add_column("book", sa.Column("of", Kind(), nullable=True))')
    path.write_text(
        path.read_text().replace("import sql", "from shop.nowhere import Kind\nimport sql")
    )
    found = read(path, POSTGRESQL)
    assert [each.reason.partition(":")[0] for each in found.unread] == ["import of shop.nowhere"]
    assert found.upgrade[0].statements[0].sql.startswith("ALTER TABLE book ADD COLUMN")


def test_sqlite_copies_a_table_in_batch_mode(tmp_path: Path) -> None:
    body = """
        with op.batch_alter_table("book") as batch_op:
            batch_op.drop_column("pages")
    """
    found = read(write(tmp_path, body), SQLITE)
    assert [each.batch for each in found.upgrade] == ["book"]
    assert sql(found)[1] == "INSERT INTO _alembic_tmp_book SELECT * FROM book"
    assert sql(read(write(tmp_path, body), POSTGRESQL)) == ["ALTER TABLE book DROP COLUMN pages"]


def test_a_file_that_is_no_python_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("def upgrade(:\n")
    (unread,) = read(path, POSTGRESQL).unread
    assert (unread.line, unread.reason.partition(":")[0]) == (1, "no Python")


def test_a_text_of_several_statements_is_read_whole(tmp_path: Path) -> None:
    body = """
        op.execute("BEGIN; DROP TABLE book; COMMIT; DROP TABLE author")
        op.execute("-- at last\\n COMMIT")
        op.execute("DROP TABLE cover")
    """
    found = [*read(write(tmp_path, body), POSTGRESQL).statements()]
    assert [each.sql for each in found] == [
        "DROP TABLE book",
        "DROP TABLE author",
        "DROP TABLE cover",
    ]
    assert len({each.transaction for each in found}) == 3


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("", "there is no upgrade() in it"),
        ("from somewhere import upgrade", "there is no upgrade() in it"),
        ("revision = {[]: 1}\ndown_revision = 5\ndef upgrade():\n    op()", "TypeError"),
    ],
)
def test_a_file_that_is_no_revision_is_told_of(source: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "none.py"
    path.write_text(source)
    assert read(path, POSTGRESQL).unread[0].reason.startswith(reason)


def test_a_revision_that_waits_for_rows_for_ever_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backoffice.migrations.lint.recording.MOST_STATEMENTS", 50)
    body = 'while True:\n    op.execute("SELECT 1")'
    (unread, *_) = read(write(tmp_path, body), POSTGRESQL).unread
    assert "more than" in unread.reason


def test_what_was_not_read_is_told_alike_each_time(tmp_path: Path) -> None:
    (unread,) = read(write(tmp_path, "raise ValueError(object())"), POSTGRESQL).unread
    assert unread.reason == "ValueError: <object object>"


def test_reading_leaves_alembic_as_it_was(tmp_path: Path) -> None:
    from alembic import op

    read(write(tmp_path, dedent('op.drop_table("book")')), POSTGRESQL)
    with pytest.raises(NameError):
        op.drop_table("book")


def test_a_copy_is_known_by_its_columns(tmp_path: Path) -> None:
    body = """
        op.create_table("book", sa.Column("id", sa.Integer()), sa.Column("pages", sa.Integer()))
        with op.batch_alter_table("book") as batch_op:
            batch_op.add_column(sa.Column("name", sa.Text(), nullable=False))
            batch_op.alter_column("id", new_column_name="number")
            batch_op.drop_column("pages")
    """
    known = Schema()
    assert [*walk(read(write(tmp_path, body), SQLITE), known, SQLITE)]
    assert {name: each.nullable for name, each in known.columns("book").items()} == {
        "number": True,
        "name": False,
    }
