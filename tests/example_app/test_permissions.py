"""Who may do what in the shop."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event
from sqlalchemy.orm import Session
from sqlmodel import select

from backoffice.auth import User
from example_app.main import app
from example_app.models import Review
from tests.example_app.shop import call, services, session_on, somebody

AddBook = Callable[..., int]

BOOK = {
    "title": "On Moss",
    "isbn": "9781861972712",
    "author_id": 1,
    "published": "2021-03-04",
    "price": 1,
    "weight_kg": 1,
}
LINES = [{"book_id": 1, "quantity": 1}]
ORDER = {"customer": "Aoife", "email": "aoife@example.org", "country": "IE", "lines": LINES}
REVIEW = {"reviewer": "Hugh Penrose", "rating": 4, "body": "A lovely, unhurried book."}

GUARDED: list[tuple[str, str, Any, str]] = [
    ("GET", "/api/books", None, "books:read"),
    ("GET", "/api/books/1", None, "books:read"),
    ("POST", "/api/books", BOOK, "books:write"),
    ("PATCH", "/api/books/1", {"stock": 1}, "books:write"),
    ("GET", "/api/orders", None, "orders:read"),
    ("GET", "/api/orders/1", None, "orders:read"),
    ("POST", "/api/orders", ORDER, "orders:write"),
    ("PATCH", "/api/orders/1", {"status": "paid"}, "orders:write"),
    ("DELETE", "/api/books/1/reviews/1", None, "reviews:delete"),
]
OPEN = {"/health/live", "/health/ready", "/api/feed", "/api/quote", "/api/books/{book_id}/reviews"}
ALL = {"books:read", "books:write", "orders:read", "orders:write", "reviews:delete"}


@pytest.mark.parametrize(("method", "path", "body", "permission"), GUARDED)
def test_a_route_needs_its_permission(
    stranger: TestClient, author_id: int, method: str, path: str, body: Any, permission: str
) -> None:
    """A stranger is asked to sign in, all other permissions are not enough, the one is."""

    def status(**headers: str) -> int:
        return stranger.request(method, path, json=body, headers=headers).status_code

    _, others = somebody(stranger, *(ALL - {permission}))
    _, holder = somebody(stranger, permission)
    assert status() == 401
    assert status(**{"X-API-Key": others}) == 403
    assert status(**{"X-API-Key": holder}) not in {401, 403}


def test_prices_are_for_those_who_set_them(stranger: TestClient, add_book: AddBook) -> None:
    """Whoever writes the catalogue is told which field is not theirs."""
    book = add_book()

    def changed(key: str) -> Any:
        change = {"price": "7.00", "stock": 2}
        return stranger.patch(f"/api/books/{book}", json=change, headers={"X-API-Key": key})

    refused = changed(somebody(stranger, "books:write")[1])
    assert refused.status_code == 403
    assert refused.json()["detail"]["fields"] == ["price"]
    assert changed(somebody(stranger, "books:write", "books:price")[1]).status_code == 200


def test_a_reader_takes_back_their_own_review_and_no_other(
    stranger: TestClient, add_book: AddBook
) -> None:
    """An editor takes back any; of another book it is not there."""
    book, other = add_book(), add_book()
    reader, rival, editor = (
        {"X-API-Key": somebody(stranger, *permissions)[1]}
        for permissions in (["reviews:delete"], ["reviews:delete"], ["reviews:*"])
    )
    written = stranger.post(f"/api/books/{book}/reviews", json=REVIEW, headers=reader).json()
    again = REVIEW | {"reviewer": "Imogen"}
    more = stranger.post(f"/api/books/{book}/reviews", json=again, headers=reader).json()

    def deleted(of: int, review: Any, headers: dict[str, str]) -> int:
        path = f"/api/books/{of}/reviews/{review['id']}"
        return stranger.delete(path, headers=headers).status_code

    assert deleted(book, written, rival) == 404
    assert deleted(other, written, reader) == 404
    assert deleted(book, written, reader) == 204
    assert deleted(book, more, editor) == 204
    assert stranger.get(f"/api/books/{book}/reviews").json()["total"] == 0


def test_no_route_of_the_shop_is_open_by_accident(stranger: TestClient) -> None:
    """What a stranger may ask for without a credential is on one short list."""
    paths = stranger.get("/openapi.json").json()["paths"]
    open_ = {
        (method, path)
        for path, methods in paths.items()
        for method, operation in methods.items()
        if not path.startswith("/auth/") and not operation.get("security")
    }
    optional = {("get", "/api/feed")}
    guesses = {("post", "/api/quote")}
    assert open_ | optional == {("get", path) for path in OPEN} | guesses


def test_writing_a_review_needs_somebody(stranger: TestClient, author_id: int) -> None:
    """Anybody signed in will do, without any permission; reading needs nobody."""
    _, editor = somebody(stranger, "books:write")
    _, reader = somebody(stranger)
    book = BOOK | {"author_id": author_id}
    made = stranger.post("/api/books", json=book, headers={"X-API-Key": editor}).json()
    url = f"/api/books/{made['id']}/reviews"
    assert stranger.post(url, json=REVIEW).status_code == 401
    assert stranger.post(url, json=REVIEW, headers={"X-API-Key": reader}).status_code == 201
    assert stranger.get(url).json()["total"] == 1


def test_somebody_signed_in_is_told_who_they_are(stranger: TestClient) -> None:
    """A stranger is not."""
    user, key = somebody(stranger, "books:*", "orders:read")
    assert stranger.get("/api/whoami").status_code == 401
    assert stranger.get("/api/whoami", headers={"X-API-Key": key}).json() == {
        "id": str(user.id),
        "kind": "user",
        "method": "api_key",
        "permissions": ["books:*", "orders:read"],
    }


def test_the_feed_is_for_everybody(stranger: TestClient) -> None:
    """But not for somebody whose credential is not good."""
    user, key = somebody(stranger)
    assert stranger.get("/api/feed").json() == {"user": None}
    assert stranger.get("/api/feed", headers={"X-API-Key": key}).json() == {"user": str(user.id)}
    assert stranger.get("/api/feed", headers={"X-API-Key": "bo_wrong"}).status_code == 401


def test_quotes_are_limited(stranger: TestClient) -> None:
    """Each caller by themselves."""
    _, key = somebody(stranger)
    headers = {"X-API-Key": key}
    answers = [stranger.get("/api/quote", headers=headers) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert stranger.get("/api/quote").status_code == 200


def test_a_refused_sign_in_is_in_the_log(shop_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """With the address that it came from, at the latest when the shop closes."""
    form = {"username": "nobody@example.com", "password": "a guess"}
    with TestClient(app) as stranger:
        assert stranger.post("/auth/login", data=form).status_code == 401
    assert "a sign-in from testclient was refused" in caplog.text


@pytest.fixture
def reviewer(client: TestClient, add_book: AddBook) -> User:
    """An account that has reviewed a book, as another one has."""
    user, key = somebody(client)
    url = f"/api/books/{add_book()}/reviews"
    for headers, name in (({"X-API-Key": key}, "Hugh"), ({}, "Imogen")):
        written = client.post(url, json=REVIEW | {"reviewer": name}, headers=headers)
        assert written.status_code == 201
    return user


def reviewers(url: str) -> set[str]:
    with session_on(url) as session:
        return set(session.exec(select(Review.reviewer)).all())


def test_reviews_go_with_their_account(client: TestClient, reviewer: User, shop_url: str) -> None:
    """And no others do."""
    call(client, services(client).users.delete(reviewer.id, actor="test"))
    assert reviewers(shop_url) == {"Imogen"}


def test_reviews_stay_if_their_account_does(
    client: TestClient, reviewer: User, shop_url: str
) -> None:
    """Both go in one transaction: what stops it keeps both."""

    def refuse(_: Session) -> None:
        raise RuntimeError("no commit today")

    event.listen(Session, "before_commit", refuse)
    try:
        with pytest.raises(RuntimeError, match="no commit today"):
            call(client, services(client).users.delete(reviewer.id, actor="test"))
    finally:
        event.remove(Session, "before_commit", refuse)
    assert reviewers(shop_url) == {"Hugh", "Imogen"}
    assert call(client, services(client).users.get(reviewer.id)).id == reviewer.id


def test_health_tells_all_to_those_permitted_only(stranger: TestClient) -> None:
    """Everybody learns the status; the checks, their times and the graph need `health:read`."""
    _, keeper = somebody(stranger, "health:read")
    _, other = somebody(stranger, *ALL)

    def seen(key: str) -> set[str]:
        return set(stranger.get("/health/ready", headers={"X-API-Key": key}).json())

    assert seen(keeper) == {"status", "checks", "singletons", "graph"}
    assert seen(other) == {"status"}
    checks = stranger.get("/health/ready", headers={"X-API-Key": keeper}).json()["checks"]
    assert {"database", "limiter"} <= {each["name"] for each in checks if each["well"]}
