"""The pages on which a link is asked for: a forgotten password, an address to confirm."""

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from backoffice.core.testing import SentMail
from tests.admin.conftest import ORIGIN, House
from tests.admin.recovering import ANN, MAILING, link, send, verified
from tests.admin.test_sign_in import ELSEWHERE

pytestmark = pytest.mark.one_database

PAGES = ("forgot-password", "request-verify")


@pytest.fixture(autouse=True)
def mailing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in MAILING.items():
        monkeypatch.setenv(name, value)


def sent(house: House) -> int:
    return len(SentMail(house.running))


def test_the_sign_in_page_leads_to_it(house: House) -> None:
    assert 'href="/admin/forgot-password"' in house.open("/login").text
    assert 'action="/admin/forgot-password"' in house.open("/forgot-password").text


def test_a_link_is_sent_to_the_pages_that_the_settings_name(house: House) -> None:
    house.user()
    send(house, "forgot-password", email="ANN@Example.com")
    assert link(house).startswith("/admin/reset-password?token=")
    send(house, "request-verify", email=ANN)
    assert link(house).startswith("/admin/verify?token=")
    assert not verified(house)


@pytest.mark.parametrize("page", PAGES)
def test_nobody_learns_who_has_an_account(house: House, page: str) -> None:
    """One answer, down to its header fields."""
    house.user()

    def told(answer: Response) -> tuple[int, str, dict[str, str]]:
        return answer.status_code, answer.text, dict(answer.headers)

    known, unknown = (send(house, page, email=each) for each in (ANN, "nobody@example.com"))
    assert told(known) == told(unknown)
    assert known.headers["location"] == "/admin/login?done=asked"
    assert sent(house) == 1


def test_what_comes_of_it_is_told_on_the_sign_in_page(house: House) -> None:
    """In words of ours alone: whoever makes up an address of that page has it say nothing."""
    page = house.open("/login?done=asked").text
    assert '<p class="notice" role="status">If the address has an account, a mail is on' in page
    assert 'role="status"' not in house.open("/login?done=You+won").text


def test_somebody_signed_in_is_told_on_the_first_page(house: House) -> None:
    house.signed_in("books:view")
    answer = send(house, "forgot-password", email=ANN)
    onward = house.client.get(answer.headers["location"])
    assert onward.headers["location"] == "/admin/"
    assert "If the address has an account, a mail is on its way." in house.open("/").text


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("typed", ["", "no address", "ann@", '"><b>@x', "a" * 400 + "@x.org"])
def test_what_is_no_address_is_said_at_its_field(house: House, page: str, typed: str) -> None:
    """Which has what was typed, as text, and the focus."""
    answer = send(house, page, email=typed)
    assert answer.status_code == 422
    assert 'aria-invalid="true" aria-describedby="email-error" autofocus>' in answer.text
    assert '<p class="error" id="email-error">This is no e-mail address' in answer.text
    assert "<b>" not in answer.text
    assert answer.text.count("autofocus") == 1


def test_how_often_an_address_is_written_to_is_limited(house: House) -> None:
    """By the limits of the API's routes, which count these too; the page says how long to wait."""
    house.user()
    asked = {"email": ANN}
    for _ in range(2):
        assert house.client.post("/auth/forgot-password", json=asked).status_code == 202
    answers = [send(house, "forgot-password", email=ANN) for _ in range(4)]
    assert [each.status_code for each in answers] == [303, 303, 303, 429]
    wait = int(answers[-1].headers["retry-after"])
    assert 0 < wait <= 3600
    assert f"try again in {wait} second" in answers[-1].text
    assert 'role="alert" tabindex="-1" autofocus>' in answers[-1].text
    assert answers[-1].text.count("autofocus") == 1
    assert f'value="{ANN}"' in answers[-1].text
    assert sent(house) == 5


def test_how_many_links_a_client_asks_for_is_limited(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_AUTH__RECOVERY_LIMIT", "2/hour")
    with TestClient(House().app, follow_redirects=False) as client:
        answers = [
            client.post("/admin/forgot-password", data={"email": f"{number}@x.org"}, headers=ORIGIN)
            for number in range(3)
        ]
    assert [each.status_code for each in answers] == [303, 303, 429]


@pytest.mark.parametrize("page", PAGES)
def test_no_other_site_has_a_link_sent(house: House, page: str) -> None:
    house.user()
    for headers in ELSEWHERE:
        assert send(house, page, headers, email=ANN).status_code == 403
    assert sent(house) == 0


def test_somebody_who_may_not_enter_may_ask(house: House) -> None:
    """An account of the app, that is none of the admin's, has a password too."""
    house.user()
    house.sign_in()
    assert house.open("/").status_code == 403
    for page in PAGES:
        assert house.open(f"/{page}").status_code == 200
        assert send(house, page, email=ANN).status_code == 303


def test_without_an_address_for_links_nobody_is_promised_one(
    settings: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BACKOFFICE_AUTH__PUBLIC_URL")
    with House() as plain:
        assert "forgot-password" not in plain.open("/login").text
        for page in PAGES:
            for answer in (plain.open(f"/{page}"), send(plain, page, email=ANN)):
                assert answer.status_code == 503
                assert "BACKOFFICE_AUTH__PUBLIC_URL is not set" in answer.text
        void = plain.open("/reset-password?token=bol_none")
        assert (void.status_code, "forgot-password" in void.text) == (400, False)
