"""What is dangerous asks for the password again, and loses nothing that was typed."""

from datetime import timedelta
from typing import Any

import pytest

from backoffice.auth import ApiKey, Role, User, UserSession
from backoffice.core.testing import ManualClock
from tests.admin.confirming import LATER, GuardedHouse, confirmed, held
from tests.admin.conftest import House, fields_of
from tests.admin.library import Tag
from tests.auth.conftest import PASSWORD


def id_of(site: House, email: str = "bob@example.com") -> str:
    return str(next(each.id for each in site.all(User) if each.email == email))


def deeds(site: House) -> dict[str, tuple[str, dict[str, Any]]]:
    """Every dangerous thing that can be done on pages of accounts, and on one of the app's."""
    bob = id_of(site)
    owner = next(each for each in site.all(User) if each.email == "ann@example.com")
    role = site.call(site.services.roles.create("editor", ["tags:view"], actor="test"))
    key, _ = site.call(site.services.keys.create(owner, "nightly", actor="test"))
    session = next(each for each in site.all(UserSession) if each.ended_at is None)
    return {
        "add a user": ("/users/add", {"email": "x@example.com", "password": ""}),
        "change a user": (f"/users/edit?pk={bob}", {"email": "y@example.com"}),
        "roles of a user": (f"/users/edit?pk={bob}", {"roles.sent": "1", "roles": "editor"}),
        "another's password": ("/users/action", {"name": "new-password", "pks": bob}),
        "another's sessions": ("/users/action", {"name": "end-sessions", "pks": bob}),
        "delete a user": ("/users/action", {"name": "delete", "pks": bob}),
        "add a role": ("/roles/add", {"name": "root", "permissions": "*"}),
        "change a role": (f"/roles/edit?pk={role.id}", {"permissions": "*"}),
        "delete a role": ("/roles/action", {"name": "delete", "pks": str(role.id)}),
        "make a key": ("/api-keys/add", {"name": "mine", "scopes": "", "networks": ""}),
        "revoke a key": ("/api-keys/action", {"name": "revoke", "pks": str(key.id)}),
        "end a session": ("/sessions/action", {"name": "end", "pks": str(session.id)}),
        "delete a tag": ("/tags/action", {"name": "delete", "pks": "new"}),
        "delete all tags": ("/tags/action", {"name": "delete", "all": "1", "query": ""}),
        "an action of the app": ("/tags/action", {"name": "retire", "pks": "new"}),
    }


def accounts(site: House) -> list[Any]:
    """What the deeds would change; when a session was used last is of no account."""
    rows = [each for model in (User, Role, ApiKey, Tag) for each in site.all(model)]
    ended = sorted((str(each.id), each.ended_at) for each in site.all(UserSession))
    return [*sorted(str(each.model_dump()) for each in rows), ended]


def test_nothing_dangerous_is_done_without_the_password(site: House) -> None:
    """Each is refused, and by no one of them anything has changed."""
    asked = deeds(site)
    before = accounts(site)
    for name, (path, form) in asked.items():
        answer = site.send(path, form)
        assert answer.status_code == 403, name
        assert "Confirm your password" in answer.text, name
        assert accounts(site) == before, name


@pytest.mark.parametrize(
    "name",
    [
        "add a user",
        "roles of a user",
        "another's password",
        "delete a user",
        "change a role",
        "make a key",
        "delete a tag",
        "an action of the app",
    ],
)
def test_the_deed_is_done_in_the_step_that_confirms(site: House, name: str) -> None:
    path, form = deeds(site)[name]
    before = accounts(site)
    answer = confirmed(site, site.send(path, form))
    assert answer.status_code in (200, 303), answer.text
    assert accounts(site) != before


def test_all_that_was_typed_is_kept(site: House) -> None:
    """Several of one name, line ends, what looks like markup; no token and no password."""
    typed = {"name": "x", "permissions": "books:view\r\n\"><b>'&amp;", "includes": ["a", "b"]}
    page = site.send("/roles/add?a=1&b=%22", {**typed, "csrf_note": "kept"})
    assert 'action="/admin/roles/add?a=1&amp;b=%22"' in page.text
    kept = [(name, value) for name, value in held(page) if name != "csrf_token"]
    assert kept == [
        ("name", "x"),
        ("permissions", "books:view\r\n\"><b>'&amp;"),
        ("includes", "a"),
        ("includes", "b"),
        ("csrf_note", "kept"),
    ]


def test_a_wrong_password_does_nothing_and_keeps_all(site: House) -> None:
    path, form = deeds(site)["delete a user"]
    page = site.send(path, form)
    before = accounts(site)
    again = confirmed(site, page, "wrong")
    assert again.status_code == 422
    assert "The current password is not right." in again.text
    assert accounts(site) == before
    assert confirmed(site, again).status_code == 303
    assert [each.email for each in site.all(User)] == ["ann@example.com"]


def test_passwords_are_tried_a_few_times_only(site: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """They count as tries to sign in."""
    page = site.send("/tags/action", {"name": "delete", "pks": "new"})
    statuses = [confirmed(site, page, "wrong").status_code for _ in range(12)]
    assert statuses[0] == 422
    assert statuses[-1] == 429
    assert confirmed(site, page).status_code == 429
    assert site.get(Tag, "new") is not None


def test_the_session_is_a_new_one_from_then_on(site: House) -> None:
    """A copy of the old cookie is not raised with it; and for a while nothing is asked."""
    before = site.client.cookies["backoffice_session"]
    confirmed(site, site.send("/tags/action", {"name": "delete", "pks": "new"}))
    assert site.client.cookies["backoffice_session"] != before
    answer = site.send("/users/action", {"name": "delete", "pks": id_of(site)})
    assert answer.status_code == 303
    site.client.cookies.clear()
    assert site.open("/users", Cookie=f"backoffice_session={before}").status_code == 303


def test_an_error_of_the_deed_leaves_nobody_signed_out(site: House) -> None:
    """The cookie of the new session goes with every answer."""
    taken = site.send("/users/add", {"email": "bob@example.com", "password": ""})
    answer = confirmed(site, taken)
    assert answer.status_code == 422
    assert 'value="bob@example.com"' in answer.text
    assert site.open("/users").status_code == 200


def test_a_deed_that_is_gone_meanwhile_leaves_nobody_signed_out(site: House) -> None:
    page = site.send("/tags/action", {"name": "delete", "pks": "new"})
    tag = site.get(Tag, "new")
    assert tag is not None

    async def deleted() -> None:
        async with site.services.database.session() as session:
            await session.delete(tag)
            await session.commit()

    site.call(deleted())
    assert confirmed(site, page).status_code == 404
    assert site.open("/users").status_code == 200


def test_what_is_not_dangerous_asks_for_nothing(site: House) -> None:
    assert site.send("/authors/add", {"name": "Grace"}).status_code == 303
    assert site.send("/tags/add", {"name": "sale"}).status_code == 303


def test_who_may_not_do_it_is_not_asked_for_a_password(site: House, time: ManualClock) -> None:
    """A refusal is a refusal, whatever was typed."""
    site.signed_in("tags:view", "users:view", email="eve@example.com")
    time.advance(LATER)
    for path, form in (
        ("/tags/action", {"name": "delete", "pks": "new", "confirm_password": PASSWORD}),
        ("/users/add", {"email": "x@example.com"}),
        (f"/users/edit?pk={id_of(site)}", {"email": "x@example.com"}),
    ):
        answer = site.send(path, form)
        assert answer.status_code == 403
        assert "Confirm your password" not in answer.text


def test_a_form_that_will_ask_says_so_from_the_start(site: House, time: ManualClock) -> None:
    """So that it is one step; just after signing in there is nothing to ask."""
    paths = ("/users/add", "/roles/add", "/tags/action?name=delete&pks=new")
    for path in paths:
        assert 'name="confirm_password"' in site.open(path).text
    assert 'name="confirm_password"' not in site.open("/tags/add").text
    form = {**fields_of(site.open("/roles/add").text), "name": "x", "confirm_password": PASSWORD}
    assert site.send("/roles/add", form).status_code == 303
    for path in paths:
        assert 'name="confirm_password"' not in site.open(path).text


def test_a_script_is_told_by_a_code(site: House) -> None:
    token = site.token()
    form = {"csrf_token": token, "name": "delete", "pks": "new"}
    headers = {"Origin": "http://testserver", "Accept": "application/json"}
    answer = site.client.post("/admin/tags/action", data=form, headers=headers)
    assert answer.status_code == 403
    assert answer.json()["detail"]["code"] == "not_fresh"


def test_the_span_is_a_setting(
    time: ManualClock, settings: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_ADMIN__CONFIRM_AFTER", "PT1H")
    with GuardedHouse() as site:
        site.add(Tag(name="new"))
        site.signed_in(superuser=True)
        time.advance(LATER)
        assert site.send("/users/add", {"email": "x@example.com"}).status_code == 200
        time.advance(timedelta(hours=1))
        page = site.send("/tags/action", {"name": "delete", "pks": "new"})
        assert "a sign-in of the last 1 hour" in page.text
