"""Books: found, shown, added and changed."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from tests.example_app.shop import engine_on

AddBook = Callable[..., int]


def titles(client: TestClient, query: str) -> list[str]:
    answer = client.get(f"/api/books?{query}")
    assert answer.status_code == 200, answer.text
    return [book["title"] for book in answer.json()["items"]]


def test_an_added_book_is_shown_with_its_author(client: TestClient, add_book: AddBook) -> None:
    """Money is exact text with two decimals, whatever the database makes of it."""
    book = client.get(f"/api/books/{add_book(price='12.5')}").json()
    assert book["title"] == "The Salt Merchant's Almanac"
    assert book["author"]["name"] == "Maeve Delaney"
    assert (book["price"], book["weight_kg"], book["stock"]) == ("12.50", 0.4, 5)


def test_books_are_found_by_title_author_and_isbn(client: TestClient, add_book: AddBook) -> None:
    """The search ignores case and takes parts of words, but an ISBN whole."""
    add_book(title="The Quiet Harbour")
    add_book(title="On Moss")
    assert titles(client, "q=HARB") == ["The Quiet Harbour"]
    assert titles(client, "q=delaney") == ["On Moss", "The Quiet Harbour"]
    assert titles(client, "q=9781861972712") == ["On Moss"]
    assert titles(client, "q=nothing") == []


def test_wildcards_in_a_search_are_ordinary_characters(
    client: TestClient, add_book: AddBook
) -> None:
    """A per cent sign finds a per cent sign, not everything."""
    add_book(title="100% Wool")
    add_book(title="On Moss")
    assert titles(client, "q=%25") == ["100% Wool"]
    assert titles(client, "q=_") == []


def test_books_come_in_pages_in_the_order_asked_for(client: TestClient, add_book: AddBook) -> None:
    """The total counts what was found, not what the page holds."""
    add_book(title="A", price="9.99")
    add_book(title="B", price="30")
    add_book(title="C", price="9.99")
    assert titles(client, "sort=-price") == ["B", "A", "C"]
    assert titles(client, "sort=-title&limit=1&offset=1") == ["B"]
    assert client.get("/api/books?limit=1").json()["total"] == 3


def test_a_book_is_changed_only_where_asked(client: TestClient, add_book: AddBook) -> None:
    """Fields that a change leaves out keep what they hold."""
    book_id = add_book()
    before = client.get(f"/api/books/{book_id}").json()
    answer = client.patch(f"/api/books/{book_id}", json={"price": "7", "in_print": False})
    assert answer.status_code == 200
    assert answer.json() == before | {"price": "7.00", "in_print": False}
    assert client.get(f"/api/books/{book_id}").json() == answer.json()


def test_an_isbn_is_taken_once(client: TestClient, add_book: AddBook, author_id: int) -> None:
    """The second book of an ISBN is a conflict, hyphens or not."""
    add_book(isbn="978-0-306-40615-7")
    again = {
        "title": "Another",
        "isbn": "9780306406157",
        "author_id": author_id,
        "published": "2020-01-01",
        "price": 1,
        "weight_kg": 1,
    }
    assert client.post("/api/books", json=again).status_code == 409
    assert client.get("/api/books").json()["total"] == 1


UNACCEPTABLE: list[dict[str, object]] = [
    {"author_id": 999},
    {"author_id": 2**31},
    {"author_id": 2**64},
    {"title": ""},
    {"title": "  "},
    {"title": "x" * 201},
    {"title": "a\x00b"},
    {"price": "-0.01"},
    {"price": "12.345"},
    {"price": "123456789"},
    {"price": "1e400"},
    {"price": "NaN"},
    {"weight_kg": 0},
    {"weight_kg": "inf"},
    {"stock": -1},
    {"stock": 2**31},
    {"stock": 1.5},
    {"published": "2021-02-30"},
    {"published": "99999-01-01"},
]


def test_a_book_that_the_database_would_refuse_is_not_added(
    client: TestClient, author_id: int, subtests: pytest.Subtests
) -> None:
    """Nothing of it is written."""
    book: dict[str, object] = {
        "title": "On Moss",
        "isbn": "9781861972712",
        "author_id": author_id,
        "published": "2021-03-04",
        "price": "12.50",
        "weight_kg": 0.4,
    }
    isbns = ["9780306406158", "٩٧٨٠٣٠٦٤٠٦١٥٧", "97803064061570000000000", "978030640615", "x"]
    for fields in UNACCEPTABLE + [{"isbn": isbn} for isbn in isbns]:
        with subtests.test(fields=fields):
            assert client.post("/api/books", json=book | fields).status_code == 422
    assert client.get("/api/books").json()["total"] == 0


def test_a_book_is_not_changed_to_what_the_database_would_refuse(
    client: TestClient, add_book: AddBook, subtests: pytest.Subtests
) -> None:
    """The acceptable part of such a change is not written either."""
    book_id = add_book()
    before = client.get(f"/api/books/{book_id}").json()
    nulls: list[dict[str, object]] = [{field: None} for field in ("title", "price", "author_id")]
    for fields in UNACCEPTABLE + nulls:
        with subtests.test(fields=fields):
            change = {"in_print": False, **fields}
            assert client.patch(f"/api/books/{book_id}", json=change).status_code == 422
    assert client.get(f"/api/books/{book_id}").json() == before


def test_a_book_that_is_removed_while_it_is_changed(
    client: TestClient, add_book: AddBook, shop_url: str
) -> None:
    """The change is a conflict, for there is nothing left to change."""
    book_id = add_book()

    def remove(*_: object) -> None:
        with engine_on(shop_url) as engine, engine.begin() as connection:
            connection.execute(text("DELETE FROM book"))

    event.listen(Session, "before_flush", remove)
    try:
        assert client.patch(f"/api/books/{book_id}", json={"price": 1}).status_code == 409
    finally:
        event.remove(Session, "before_flush", remove)


def test_a_search_out_of_bounds_is_refused(client: TestClient, subtests: pytest.Subtests) -> None:
    """Neither a page without end nor a column that is not offered reaches the database."""
    for query in (
        "limit=0",
        "limit=101",
        "limit=x",
        "offset=-1",
        f"offset={2**64}",
        "sort=stock",
        "sort=title;--",
        "q=%00",
        f"q={'x' * 101}",
    ):
        with subtests.test(query=query):
            assert client.get(f"/api/books?{query}").status_code == 422


def test_what_is_not_there_is_not_found(client: TestClient, subtests: pytest.Subtests) -> None:
    """An id that no row has is 404, and one that no row can have is 422."""
    no_row = ["12", f"{2**31 - 1}"]
    no_id = [f"{2**31}", f"{2**64}", "9" * 5000, "0", "-1", "x", "%00", "1.5"]
    for row_id, status in [(row_id, 404) for row_id in no_row] + [(each, 422) for each in no_id]:
        with subtests.test(id=row_id[:30]):
            assert client.get(f"/api/books/{row_id}").status_code == status
            assert client.patch(f"/api/books/{row_id}", json={}).status_code == status
            assert client.get(f"/api/books/{row_id}/reviews").status_code == status
            assert client.get(f"/api/orders/{row_id}").status_code == status
