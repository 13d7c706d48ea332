"""Books: found, shown, added and changed."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

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


@pytest.mark.parametrize(
    "fields",
    [
        {"isbn": "9780306406158"},
        {"isbn": "٩٧٨٠٣٠٦٤٠٦١٥٧"},
        {"isbn": "97803064061570000000000"},
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
    ],
)
def test_a_book_that_the_database_would_refuse_is_refused_before(
    client: TestClient, author_id: int, fields: dict[str, object]
) -> None:
    """Nothing of it is written, whether it is added or another one is changed to it."""
    book: dict[str, object] = {
        "title": "On Moss",
        "isbn": "9781861972712",
        "author_id": author_id,
        "published": "2021-03-04",
        "price": "12.50",
        "weight_kg": 0.4,
    }
    assert client.post("/api/books", json=book | fields).status_code == 422
    book_id = client.post("/api/books", json=book).json()["id"]
    before = client.get(f"/api/books/{book_id}").json()
    changed = client.patch(f"/api/books/{book_id}", json={"in_print": False} | fields)
    # The ISBN of a book does not change, so it is no part of a change.
    assert changed.status_code == (200 if "isbn" in fields else 422)
    after = client.get(f"/api/books/{book_id}").json()
    assert after == before | {"in_print": "isbn" not in fields}


def test_no_field_of_a_book_can_be_emptied(client: TestClient, add_book: AddBook) -> None:
    """A null is refused and not taken for a field left out."""
    book_id = add_book()
    for field in ("title", "author_id", "published", "price", "weight_kg", "stock", "in_print"):
        assert client.patch(f"/api/books/{book_id}", json={field: None}).status_code == 422


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "offset=-1",
        f"offset={2**64}",
        "sort=stock",
        "sort=title;--",
        "q=%00",
        f"q={'x' * 101}",
    ],
)
def test_a_search_out_of_bounds_is_refused(client: TestClient, query: str) -> None:
    """Neither a page without end nor a column that is not offered reaches the database."""
    assert client.get(f"/api/books?{query}").status_code == 422


@pytest.mark.parametrize(
    ("book_id", "status"),
    [
        ("12", 404),
        (f"{2**31 - 1}", 404),
        (f"{2**31}", 422),
        (f"{2**64}", 422),
        ("9" * 5000, 422),
        ("0", 422),
        ("-1", 422),
        ("x", 422),
        ("%00", 422),
        ("1.5", 422),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_book_that_is_not_there(client: TestClient, book_id: str, status: int) -> None:
    """An id that no book has is 404, and one that no book can have is 422."""
    assert client.get(f"/api/books/{book_id}").status_code == status
    assert client.patch(f"/api/books/{book_id}", json={}).status_code == status
    assert client.get(f"/api/books/{book_id}/reviews").status_code == status
    assert client.get(f"/api/orders/{book_id}").status_code == status
