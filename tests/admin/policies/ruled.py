"""The library with policies and field rules, and what they mean in plain Python."""

from datetime import date
from decimal import Decimal
from itertools import product
from typing import Any

from fastapi import FastAPI
from sqlalchemy import ColumnElement
from sqlmodel import col, select

from backoffice.admin import Admin
from backoffice.auth import Auth, Principal
from tests.admin.conftest import BookAdmin, House
from tests.admin.library import Author, Book, Status, Tag
from tests.auth.conftest import AppWithAccounts


class RuledHouse(House):
    """The library, in which one sees and changes not all of everything."""

    def __init__(self) -> None:
        auth, app = Auth(), FastAPI()
        AppWithAccounts.__init__(self, auth, app, follow_redirects=False)
        auth.fields(
            Book,
            read={"price": "books:see-price", "isbn": "books:see-isbn", "editor_id": "books:edit"},
            write={"weight": "books:weigh"},
        )
        auth.fields(Author, read={"name": "authors:see-name"})

        @auth.policy(Book, "view")
        def out(_: Principal, book: type[Book]) -> ColumnElement[bool]:
            """What is published; NULL is not."""
            return (col(book.published) < date(2026, 1, 1)) & col(book.in_print)

        @auth.policy(Book, "add", "change", "export")
        def drafts(_: Principal, book: type[Book]) -> ColumnElement[bool]:
            return col(book.status) == Status.draft

        @auth.policy(Book, "delete")
        def of_old_authors(_: Principal, book: type[Book]) -> ColumnElement[bool]:
            old = select(Author.id).where(col(Author.born) < date(1950, 1, 1))
            return col(book.author_id).in_(old)

        @auth.policy(Author, "view")
        def born(_: Principal, author: type[Author]) -> ColumnElement[bool]:
            return col(author.born).is_not(None)

        @auth.policy(Tag, "view")
        def shown(_: Principal, tag: type[Tag]) -> ColumnElement[bool]:
            return col(tag.name) != "hidden"

        self.admin = Admin(auth, models=[Author, BookAdmin, Tag])
        app.include_router(auth.router, prefix="/auth")
        app.include_router(self.admin.router, prefix="/admin")


BORN = {1: date(1940, 1, 1), 2: date(1960, 1, 1), 3: None}


def library() -> list[Any]:
    """Books of each mix of what policies look at, NULL among it."""
    kinds = product([None, date(2025, 1, 1)], [True, False], Status, BORN)
    authors = [Author(id=id, name=f"Writer{id}", born=born) for id, born in BORN.items()]
    books = [
        Book(
            id=number,
            title=f"Title{number:02}",
            isbn=f"isbn{number:02}",
            published=published,
            in_print=in_print,
            status=status,
            author_id=author,
            # Of digits that stand in no token by chance.
            price=Decimal(98_800 - number),
        )
        for number, (published, in_print, status, author) in enumerate(kinds, 1)
    ]
    return [*authors, *books]


def sees(book: Book) -> bool:
    return book.published is not None and book.in_print


def changes(book: Book) -> bool:
    return sees(book) and book.status is Status.draft


def deletes(book: Book) -> bool:
    born = BORN[book.author_id]
    return sees(book) and born is not None and born.year < 1950


def narrowed(house: House, *more: str) -> list[Book]:
    """Somebody with the verbs of the pages and no permission of a field, signed in; and books."""
    verbs = [f"books:{each}" for each in ("view", "add", "change", "delete", "export")]
    house.signed_in(*verbs, "authors:view", "authors:add", "tags:view", *more)
    return [each for each in library() if isinstance(each, Book)]


def titles(text: str) -> set[str]:
    return {f"Title{number:02}" for number in range(1, 25) if f"Title{number:02}" in text}
