"""Forms of a browser app: the token of the session beside the origin."""

from typing import Annotated

import pytest
from fastapi import APIRouter, Form
from httpx2 import Response

from tests.auth.conftest import PASSWORD, House, headers
from tests.auth.test_sessions import SAME_ORIGIN

pytestmark = pytest.mark.one_database


@pytest.fixture
def shop(house: House) -> House:
    """The app, with a page that has a form, and the route that takes it."""
    router = APIRouter()

    @router.get("/form")
    async def form(token: Annotated[str, house.auth.csrf_token()]) -> str:
        return token

    @router.post("/form", dependencies=[house.auth.csrf()])
    async def taken(title: Annotated[str, Form()] = "") -> str:
        return title

    @router.post("/json", dependencies=[house.auth.csrf()])
    async def taken_as_json(body: dict[str, str]) -> dict[str, str]:
        return body

    house.app.include_router(router)
    house.user()
    return house


def token_of(shop: House, cookie: str) -> str:
    token: str = shop.get("/form", cookie=cookie).json()
    return token


def send(shop: House, cookie: str, token: str | None, **more: str) -> Response:
    form = {"title": "Dune"} | ({} if token is None else {"csrf_token": token})
    sent = headers(cookie=cookie) | SAME_ORIGIN | more
    return shop.client.post("/form", data=form, headers=sent)


def refused(response: Response) -> bool:
    return response.status_code == 403 and response.json()["detail"]["code"] == "csrf_failed"


def test_a_form_with_the_token_of_its_session_is_taken(shop: House) -> None:
    cookie = shop.cookie()
    answer = send(shop, cookie, token_of(shop, cookie))
    assert (answer.status_code, answer.json()) == (200, "Dune")


def test_a_script_may_send_it_in_a_header(shop: House) -> None:
    cookie = shop.cookie()
    sent = headers(cookie=cookie) | SAME_ORIGIN | {"X-CSRF-Token": token_of(shop, cookie)}
    assert shop.client.post("/json", json={"a": "b"}, headers=sent).json() == {"a": "b"}
    del sent["X-CSRF-Token"]
    assert refused(shop.client.post("/json", json={"a": "b"}, headers=sent))


@pytest.mark.parametrize("token", [None, "", "x", "é", "A" * 59, "A" * 100_000, "\ud800"])
def test_a_form_without_it_or_with_a_made_up_one_is_refused(shop: House, token: str | None) -> None:
    if token == "\ud800":
        raw = b"csrf_token=%ED%A0%80"
        sent = headers(cookie=shop.cookie()) | SAME_ORIGIN
        sent["Content-Type"] = "application/x-www-form-urlencoded"
        assert refused(shop.client.post("/form", content=raw, headers=sent))
        return
    assert refused(send(shop, shop.cookie(), token))


def test_the_token_of_another_session_is_refused(shop: House) -> None:
    """Of the same person too: it is bound to the session, not to the account."""
    one, other = shop.cookie(), shop.cookie()
    assert refused(send(shop, one, token_of(shop, other)))


def test_neither_the_cookie_nor_a_refresh_token_serves_as_one(shop: House) -> None:
    cookie = shop.cookie()
    refresh_token = shop.login().json()["refresh_token"]
    for each in (cookie, refresh_token, refresh_token.removeprefix("bor_")):
        assert refused(send(shop, cookie, each))
    assert shop.get("/who", cookie=token_of(shop, cookie)).status_code == 401


def test_it_changes_with_the_session(shop: House) -> None:
    """At each sign-in, and when the password is proved anew."""
    cookie = shop.cookie()
    before = token_of(shop, cookie)
    sent = headers(cookie=cookie) | SAME_ORIGIN
    answer = shop.client.post("/auth/reauthenticate", json={"password": PASSWORD}, headers=sent)
    new = answer.cookies["backoffice_session"]
    shop.client.cookies.clear()
    assert refused(send(shop, new, before))
    assert send(shop, new, token_of(shop, new)).status_code == 200


def test_each_page_spells_it_differently(shop: House) -> None:
    """What a compressed page repeats can be guessed from its length (BREACH)."""
    cookie = shop.cookie()
    tokens = {token_of(shop, cookie) for _ in range(20)}
    assert len(tokens) == 20
    assert len({each[30:] for each in tokens}) == 20
    assert {send(shop, cookie, each).status_code for each in tokens} == {200}


def test_the_right_token_does_not_make_up_for_another_origin(shop: House) -> None:
    cookie = shop.cookie()
    token = token_of(shop, cookie)
    assert refused(send(shop, cookie, token, **{"Sec-Fetch-Site": "cross-site"}))


def test_tokens_and_keys_need_none(shop: House) -> None:
    user = shop.call(shop.services.users.find("ann@example.com"))
    for sent in (headers(shop.token()), headers(key=shop.key(user))):
        answer = shop.client.post("/form", data={"title": "Dune"}, headers=sent)
        assert answer.json() == "Dune"
        assert shop.client.get("/form", headers=sent).json() == ""


def test_a_strangers_form_has_to_come_from_a_page_of_this_site(shop: House) -> None:
    assert shop.get("/form").json() == ""
    assert shop.client.post("/form", data={"title": "x"}, headers=SAME_ORIGIN).json() == "x"
    for sent in ({}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "same-site"}):
        assert refused(shop.client.post("/form", data={"title": "x"}, headers=sent))


def test_a_bad_credential_is_refused_before(shop: House) -> None:
    for sent in (headers("bad"), headers(key="bad"), headers(cookie="bad")):
        answer = shop.client.post("/form", data={"title": "x"}, headers=sent | SAME_ORIGIN)
        assert answer.status_code == 401
        assert shop.client.get("/form", headers=sent).status_code == 401


def test_a_token_sealed_by_the_previous_secret_is_taken(
    shop: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages stay good while the app's secret is being changed."""
    from backoffice.auth.csrf import Csrf

    cookie = shop.cookie()
    token = token_of(shop, cookie)
    old, new = b"k" * 32, b"n" * 32
    for secrets, status in (((new, old), 200), ((new,), 403)):
        seal = Csrf(shop.services.resolver, secrets)._seal
        monkeypatch.setattr(shop.services.csrf, "_seal", seal)
        assert send(shop, cookie, token).status_code == status
