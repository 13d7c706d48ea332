"""The shop on a migrated database, and a client of it."""

from collections.abc import Callable, Iterator

import pytest
from fastapi.testclient import TestClient

from example_app.main import app
from example_app.models import Author
from tests.example_app.shop import migrate, migrate_and_seed, session_on, somebody
from tests.services.databases import Prepare

Copies = Callable[[str, Prepare], str]


@pytest.fixture(autouse=True)
def secret_key(bare_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one the app does not start."""
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)


@pytest.fixture
def shop_url(database_from_template: Copies, monkeypatch: pytest.MonkeyPatch) -> str:
    """A migrated database without rows, which the app will open."""
    url = database_from_template("shop", migrate)
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", url)
    return url


@pytest.fixture
def seeded_url(database_from_template: Copies, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database with the seed's rows, which the app will open."""
    url = database_from_template("seeded_shop", migrate_and_seed)
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", url)
    return url


@pytest.fixture
def stranger(shop_url: str) -> Iterator[TestClient]:
    """A client of the open shop; an exception that the app does not answer fails the test."""
    with TestClient(app) as client:
        yield client


@pytest.fixture
def client(stranger: TestClient) -> TestClient:
    """The same client, as somebody who may do all there is to do in the shop."""
    stranger.headers["X-API-Key"] = somebody(stranger, "books:*", "orders:*")[1]
    return stranger


@pytest.fixture
def author_id(shop_url: str) -> int:
    with session_on(shop_url) as session:
        author = Author(name="Maeve Delaney", country="IE")
        session.add(author)
        session.commit()
        assert author.id is not None
        return author.id


@pytest.fixture
def add_book(client: TestClient, author_id: int) -> Callable[..., int]:
    """Adds a book, with the fields given; returns its id."""
    isbns = iter(["9780306406157", "9781861972712", "9783161484100"])

    def add(**fields: object) -> int:
        book = {
            "title": "The Salt Merchant's Almanac",
            "isbn": next(isbns),
            "author_id": author_id,
            "published": "2021-03-04",
            "price": "12.50",
            "weight_kg": 0.4,
            "stock": 5,
        }
        answer = client.post("/api/books", json=book | fields)
        assert answer.status_code == 201, answer.text
        book_id: int = answer.json()["id"]
        return book_id

    return add
