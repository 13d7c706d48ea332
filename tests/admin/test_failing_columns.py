"""What a function of the app fails at is marked in its place; the rest of the page is there."""

import logging
from collections.abc import Iterator, Sequence

import pytest
from sqlmodel import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.admin import Admin, ModelAdmin, column
from tests.admin.conftest import House
from tests.admin.extended import Extended
from tests.admin.library import Author, Book


@column("Share")
def share(book: Book) -> int:
    return 84 // book.pages


@column("Unanswered")
async def unanswered(books: Sequence[Book], session: AsyncSession) -> Sequence[int]:
    await session.exec(text("SELECT nothing FROM nowhere"))  # type: ignore[call-overload]
    return [0 for _ in books]


@column("Few")
async def few(_: Sequence[Book], __: AsyncSession) -> Sequence[int]:
    return [77]


class BookPage(ModelAdmin):
    model = Book
    list_display = ("title", share, unanswered, few, "author")

    @staticmethod
    def view_on_site(book: Book) -> str:
        return f"/books/{84 // book.pages}"


@pytest.fixture
def house(settings: None) -> Iterator[House]:
    with Extended(lambda auth: Admin(auth, models=[BookPage, Author])) as found:
        found.add(
            Author(id=1, name="Ada"),
            Book(id=1, title="Alpha", isbn="a", author_id=1, pages=2),
            Book(id=2, title="Beta", isbn="b", author_id=1),
        )
        found.signed_in("books:view", "books:export", "authors:view")
        yield found


def test_a_column_that_fails_is_marked_and_told_once(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "backoffice.admin"):
        page = house.open("/books")
    assert page.status_code == 200
    assert page.text.count('<span class="error">error</span>') == 5
    assert ">42<" in page.text
    assert page.text.count(">Ada</a>") == 2
    told = [each.getMessage() for each in caplog.records]
    assert told == [
        "share of books could not be worked out",
        "unanswered of books could not be worked out",
        "few of books could not be worked out",
    ]


def test_a_file_says_where_a_column_failed(house: House) -> None:
    first, second = house.open("/books/export?format=json").json()
    assert (first["Share"], second["Share"]) == (42, "error")


def test_a_record_without_an_address_has_a_page(house: House) -> None:
    assert "/books/42" in house.open("/books/detail?pk=1").text
    assert "View on site" not in house.open("/books/detail?pk=2").text
