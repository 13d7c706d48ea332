"""The rows of the demonstration."""

import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func
from sqlmodel import col, select

from example_app.main import app
from example_app.models import Author, Book, Order, OrderStatus, Review
from example_app.seed import seed
from tests.example_app.shop import engine_on, session_on, somebody

SEED = [sys.executable, "-m", "example_app.seed"]


def sample(url: str) -> list[object]:
    """The first book, and the review made up last of all rows."""
    with session_on(url) as session:
        book = session.exec(select(Book).order_by(col(Book.id))).first()
        review = session.exec(select(Review).order_by(col(Review.id).desc())).first()
        assert book is not None
        assert review is not None
        return [book.title, book.isbn, book.price, review.reviewer, review.body, review.written_at]


def test_the_seed_fills_every_table(seeded_url: str) -> None:
    """With a few thousand rows, and orders in each status."""
    with session_on(seeded_url) as session:
        assert session.exec(select(func.count()).select_from(Author)).one() == 300
        assert session.exec(select(func.count()).select_from(Book)).one() == 2000
        assert session.exec(select(func.count()).select_from(Order)).one() == 1500
        assert session.exec(select(func.count()).select_from(Review)).one() == 3000
        assert set(session.exec(select(Order.status)).all()) == set(OrderStatus)


def test_the_same_number_gives_the_same_rows(seeded_url: str) -> None:
    """On either database, whenever and wherever it runs."""
    assert sample(seeded_url) == [
        "The Bookbinder's Widow",
        "9781400000005",
        Decimal("16.99"),
        "Shinichi Onishi",
        "Very nearly perfect. I read it on the train and missed my stop. Good company.",
        datetime(2026, 6, 5, 0, 33, 22, tzinfo=UTC),
    ]


def test_seeding_again_does_nothing(seeded_url: str) -> None:
    """Rows that are there stay as they are."""
    before = sample(seeded_url)
    with engine_on(seeded_url) as engine:
        assert seed(engine, number=2) == {}
    assert sample(seeded_url) == before


def test_another_number_gives_other_rows(shop_url: str, seeded_url: str) -> None:
    """The number is the whole source of chance."""
    with engine_on(shop_url) as engine:
        seed(engine, number=2)
    assert sample(shop_url) != sample(seeded_url)


def test_the_shop_goes_on_from_the_seed(seeded_url: str) -> None:
    """The database's own count of ids goes on where the seed ended."""
    with TestClient(app) as client:
        client.headers["X-API-Key"] = somebody(client, "books:*", "orders:*")[1]
        book = client.get("/api/books?sort=-published").json()["items"][0]
        new = {**book, "isbn": "9780306406157", "author_id": book["author"]["id"]}
        assert client.post("/api/books", json=new).status_code == 201
        review = {"reviewer": "A newcomer", "rating": 5, "body": "Splendid."}
        assert client.post(f"/api/books/{book['id']}/reviews", json=review).status_code == 201
        order = client.get("/api/orders?status=pending").json()["items"][0]
        paid = client.patch(f"/api/orders/{order['id']}", json={"status": "paid"})
        assert paid.json() == order | {"status": "paid"}


def test_the_command_seeds_and_says_what_it_wrote(shop_url: str) -> None:
    """A second time there is nothing to do."""
    written = subprocess.run(SEED, capture_output=True, text=True, check=True)
    assert written.stdout.startswith("300 authors, 2000 books, 1500 orders,")
    again = subprocess.run(SEED, capture_output=True, text=True, check=True)
    assert again.stdout == "Nothing to do.\n"


def test_without_tables_the_command_says_what_to_run(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails with one line."""
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_url)
    refused = subprocess.run(SEED, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "backoffice migrate up" in refused.stderr
    assert "Traceback" not in refused.stderr
