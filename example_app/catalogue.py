"""Books: found, shown, added and changed."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from sqlalchemy import func
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth import Allowed
from example_app.accounts import auth
from example_app.database import AsyncDatabase
from example_app.models import Author, Book
from example_app.schemas import BookChanges, BookSearch, BookShown, Id, NewBook, Page

router = APIRouter(prefix="/api/books", tags=["catalogue"])

# Who keeps the catalogue does not set prices, here or in the admin.
auth.fields(Book, write={"price": "books:price"}, schemas=[BookChanges])


@router.get("", dependencies=[auth.require("books:read")])
async def list_books(
    search: Annotated[BookSearch, Query()], session: AsyncDatabase
) -> Page[BookShown]:
    authors = select(Author.id).where(col(Author.name).icontains(search.q, autoescape=True))
    found = (
        col(Book.title).icontains(search.q, autoescape=True)
        | col(Book.author_id).in_(authors)
        | (col(Book.isbn) == search.q)
    )
    column = col(getattr(Book, search.sort.removeprefix("-")))
    order = column.desc() if search.sort.startswith("-") else column.asc()
    page = select(Book).where(found).order_by(order, col(Book.id))
    books = await session.exec(page.limit(search.limit).offset(search.offset))
    total = await session.exec(select(func.count()).select_from(Book).where(found))
    return Page(items=[BookShown.model_validate(book) for book in books], total=total.one())


@router.get("/{book_id}", dependencies=[auth.require("books:read")])
async def show_book(book_id: Id, session: AsyncDatabase) -> BookShown:
    return BookShown.model_validate(await existing(session, book_id))


@router.post("", status_code=201, dependencies=[auth.require("books:write")])
async def add_book(new: NewBook, session: AsyncDatabase) -> BookShown:
    await require_author(session, new.author_id)
    return await saved(session, Book(**new.model_dump()))


@router.patch("/{book_id}", dependencies=[auth.require("books:write")])
async def change_book(
    book_id: Id, changes: Allowed[BookChanges], session: AsyncDatabase
) -> BookShown:
    book = await existing(session, book_id)
    if changes.author_id is not None:
        await require_author(session, changes.author_id)
    book.sqlmodel_update(changes.model_dump(exclude_unset=True))
    return await saved(session, book)


async def existing(session: AsyncSession, book_id: int) -> Book:
    book = await session.get(Book, book_id)
    if book is None:
        raise HTTPException(404, f"There is no book {book_id}.")
    return book


async def require_author(session: AsyncSession, author_id: int) -> None:
    if await session.get(Author, author_id) is None:
        raise HTTPException(422, f"There is no author {author_id}.")


async def saved(session: AsyncSession, book: Book) -> BookShown:
    session.add(book)
    try:
        await session.flush()
    except (IntegrityError, StaleDataError):
        raise HTTPException(
            409, "Another book has this ISBN, or the book or its author is gone."
        ) from None
    await session.refresh(book)
    await session.commit()
    return BookShown.model_validate(book)
