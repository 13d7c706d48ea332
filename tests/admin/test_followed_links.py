"""The pages that links lead to: a new password, an address that is confirmed."""

import re
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from backoffice.admin import Admin
from backoffice.admin.headers import CONTENT_SECURITY_POLICY
from backoffice.auth.sessions import Client
from backoffice.core import SetupError
from tests.admin.conftest import ORIGIN, BookAdmin, House
from tests.admin.recovering import ANN, MAILING, NEW, OTHER, forgotten, link, send, token, verified
from tests.admin.test_sign_in import ELSEWHERE
from tests.auth.conftest import PASSWORD

pytestmark = pytest.mark.one_database

BAD = ["", "bol_x", "bol_" + "A" * 43, "bol_" + "é" * 43, "x" * 5000, '"><script>']


@pytest.fixture(autouse=True)
def mailing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in MAILING.items():
        monkeypatch.setenv(name, value)


def asked_to_verify(house: House) -> str:
    assert send(house, "request-verify", email=ANN).status_code == 303
    return link(house)


def opened(house: House, address: str) -> Any:
    return house.client.get(address)


class TestNewPassword:
    def test_a_forgotten_password_is_replaced(self, house: House) -> None:
        house.user("ann@example.com", "admin:enter")
        address = forgotten(house)
        page = opened(house, address)
        assert page.status_code == 200
        assert f'name="token" value="{token(address)}"' in page.text
        assert 'autocomplete="new-password" minlength="8" required' in page.text
        assert "At least 8 characters" in page.text
        answer = send(house, "reset-password", token=token(address), password=OTHER)
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin/login?done=reset")
        assert "The password was changed." in house.client.get(answer.headers["location"]).text
        assert house.sign_in(password=PASSWORD).status_code == 401
        assert house.sign_in(password=OTHER).status_code == 303

    def test_opening_the_link_changes_nothing(self, house: House) -> None:
        """However often, and whoever does: programs open each link of a mail."""
        house.user("ann@example.com", "admin:enter")
        address = forgotten(house)
        for method in ("GET", "HEAD", "GET"):
            assert house.client.request(method, address).status_code == 200
        assert house.sign_in(password=PASSWORD).status_code == 303
        again = send(house, "reset-password", token=token(address), password=OTHER)
        assert again.status_code == 303

    @pytest.mark.parametrize(
        ("password", "reason"),
        [
            ("short", "at least 8"),
            ("password1", "Too many people use"),
            ("", "at least 8"),
            (ANN, "address"),
        ],
    )
    def test_a_password_that_is_refused_is_told_why_and_the_link_is_good_still(
        self, house: House, password: str, reason: str
    ) -> None:
        house.user()
        text = token(forgotten(house))
        answer = send(house, "reset-password", token=text, password=password)
        assert answer.status_code == 422
        error = re.search(r'id="password-error">([^<]+)<', answer.text)
        assert error is not None
        assert reason in error[1]
        described = 'aria-describedby="password-error password-help" aria-invalid="true" autofocus'
        assert described in answer.text
        assert "alert" not in answer.text
        assert send(house, "reset-password", token=text, password=OTHER).status_code == 303

    def test_the_least_length_is_that_of_the_settings(
        self, settings: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("BACKOFFICE_AUTH__PASSWORD_MIN_LENGTH", "15")
        with House() as house:
            house.user()
            page = opened(house, forgotten(house)).text
        assert 'minlength="15"' in page
        assert "At least 15 characters" in page

    def test_the_longest_password_in_the_widest_letters_is_taken(self, house: House) -> None:
        house.user("ann@example.com", "admin:enter")
        long = "\N{OLD PERSIAN SIGN A}\N{OLD PERSIAN SIGN I}" * 512
        text = token(forgotten(house))
        assert send(house, "reset-password", token=text, password=long + "x").status_code == 422
        assert send(house, "reset-password", token=text, password=long).status_code == 303

    def test_a_link_is_good_once(self, house: House) -> None:
        house.user()
        address = forgotten(house)
        send(house, "reset-password", token=token(address), password=OTHER)
        again = send(house, "reset-password", token=token(address), password="a third password")
        assert (opened(house, address).status_code, again.status_code) == (400, 400)

    def test_ones_own_session_ends(self, house: House) -> None:
        """And whoever it was is told so on the sign-in page."""
        house.signed_in("books:view")
        text = token(forgotten(house))
        answer = send(house, "reset-password", token=text, password=OTHER)
        page = house.client.get(answer.headers["location"])
        assert (page.status_code, "The password was changed." in page.text) == (200, True)

    def test_somebody_elses_session_goes_on(self, house: House) -> None:
        house.user(NEW)
        house.signed_in("books:view")
        text = token(forgotten(house, NEW))
        answer = send(house, "reset-password", token=text, password=OTHER)
        assert house.client.get(answer.headers["location"]).headers["location"] == "/admin/"
        assert "The password was changed." in house.open("/").text


class TestConfirming:
    def test_an_address_is_confirmed_by_the_button_alone(self, house: House) -> None:
        house.user()
        address = asked_to_verify(house)
        page = opened(house, address)
        assert (page.status_code, verified(house)) == (200, False)
        assert '<button class="primary wide">Confirm</button>' in page.text
        answer = send(house, "verify", token=token(address))
        assert answer.headers["location"] == "/admin/login?done=verified"
        assert "The address is confirmed." in house.client.get(answer.headers["location"]).text
        assert verified(house)
        assert send(house, "verify", token=token(address)).status_code == 400

    def test_a_new_address_counts_once_it_is_confirmed(self, house: House) -> None:
        user = house.user()
        change = house.services.recovery.request_address(user.id, PASSWORD, NEW, Client())
        house.call(change)
        text = token(link(house, NEW))
        assert send(house, "verify", token=text).status_code == 303
        assert verified(house, NEW)

    def test_an_address_that_is_taken_by_then_is_told(self, house: House) -> None:
        user = house.user()
        change = house.services.recovery.request_address(user.id, PASSWORD, NEW, Client())
        house.call(change)
        text = token(link(house, NEW))
        house.user(NEW)
        answer = send(house, "verify", token=text)
        assert answer.status_code == 409
        assert "The address has an account of its own by now." in answer.text

    def test_somebody_signed_in_stays_so(self, house: House) -> None:
        house.signed_in("books:view")
        answer = send(house, "verify", token=token(asked_to_verify(house)))
        assert house.client.get(answer.headers["location"]).headers["location"] == "/admin/"
        assert "The address is confirmed." in house.open("/").text


PAGES = [("reset-password", "forgot-password"), ("verify", "request-verify")]


@pytest.mark.parametrize(("page", "way"), PAGES)
def test_a_link_that_is_not_good_leads_to_where_one_asks_for_another(
    house: House, page: str, way: str
) -> None:
    for text in BAD:
        form = {"token": text, "password": OTHER}
        for answer in (
            house.client.get(f"/admin/{page}", params={"token": text}),
            send(house, page, ORIGIN, **form),
        ):
            assert answer.status_code == 400
            assert "autofocus>The link is not good: used, replaced or run out." in answer.text
            assert f'href="/admin/{way}"' in answer.text
            assert "<form" not in answer.text


@pytest.mark.parametrize("page", ["reset-password", "verify"])
def test_guesses_at_tokens_are_limited(
    settings: None, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    """Whether they are opened or sent, and together with those at the API."""
    monkeypatch.setenv("BACKOFFICE_AUTH__GUESS_LIMIT", "3/minute")
    with House() as house:
        house.user()
        body = {"token": "bol_x", "password": OTHER}
        house.client.post("/auth/reset-password", json=body)
        opened(house, f"/admin/{page}?token=bol_y")
        assert send(house, page, ORIGIN, **body).status_code == 400
        for answer in (
            send(house, page, ORIGIN, **body),
            opened(house, f"/admin/{page}?token=bol_z"),
        ):
            assert answer.status_code == 429
            assert f"try again in {answer.headers['retry-after']} second" in answer.text
        good = forgotten(house)
        assert send(house, "reset-password", token=token(good), password=OTHER).status_code == 303


def test_no_other_site_sends_the_form(house: House) -> None:
    house.user("ann@example.com", "admin:enter")
    text = token(forgotten(house))
    for headers in ELSEWHERE:
        form = {"token": text, "password": OTHER}
        assert send(house, "reset-password", headers, **form).status_code == 403
        assert send(house, "verify", headers, **form).status_code == 403
    assert house.sign_in(password=PASSWORD).status_code == 303


def test_programs_are_sent_away(house: House) -> None:
    """As from the sign-in page: they have routes of their own."""
    for page in ("forgot-password", "reset-password", "request-verify", "verify"):
        assert house.open(f"/{page}", Authorization="Bearer x").status_code == 401


def test_a_page_that_has_a_token_tells_its_address_to_nobody(house: House) -> None:
    """Nor does any answer in its place; it is stored nowhere, and holds no script."""
    house.user()
    forms = [forgotten(house), asked_to_verify(house)]
    refused = [f"/admin/{page}?token=bol_x" for page in ("reset-password", "verify")]
    answers = [opened(house, each) for each in (*forms, *refused)]
    answers.append(house.client.delete(forms[0]))
    answers.append(house.client.get(forms[0], headers={"X-API-Key": "x"}))
    answers.append(send(house, "verify", {}, token="bol_x"))
    answers.append(send(house, "verify", token="x" * 50_000))
    assert [each.status_code for each in answers] == [200, 200, 400, 400, 405, 401, 403, 413]
    for answer in answers:
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    for answer in answers[:4]:
        assert "<script" not in answer.text
        assert " style=" not in answer.text
        assert "http" not in answer.text


def test_the_token_is_not_where_servers_read_what_they_log(house: House) -> None:
    """They write the address when the answer begins; below a root path too."""
    house.user()
    address = forgotten(house)
    logged = []

    async def server(scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start" and scope["type"] == "http":
                logged.append((message["status"], scope["query_string"]))
            await send(message)

        await house.app(scope, receive, sent)

    for root_path in ("", "/shop"):
        with TestClient(server, root_path=root_path) as client:
            assert token(address) in client.get(address).text
    assert logged == [(200, b"")] * 2


@pytest.mark.parametrize("name", ["verify", "reset-password", "forgot-password"])
def test_no_page_of_an_app_takes_their_place(house: House, name: str) -> None:
    class Taken(BookAdmin):
        resource = name

    with pytest.raises(SetupError, match=name):
        Admin(house.auth, models=[Taken])


def test_origin_alone_is_enough_for_a_browser_of_old(house: House) -> None:
    """One that says nothing of Sec-Fetch-Site."""
    house.user()
    form = {"token": token(forgotten(house)), "password": OTHER}
    assert send(house, "reset-password", ORIGIN, **form).status_code == 303
