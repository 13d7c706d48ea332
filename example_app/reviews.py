"""Reviews of books, which anybody may read; plain `def` routes, run in worker threads."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query
from sqlalchemy import ColumnElement, func
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from backoffice.auth import Principal, public
from example_app.accounts import auth
from example_app.database import SyncDatabase
from example_app.models import Book, Review
from example_app.schemas import Id, NewReview, Page, Paging, ReviewShown

router = APIRouter(prefix="/api/books/{book_id}/reviews", tags=["reviews"])


@auth.policy(Review, "delete")
def own_reviews(who: Principal, review: type[Review]) -> ColumnElement[bool] | bool:
    """One's own; anybody's for those who could rewrite it anyway."""
    return who.can("reviews:change") or col(review.account_id) == who.id


def review_of(book_id: Id, review_id: Id, session: SyncDatabase) -> Review | None:
    review = session.get(Review, review_id)
    return review if review is not None and review.book_id == book_id else None


@router.get("")
@public
def list_reviews(
    book_id: Id, paging: Annotated[Paging, Query()], session: SyncDatabase
) -> Page[ReviewShown]:
    require_book(session, book_id)
    found = (col(Review.book_id) == book_id) & col(Review.deleted_at).is_(None)
    page = select(Review).where(found).order_by(col(Review.written_at).desc(), col(Review.id))
    reviews = session.exec(page.limit(paging.limit).offset(paging.offset))
    total = session.exec(select(func.count()).select_from(Review).where(found)).one()
    return Page(items=[ReviewShown.model_validate(review) for review in reviews], total=total)


@router.post("", status_code=201)
def write_review(
    book_id: Id,
    new: NewReview,
    session: SyncDatabase,
    who: Annotated[Principal, auth.require()],
) -> ReviewShown:
    require_book(session, book_id)
    review = Review(book_id=book_id, account_id=who.id, **new.model_dump())
    session.add(review)
    try:
        session.commit()
    except IntegrityError:
        raise HTTPException(409, f"{new.reviewer} has reviewed this book, or it is gone.") from None
    return ReviewShown.model_validate(review)


@router.delete(
    "/{review_id}", status_code=204, dependencies=[auth.require("reviews:delete", on=review_of)]
)
def delete_review(review: Annotated[Review, Depends(review_of)], session: SyncDatabase) -> None:
    session.delete(review)
    session.commit()


def require_book(session: Session, book_id: int) -> None:
    if session.get(Book, book_id) is None:
        raise HTTPException(404, f"There is no book {book_id}.")
