"""Reviews of books."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from example_app.admin import admin
from example_app.models import Review, now
from tests.example_app.shop import session_on

AddBook = Callable[..., int]

REVIEW = {"reviewer": "Hugh Penrose", "rating": 4, "body": "A lovely, unhurried book."}


def test_a_review_is_shown_with_its_book(client: TestClient, add_book: AddBook) -> None:
    """And with no other one."""
    reviewed, other = add_book(), add_book()
    written = client.post(f"/api/books/{reviewed}/reviews", json=REVIEW)
    assert written.status_code == 201
    assert client.get(f"/api/books/{reviewed}/reviews").json() == {
        "items": [written.json()],
        "total": 1,
    }
    assert client.get(f"/api/books/{other}/reviews").json() == {"items": [], "total": 0}


def test_a_reader_reviews_a_book_once(client: TestClient, add_book: AddBook) -> None:
    """A second opinion is a conflict; another book is not."""
    first, second = add_book(), add_book()
    assert client.post(f"/api/books/{first}/reviews", json=REVIEW).status_code == 201
    assert client.post(f"/api/books/{first}/reviews", json=REVIEW).status_code == 409
    assert client.post(f"/api/books/{second}/reviews", json=REVIEW).status_code == 201


def test_the_newest_review_comes_first(client: TestClient, add_book: AddBook) -> None:
    """In pages, as all lists do."""
    url = f"/api/books/{add_book()}/reviews"
    for reviewer in ("Hugh", "Imogen", "Rupert"):
        client.post(url, json=REVIEW | {"reviewer": reviewer})
    page = client.get(f"{url}?limit=2").json()
    assert [review["reviewer"] for review in page["items"]] == ["Rupert", "Imogen"]
    assert page["total"] == 3


def test_a_review_out_of_bounds_is_refused(
    client: TestClient, add_book: AddBook, subtests: pytest.Subtests
) -> None:
    """Nothing of it is written."""
    url = f"/api/books/{add_book()}/reviews"
    unacceptable: list[dict[str, object]] = [
        {"rating": 0},
        {"rating": 6},
        {"rating": 3.5},
        {"rating": 2**64},
        {"body": ""},
        {"body": "a\x00b"},
        {"body": "x" * 5001},
        {"reviewer": " "},
        {"reviewer": None},
    ]
    for fields in unacceptable:
        with subtests.test(fields=fields):
            assert client.post(url, json=REVIEW | fields).status_code == 422
    assert client.get(url).json()["total"] == 0


def test_a_book_that_is_not_there_cannot_be_reviewed(client: TestClient) -> None:
    """It is 404."""
    assert client.post("/api/books/12/reviews", json=REVIEW).status_code == 404


def test_a_review_that_the_admin_keeps_out_of_sight_is_not_shown(
    client: TestClient, add_book: AddBook, shop_url: str
) -> None:
    """Nor counted; it comes back when it is restored."""
    url = f"/api/books/{add_book()}/reviews"
    written = client.post(url, json=REVIEW).json()
    reviews = next(each for each in admin.site.records() if each.model is Review)
    assert reviews.soft_deletion is not None
    for moment, shown in ((now(), []), (None, [written])):
        with session_on(shop_url) as session:
            session.get_one(Review, written["id"]).deleted_at = moment
            session.commit()
        assert client.get(url).json() == {"items": shown, "total": len(shown)}
