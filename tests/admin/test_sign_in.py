"""Signing in and out of the admin."""

import pytest
from fastapi.testclient import TestClient

from backoffice.auth import UserSession
from tests.admin.conftest import ORIGIN, House
from tests.auth.conftest import PASSWORD

FORM = {"email": "ann@example.com", "password": PASSWORD}


def test_signing_in_gives_a_session_that_opens_the_pages(house: House) -> None:
    """By a cookie that no script reads."""
    house.signed_in("books:view")
    assert house.open("/books").status_code == 200
    assert "ann@example.com" in house.open("/").text


def test_the_cookie_is_for_this_site_alone(house: House) -> None:
    """HttpOnly, SameSite; and secure with its prefix, over https."""
    house.user("ann@example.com", "admin:enter")
    cookie = house.sign_in().headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    answer = house.client.post(
        "https://testserver/admin/login", data=FORM, headers={"Origin": "https://testserver"}
    )
    assert answer.headers["set-cookie"].startswith("__Host-backoffice_session=")
    assert "secure" in answer.headers["set-cookie"].lower()


FAILURES = [
    ("ann@example.com", "wrong"),
    ("nobody@example.com", PASSWORD),
    ("off@example.com", PASSWORD),
    ("no address", PASSWORD),
    ("", ""),
    ("ann@example.com", "x" * 5000),
]


def test_a_failed_sign_in_says_nothing_of_why(house: House, subtests: pytest.Subtests) -> None:
    """The same words whether the address, the password or the account is not good."""
    house.user("ann@example.com", "admin:enter")
    off = house.user("off@example.com", "admin:enter")
    house.call(house.services.users.change(off.id, {"is_active": False}, actor="test"))
    for email, password in FAILURES:
        with subtests.test(f"{email} {password}"[:60]):
            answer = house.sign_in(email, password)
            assert answer.status_code == 401
            assert "The address or the password is not right." in answer.text
            assert "set-cookie" not in answer.headers
            assert house.events()[-1].event == "auth.sign_in_failed"


def test_each_sign_in_is_a_fresh_session(house: House) -> None:
    """The one before it ends: a session planted or stolen earlier is worth nothing."""
    house.signed_in("books:view")
    first = house.client.cookies["backoffice_session"]
    house.sign_in()
    second = house.client.cookies["backoffice_session"]
    assert first != second
    assert house.open("/books").status_code == 200
    house.client.cookies.clear()
    assert house.open("/books", Cookie=f"backoffice_session={first}").status_code == 303


def test_a_planted_session_is_not_taken_over(house: House) -> None:
    """Session fixation: what the browser brought along is replaced, not raised."""
    house.signed_in("books:view", email="mallory@example.com")
    planted = house.client.cookies["backoffice_session"]
    house.user("ann@example.com", "admin:enter")
    house.sign_in("ann@example.com")
    assert house.client.cookies["backoffice_session"] != planted
    assert "ann@example.com" in house.open("/").text


def test_signing_out_ends_the_session_everywhere(house: House) -> None:
    """Its cookie is cleared, and dead where it was copied to."""
    house.signed_in("books:view")
    cookie = house.client.cookies["backoffice_session"]
    answer = house.send("/logout", {})
    assert answer.headers["location"] == "/admin/login"
    assert answer.headers["clear-site-data"] == '"cache"'
    assert "backoffice_session" not in house.client.cookies
    assert house.open("/books", Cookie=f"backoffice_session={cookie}").status_code == 303
    assert [each.ended_at is None for each in house.all(UserSession)] == [False]


def test_signing_out_is_no_link(house: House) -> None:
    """A page elsewhere could hold an image with that address."""
    house.signed_in("books:view")
    assert house.open("/logout").status_code == 404
    assert house.open("/books").status_code == 200


def test_signing_out_needs_the_token_of_the_session(house: House) -> None:
    """As every form does."""
    house.signed_in("books:view")
    assert house.send("/logout", {}, token="").status_code == 403
    assert house.open("/books").status_code == 200


ELSEWHERE: list[dict[str, str]] = [
    {},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://testserver"},
]


def test_nobody_is_signed_in_from_another_site(house: House, subtests: pytest.Subtests) -> None:
    """Login CSRF: a victim would work in the account of somebody else."""
    house.user("ann@example.com", "admin:enter")
    for headers in ELSEWHERE:
        with subtests.test(f"{headers}"):
            answer = house.client.post("/admin/login", data=FORM, headers=headers)
            assert answer.status_code == 403
            assert "set-cookie" not in answer.headers


def test_somebody_signed_in_is_not_asked_again(house: House) -> None:
    """The sign-in page leads on."""
    house.signed_in("books:view")
    assert house.open("/login?next=/admin/books").headers["location"] == "/admin/books"


def test_somebody_who_may_not_enter_may_sign_in_as_somebody_else(house: House) -> None:
    """The page says who they are, and does not send them round in circles."""
    house.user("wrong@example.com")
    house.sign_in("wrong@example.com")
    page = house.open("/login")
    assert page.status_code == 200
    assert "You are signed in as wrong@example.com" in page.text


def test_tries_are_limited(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """By BACKOFFICE_AUTH__SIGN_IN_LIMIT, whatever is tried; the page says when to come back."""
    monkeypatch.setenv("BACKOFFICE_AUTH__SIGN_IN_LIMIT", "3/minute")
    house.user("ann@example.com", "admin:enter")
    other = House()
    with TestClient(other.app, follow_redirects=False) as client:
        answers = [
            client.post("/admin/login", data={**FORM, "password": "wrong"}, headers=ORIGIN)
            for _ in range(3)
        ]
        answers.append(client.post("/admin/login", data=FORM, headers=ORIGIN))
    assert [each.status_code for each in answers] == [401, 401, 401, 429]
    assert int(answers[-1].headers["retry-after"]) <= 60
    assert "<form" in answers[-1].text


def test_a_huge_sign_in_form_is_refused(house: House) -> None:
    """Nobody has signed in yet: a stranger's bytes are not kept."""
    answer = house.client.post("/admin/login", data={**FORM, "more": "x" * 50_000}, headers=ORIGIN)
    assert answer.status_code == 413


def test_what_was_typed_is_not_markup(house: House) -> None:
    """The address comes back as text."""
    answer = house.sign_in('"><script>alert(1)</script>', "x")
    assert "<script>alert" not in answer.text
