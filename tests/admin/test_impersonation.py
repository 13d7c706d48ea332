"""Looking at the admin as somebody else: with a reason, told of, and never for a change."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from backoffice.auth import AuditEntry, UserSession
from backoffice.auth.sessions import ACTING
from backoffice.core import clock
from backoffice.core.testing import ManualClock
from tests.admin.conftest import LIBRARIAN, ORIGIN, House, book
from tests.auth.conftest import PASSWORD
from tests.services.databases import Databases

HELPER = ("users:*", "audit:view", *LIBRARIAN)
REASON = "Ticket 7: sees no books"


@pytest.fixture
def databases(sqlite_databases: Databases) -> Databases:
    """One will do: each statement is asked on both by the tests of the services."""
    return sqlite_databases


@pytest.fixture
def time() -> Iterator[ManualClock]:
    found = ManualClock()
    with clock.override(found):
        yield found


@pytest.fixture
def helper(time: ManualClock, stocked: House) -> House:
    """Somebody who helps others, signed in; bob may see books, the boss everything."""
    stocked.user("bob@example.com", "admin:enter", "books:view", "books:change")
    stocked.user("boss@example.com", superuser=True)
    stocked.user("outsider@example.com", "books:view")
    stocked.signed_in(*HELPER, email="helper@example.com")
    return stocked


def address(house: House, email: str = "bob@example.com") -> str:
    return f"/users/impersonate?pk={house.call(house.services.users.find(email)).id}"


def look(house: House, email: str = "bob@example.com") -> None:
    answer = house.send(address(house, email), {"reason": REASON})
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/")


def told(house: House) -> list[AuditEntry]:
    return [each for each in house.events() if "impersonation" in each.event]


def is_seen_as_bob(house: House) -> bool:
    page = house.open("/books")
    return "<strong>bob@example.com</strong>" in page.text and page.status_code == 200


def test_it_shows_what_the_other_sees_and_tells_of_both(helper: House) -> None:
    assert "Look as them" in helper.open(address(helper).replace("impersonate", "detail")).text
    look(helper)
    assert is_seen_as_bob(helper)
    assert "/books/add" not in helper.open("/books").text
    assert helper.open("/authors").status_code == 403, "which bob may not see, and the helper may"
    assert helper.open("/users").status_code == 403
    answer = helper.send("/impersonation/end", {})
    assert answer.status_code == 303
    assert helper.open("/authors").status_code == 200
    assert not is_seen_as_bob(helper)
    own, bob = (
        f"user:{helper.call(helper.services.users.find(f'{each}@example.com')).id}"
        for each in ("helper", "bob")
    )
    started, ended = told(helper)
    assert (started.event, ended.event) == (
        "auth.impersonation_started",
        "auth.impersonation_ended",
    )
    assert {(each.actor, each.subject) for each in (started, ended)} == {(own, bob)}
    assert started.data["reason"] == REASON


def test_nothing_can_be_changed_meanwhile_and_nothing_of_their_own_account_is_shown(
    helper: House,
) -> None:
    before = helper.token()
    look(helper)
    during = helper.token()
    assert before != during
    for path, form in (
        ("/books/edit?pk=1", {"title": "Changed"}),
        ("/books/action", {"name": "delete", "pks": "1"}),
        ("/account/password", {"current_password": "x", "password": "y" * 20}),
        ("/account/sessions", {"which": "all"}),
        (address(helper), {"reason": REASON}),
    ):
        for token in (before, during):
            answer = helper.send(path, form, token)
            assert answer.status_code == 403, path
            assert "can change nothing" in answer.text
    assert helper.open("/account").status_code == 403
    helper.send("/impersonation/end", {})
    form = {"title": "Changed"}
    again = helper.send("/books/edit?pk=1", form, during)
    assert again.status_code == 409, "a form that the other's page had is looked at again first"
    assert book(helper).title == "Alpha"


def test_nobody_looks_as_who_may_more_as_themselves_or_without_a_reason(helper: House) -> None:
    token = helper.token()
    for email in ("boss@example.com", "helper@example.com"):
        answer = helper.send(address(helper, email), {"reason": REASON}, token)
        assert answer.status_code == 403
    for reason in ("", "   ", "x" * 301):
        answer = helper.send(address(helper), {"reason": reason}, token)
        assert answer.status_code == 422
        assert "Say why" in answer.text
    answer = helper.send(address(helper, "outsider@example.com"), {"reason": REASON}, token)
    assert answer.status_code == 409
    bob = helper.call(helper.services.users.find("bob@example.com"))
    helper.call(helper.services.users.change(bob.id, {"is_active": False}, actor="test"))
    assert helper.send(address(helper), {"reason": REASON}, token).status_code == 403
    assert told(helper) == []
    path = address(helper)
    helper.client.cookies.clear()
    answer = helper.client.post(f"/admin{path}", data={"reason": REASON}, headers=ORIGIN)
    assert answer.status_code == 401
    lesser = ("users:view", "users:change", *LIBRARIAN)
    helper.signed_in(*lesser, email="lesser@example.com")
    assert helper.open(path).status_code == 403
    assert helper.send(path, {"reason": REASON}).status_code == 403


def test_the_password_is_asked_for_again(time: ManualClock, helper: House) -> None:
    time.advance(timedelta(hours=1))
    asked = helper.send(address(helper), {"reason": REASON})
    assert asked.status_code == 403
    assert "Confirm your password" in asked.text
    assert told(helper) == []


def test_it_ends_by_itself_and_with_the_rights_of_both(time: ManualClock, helper: House) -> None:
    roles, users = helper.services.roles, helper.services.users
    bob = helper.call(users.find("bob@example.com"))
    helper.call(roles.create("boss", ["*"], actor="test"))

    def over() -> bool:
        answer = helper.open("/books")
        back = (answer.status_code, answer.headers.get("location")) == (303, "/admin/books")
        return back and helper.open("/authors").status_code == 200

    look(helper)
    time.advance(timedelta(minutes=29))
    assert is_seen_as_bob(helper)
    time.advance(timedelta(minutes=2))
    assert over()
    helper.sign_in("helper@example.com")
    look(helper)
    helper.call(users.lock(bob.id, time.now() + timedelta(minutes=5), actor="test"))
    assert over(), "nobody can sign in as bob now"
    helper.call(users.unlock(bob.id, actor="test"))
    look(helper)
    helper.call(roles.grant(bob.id, "boss", actor="test"))
    assert over(), "bob may do more by now"
    helper.call(roles.revoke(bob.id, "boss", actor="test"))
    look(helper)
    helper.call(roles.deny("role of helper", ["users:*"], actor="test"))
    assert over(), "the helper may look as nobody any more"


def test_who_would_end_what_is_over_is_led_to_the_first_page(
    time: ManualClock, helper: House
) -> None:
    look(helper)
    during = helper.token()
    time.advance(timedelta(minutes=31))
    answer = helper.send("/impersonation/end", {}, during)
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/")
    assert helper.open("/authors").status_code == 200


def test_the_password_of_the_other_cannot_be_tried_meanwhile(helper: House) -> None:
    look(helper)
    before = len(helper.events())
    form = {"confirm_password": "a guess of bob's"}
    assert helper.send("/impersonation/end", form).status_code == 303
    assert [each.event for each in helper.events()[before:]] == ["auth.impersonation_ended"]
    look(helper)
    assert helper.send("/impersonation/end", {"confirm_password": PASSWORD}).status_code == 303
    assert helper.open("/authors").status_code == 200, "the helper is signed in as before"


def test_the_cookie_is_good_for_nobody_else_and_signing_out_ends_both(helper: House) -> None:
    look(helper)
    jar = dict(helper.client.cookies)
    assert helper.send("/logout", {}).status_code == 303
    alive = [each.kind for each in helper.all(UserSession) if each.ended_at is None]
    assert alive == []
    helper.client.cookies.clear()
    helper.signed_in(*HELPER, email="second@example.com")
    helper.client.cookies.set("backoffice_acting", jar["backoffice_acting"], path="/admin")
    assert helper.open("/books").status_code == 303
    acting = next(each for each in helper.all(UserSession) if each.kind == ACTING)
    value = helper.services.sessions.cookie(acting)
    helper.client.cookies.clear()
    name = next(each for each in jar if re.fullmatch(r".*session", each))
    helper.client.cookies.set(name, value)
    assert helper.open("/books").status_code in (303, 401)
