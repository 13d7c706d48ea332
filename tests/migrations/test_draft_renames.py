"""What goes and comes under another name is asked about, and keeps its rows."""

import pytest

from backoffice.core import InvalidInput
from backoffice.migrations.drafts.wishes import renames
from tests.migrations.drafting import Desk

BOOK = """
class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)

class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    titel: Mapped[str] = mapped_column(sa.String(50), index=True)
    pages: Mapped[int] = mapped_column(unique=True)
    author_id: Mapped[int] = mapped_column(sa.ForeignKey("author.id"))
"""


@pytest.fixture
def books(desk: Desk) -> Desk:
    desk.models(BOOK)
    desk.up()
    desk.look.execute("INSERT INTO author VALUES (1)", "INSERT INTO book VALUES (1, 'x', 9, 1)")
    return desk


def change(desk: Desk, *changes: tuple[str, str]) -> None:
    text = BOOK
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    desk.models(text)


def test_nobody_there_to_ask_is_a_refusal_that_says_what_to_type(books: Desk) -> None:
    change(books, ("titel", "title"))
    with pytest.raises(InvalidInput, match=r"--rename book\.titel:title") as refusal:
        books.make()
    assert refusal.value.code == "rename_unclear"


@pytest.mark.parametrize("said", ["book.titel:title", "book.titel:book.title", "titel:title"])
def test_a_column_is_renamed_with_its_index(books: Desk, said: str) -> None:
    change(books, ("titel", "title"))
    text = books.stairs(rename=(said,))
    assert "new_column_name='title'" in text
    assert "drop_column" not in text
    assert books.look.rows("SELECT title FROM book") == [("x",)]


def test_a_person_is_asked(books: Desk) -> None:
    change(books, ("titel", "title"))
    asked: list[str] = []

    def yes(question: str) -> bool:
        asked.append(question)
        return True

    books.up(ask=yes)
    assert asked == ["Was the column book.titel renamed to title?"]
    assert books.look.rows("SELECT title FROM book") == [("x",)]


def test_what_is_no_rename_goes_and_comes(books: Desk) -> None:
    change(books, ("titel", "title"))
    books.up(guess=False, backfill=("book.title='none'",))
    assert books.look.rows("SELECT title FROM book") == [("none",)]


def test_a_table_is_renamed_with_what_refers_to_it(books: Desk) -> None:
    change(books, ('"author"', '"writer"'), ("author.id", "writer.id"))
    with pytest.raises(InvalidInput, match="--rename author:writer"):
        books.make()
    text = books.stairs(rename=("author:writer",))
    assert "op.rename_table('author', 'writer')" in text
    assert "drop_table" not in text
    assert books.look.rows("SELECT author_id FROM book JOIN writer ON writer.id = author_id") == [
        (1,)
    ]


def test_a_table_its_columns_and_their_constraints_are_renamed_at_once(books: Desk) -> None:
    change(books, ('"book"', '"work"'), ("titel", "title"), ("pages", "leaves"))
    books.stairs(rename=("book:work", "work.titel:title", "work.pages:leaves"))
    assert books.look.rows("SELECT title, leaves FROM work") == [("x", 9)]


def test_another_column_of_another_type_is_nothing_to_ask(books: Desk) -> None:
    change(
        books,
        (
            "titel: Mapped[str] = mapped_column(sa.String(50), index=True)",
            "sold: Mapped[bool] = mapped_column(default=False)",
        ),
    )
    text = books.stairs()
    assert "drop_column" in text


@pytest.mark.parametrize("said", ["book.nothing:title", "nothing:book"])
def test_a_rename_of_what_there_is_not_is_refused(books: Desk, said: str) -> None:
    change(books, ("titel", "title"))
    with pytest.raises(InvalidInput, match=f"{said}: nothing that this revision changes"):
        books.make(rename=(said, "book.titel:title"))


@pytest.mark.parametrize("said", ["book", "a:b:c", ":", "book.:x", "book.x:"])
def test_a_mistyped_rename_says_what_would_do(said: str) -> None:
    with pytest.raises(InvalidInput, match="--rename takes old:new"):
        renames([said])
