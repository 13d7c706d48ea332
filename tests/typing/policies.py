"""Policies, filters and allowed schemas keep the types of what they are about.

Type-checked by mypy and pyright, both strict; not run.
"""

from typing import Annotated, assert_type
from uuid import UUID

from fastapi import Depends, FastAPI
from pydantic import BaseModel
from sqlalchemy import ColumnElement
from sqlmodel import Field, Relationship, SQLModel, col, select

from backoffice.auth import Allowed, Auth, Policy, Principal, policy


class Author(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    name: str


class Book(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    owner_id: UUID | None = None
    public: bool = False
    author_id: int = Field(foreign_key="author.id")

    author: Author = Relationship()


class BookShown(BaseModel):
    id: int
    price: float | None = None


class BookChanges(BaseModel):
    price: float | None = None


@policy(Book, "read", "view")
def published(_: Principal, book: type[Book]) -> ColumnElement[bool]:
    return col(book.public).is_(True)


auth = Auth(policies=[published])
app = FastAPI()
assert_type(published, Policy[Book])


@auth.policy(Book, "change")
def own(who: Principal, book: type[Book]) -> ColumnElement[bool] | bool:
    return who.mfa and (col(book.owner_id) == who.id)


@auth.policy(Book, "delete")
def as_the_model_is_written(who: Principal, book: type[Book]) -> bool:
    """What SQLModel's attributes are to a type checker: a comparison of them is a bool."""
    return book.owner_id == who.id


@auth.policy(Book, "lend")
def of_an_integer_key(who: Principal[int], book: type[Book]) -> ColumnElement[bool]:
    return col(book.author_id) == who.id


@auth.policy(Book, "sell")
def by_relation(_: Principal, book: type[Book]) -> ColumnElement[bool]:
    return col(book.author_id).in_(select(Author.id).where(Author.name == "Ann"))


auth.fields(
    Book,
    read={"price": "books:see-price"},
    write={"price": "books:set-price"},
    schemas=[BookShown, BookChanges],
)


async def get_book(book_id: int) -> Book | None: ...


@app.get("/books/{book_id}")
async def show(
    who: Annotated[Principal, auth.require("books:read", on=get_book)],
    book: Annotated[Book, Depends(get_book)],
) -> Allowed[BookShown]:
    assert_type(who, Principal)
    return BookShown(id=book.id or 0)


@app.patch("/books/{book_id}", dependencies=[auth.require("books:change", on=get_book)])
async def change(changes: Allowed[BookChanges]) -> list[Allowed[BookShown]]:
    assert_type(changes, BookChanges)
    return [BookShown(id=1, price=changes.price)]


@app.get("/books")
async def books(who: Annotated[Principal | None, auth.optional()]) -> int:
    condition = auth.filter(who, Book, "read")
    assert_type(condition, ColumnElement[bool])
    statement = select(Book).where(condition, Book.author_id == 1)
    assert_type(await auth.permits(who, Book(author_id=1), "read"), bool)
    return len(str(statement))


def refused() -> None:
    auth.require("books:read", on="get_book")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    auth.fields(Book, read=["price"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    auth.fields(Book, schemas=[dict])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    Auth(policies=[get_book])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]

    @policy(Book, "read")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    def text(_: Principal, book: type[Book]) -> str:
        return "yes"

    @policy(Book, "read")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    def other(_: Principal, book: type[Author]) -> bool:
        return True
