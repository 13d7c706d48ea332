"""The shop as a whole: what it opens and closes, its health, and what it makes of rubbish."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from backoffice.core import SetupError
from example_app.main import app
from example_app.quotes import QUOTES

RUBBISH = [
    b"",
    b"null",
    b"[]",
    b'"',
    b"{",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"rating": ' + b"9" * 5000 + b"}",
    b'{"title": NaN, "price": NaN, "status": NaN, "rating": NaN, "customer": NaN}',
    b'{"title": 1e400, "price": 1e400, "lines": -Infinity, "rating": Infinity}',
    b'{"title": "\\ud800", "customer": "\\ud800", "reviewer": "\\udfff", "status": "\\ud800"}',
    b'{"email": "\\ud800@example.org", "isbn": "\\ud800", "country": "\\ud800"}',
    b'{"\\ud800": {"\\ud800": "\\ud800"}}',
    b'{"lines": [{"book_id": NaN, "quantity": "\\ud800"}]}',
]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/books"),
        ("PATCH", "/api/books/1"),
        ("POST", "/api/books/1/reviews"),
        ("POST", "/api/orders"),
        ("PATCH", "/api/orders/1"),
    ],
)
def test_rubbish_is_answered_with_a_clean_error(client: TestClient, method: str, path: str) -> None:
    """Neither JSON that cannot be sent back nor bytes that are no JSON break an answer."""
    for body in RUBBISH:
        headers = {"Content-Type": "application/json"}
        answer = client.request(method, path, content=body, headers=headers)
        # A change of unknown fields alone is no error, but there is no book to change.
        assert answer.status_code in {400, 404, 422}, body
        assert answer.json()["detail"]


def test_a_quote_is_one_of_those_on_file(client: TestClient) -> None:
    """It says where it comes from."""
    assert client.get("/api/quote").json() in [quote._asdict() for quote in QUOTES]


def test_wrong_guesses_alone_are_limited(client: TestClient) -> None:
    """Who knows the books may say so as often as they like."""
    right, wrong = QUOTES[0]._asdict(), {"text": QUOTES[0].text, "book": "Emma"}
    assert [client.post("/api/quote", json=right).status_code for _ in range(7)] == [200] * 7
    answers = [client.post("/api/quote", json=wrong).status_code for _ in range(6)]
    assert answers == [404] * 5 + [429]


def test_the_shop_is_live_and_ready(client: TestClient) -> None:
    """Both answers are 200 while the database answers, and one word to a stranger."""
    for path in ("/health/live", "/health/ready"):
        assert client.get(path).json() == {"status": "ok"}


@pytest.mark.parametrize(
    "url",
    ["sqlite:///{nowhere}/shop.db", "postgresql://postgres@127.0.0.1:1/shop"],
    ids=["sqlite", "postgresql"],
)
def test_without_its_database_the_shop_is_live_and_not_ready(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A platform takes it out of service and does not restart it; the log says why."""
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", url.format(nowhere=tmp_path / "nowhere"))
    with TestClient(app) as client:
        assert client.get("/health/live").status_code == 200
        assert client.get("/health/ready").status_code == 503
    assert "the database did not answer" in caplog.text


def test_a_database_of_another_kind_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error names the setting."""
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", "mysql://shop")
    with pytest.raises(SetupError, match="BACKOFFICE_DATABASE_URL"), TestClient(app):
        pass


def test_without_a_secret_key_the_shop_does_not_open(
    shop_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is none by default; the error says how to make one."""
    monkeypatch.delenv("BACKOFFICE_SECRET_KEY")
    with pytest.raises(SetupError, match="BACKOFFICE_SECRET_KEY"), TestClient(app):
        pass


def test_the_shop_opens_and_closes_again_and_again(shop_url: str) -> None:
    """Its lifespan leaves nothing open: a second run stands on its own."""
    for _ in range(2):
        with TestClient(app) as client:
            assert client.get("/health/ready").status_code == 200


def test_the_api_describes_itself(client: TestClient) -> None:
    """Each route has its own name, and the page loads."""
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/api/books", "/api/orders", "/api/books/{book_id}/reviews", "/api/quote"} <= set(paths)
    assert client.get("/docs").status_code == 200
