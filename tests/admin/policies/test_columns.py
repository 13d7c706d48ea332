"""A computed column is made of nothing that its reader may not read, of other tables neither."""

from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import ColumnElement
from sqlmodel import col

from backoffice.admin import Admin, ModelAdmin, column
from backoffice.auth import Auth, Principal
from tests.admin.conftest import House, create_tables
from tests.admin.extended import Extended
from tests.admin.library import Author, Book, Tag
from tests.services.databases import Databases

BOOKS = ("books:view", "books:export")
PAGES = ("/books", "/books/export?format=json")


@column("By", relations=("author",))
def by(book: Book) -> str:
    return f"by {book.author.name}"


@column("Tagged", relations=("tags",))
def tagged(book: Book) -> str:
    return " ".join(each.name for each in book.tags)


class BookPage(ModelAdmin):
    model = Book
    list_display = ("title", by, tagged)


def made(auth: Auth) -> Admin:
    auth.fields(Author, read={"name": "authors:see-name"})

    @auth.policy(Author, "view")
    def born(_: Principal, author: type[Author]) -> ColumnElement[bool]:
        return col(author.born).is_not(None)

    @auth.policy(Tag, "view")
    def shown(_: Principal, tag: type[Tag]) -> ColumnElement[bool]:
        return col(tag.name) != "unseen"

    return Admin(auth, models=[Author, BookPage, Tag])


@pytest.fixture
def house(sqlite_databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    with sqlite_databases.copy("admin", create_tables) as url:
        monkeypatch.setenv("BACKOFFICE_DATABASE_URL", url)
        monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
        with Extended(made) as found:
            found.add(
                Author(id=1, name="Ada", born=date(1815, 12, 10)),
                Author(id=2, name="Bob"),
                Book(title="One", isbn="1", author_id=1, tags=[Tag(name="plain")]),
                Book(title="Two", isbn="2", author_id=2, tags=[Tag(name="unseen")]),
            )
            yield found


def test_those_who_may_read_it_see_it_of_records_that_they_may_see(house: House) -> None:
    house.signed_in(*BOOKS, "authors:view", "authors:see-name", "tags:view")
    for path in PAGES:
        page = house.open(path).text
        assert "by Ada" in page
        assert "by Bob" not in page
        assert "plain" in page
        assert "unseen" not in page


@pytest.mark.parametrize("more", [("authors:view", "tags:view"), ("authors:see-name",)])
def test_what_is_hidden_there_is_hidden_here(house: House, more: tuple[str, ...]) -> None:
    """A field of theirs, or their whole page."""
    house.signed_in(*BOOKS, *more)
    for path in PAGES:
        page = house.open(path).text
        assert "by " not in page.replace("sorted by ", "")
        assert ("plain" in page) == ("tags:view" in more)
        assert "unseen" not in page
