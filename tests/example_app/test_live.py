"""The stock over a websocket, for who may read books, and for as long as they may."""

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select
from starlette.testclient import WebSocketDenialResponse

from example_app.models import Book
from tests.example_app.shop import session_on, somebody


def refused(client: TestClient, **headers: str) -> int:
    with (
        pytest.raises(WebSocketDenialResponse) as refusal,
        client.websocket_connect("/api/live", headers=headers),
    ):
        pass
    return refusal.value.status_code


def test_it_is_for_readers_of_books(stranger: TestClient) -> None:
    """A stranger and the wrong role are refused before anything is accepted."""
    _, key = somebody(stranger, "orders:read")
    assert refused(stranger) == 401
    assert refused(stranger, **{"X-API-Key": key}) == 403


def test_it_tells_the_stock_of_a_book(client: TestClient, shop_url: str, author_id: int) -> None:
    """Of what is no book there is none, whatever is sent."""
    with session_on(shop_url) as session:
        isbn = "9780306406157"
        fields = {"title": "Dune", "published": "1965-08-01", "price": 10, "weight_kg": 0.5}
        book = {"author_id": author_id, "isbn": isbn, "stock": 7, **fields}
        session.add(Book.model_validate(book))
        session.commit()
        assert session.exec(select(Book)).one().stock == 7
    with client.websocket_connect("/api/live") as websocket:
        websocket.send_text(isbn)
        assert websocket.receive_json() == {"stock": 7}
        for other in ("9780306406158", "", "x\0", "x" * 10_000):
            websocket.send_text(other)
            assert websocket.receive_json() == {"stock": None}
        websocket.send_bytes(b"\xff")
        assert websocket.receive_json() == {"stock": None}
