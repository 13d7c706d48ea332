"""One's own account: where it is signed in, signing out everywhere, the password."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from backoffice.auth import UserSession
from backoffice.auth.sessions import BROWSER, TOKEN, Client
from backoffice.core import clock
from backoffice.core.testing import ManualClock
from tests.admin.conftest import House
from tests.auth.conftest import PASSWORD

NEW = "another horse battery staple"


@pytest.fixture
def time() -> Iterator[ManualClock]:
    found = ManualClock()
    with clock.override(found):
        yield found


@pytest.fixture
def ann(time: ManualClock, house: House) -> House:
    """Ann, who may do nothing but enter, is signed in here, on a phone and by tokens."""
    house.signed_in()
    for kind, agent in ((BROWSER, '<b id="x">phone</b>'), (TOKEN, "script")):
        client = Client(address="192.0.2.7", user_agent=agent)
        house.call(house.services.sign_in.with_password("ann@example.com", PASSWORD, kind, client))
    return house


def alive(house: House) -> int:
    return sum(each.ended_at is None for each in house.all(UserSession))


def test_the_page_tells_where_one_is_signed_in(ann: House) -> None:
    page = ann.open("/account").text
    assert page.count("192.0.2.7") == 2
    assert page.count("(here)") == 1
    assert "&lt;b id=&#34;x&#34;&gt;phone" in page
    assert 'href="/admin/account"' in ann.open("/").text


def test_signing_out_everywhere_else(ann: House) -> None:
    assert ann.send("/account/sessions", {"which": "others"}).status_code == 303
    assert alive(ann) == 1
    assert "All other sessions have ended." in ann.open("/account").text


def test_signing_out_everywhere(ann: House) -> None:
    answer = ann.send("/account/sessions", {"which": "all"})
    assert answer.headers["location"] == "/admin/login"
    assert answer.headers["clear-site-data"] == '"cache"'
    assert alive(ann) == 0
    assert ann.open("/").status_code == 303


def test_signing_out_of_one_session(ann: House) -> None:
    """Another, then this one."""
    here = ann.open("/account").text.partition("(here)")
    ids = re.findall(r'name="which" value="([0-9a-f-]{36})"', here[2])
    assert ann.send("/account/sessions", {"which": ids[-1]}).status_code == 303
    assert alive(ann) == 2
    own = ids[0]
    assert ann.send("/account/sessions", {"which": own}).headers["location"] == "/admin/login"
    assert ann.open("/").status_code == 303


def test_nobody_ends_a_session_of_somebody_else(ann: House) -> None:
    """Nor learns that there is one."""
    theirs = str(ann.all(UserSession)[0].id)
    ann.signed_in(email="eve@example.com")
    assert ann.send("/account/sessions", {"which": theirs}).status_code == 404
    assert alive(ann) == 3
    for odd in ("", "x", "0" * 36, "all\0", "OTHERS"):
        assert ann.send("/account/sessions", {"which": odd}).status_code in (400, 404)
    assert alive(ann) == 3


def test_it_asks_for_the_password_of_whoever_signed_in_a_while_ago(
    ann: House, time: ManualClock
) -> None:
    """Who finds a browser open does not sign its owner out everywhere else."""
    time.advance(timedelta(minutes=16))
    answer = ann.send("/account/sessions", {"which": "others"})
    assert answer.status_code == 403
    assert "Confirm your password" in answer.text
    assert alive(ann) == 3
    ann.send("/account/sessions", {"which": "others", "confirm_password": PASSWORD})
    assert alive(ann) == 1
    assert ann.open("/account").status_code == 200


def test_a_new_password_ends_all_other_sessions(ann: House) -> None:
    form = {"current_password": PASSWORD, "password": NEW}
    assert ann.send("/account/password", form).status_code == 303
    assert alive(ann) == 1
    assert ann.open("/account").status_code == 200
    ann.client.cookies.clear()
    assert ann.sign_in(password=PASSWORD).status_code == 401
    assert ann.sign_in(password=NEW).status_code == 303


@pytest.mark.parametrize(
    ("current", "new", "words"),
    [
        ("wrong", NEW, "The current password is not right."),
        (PASSWORD, "short", "at least"),
        ("", "", "at least"),
    ],
)
def test_a_password_that_is_refused_changes_nothing(
    ann: House, current: str, new: str, words: str
) -> None:
    answer = ann.send("/account/password", {"current_password": current, "password": new})
    assert answer.status_code == 422
    assert words in answer.text
    assert alive(ann) == 3
    ann.client.cookies.clear()
    assert ann.sign_in().status_code == 303
