"""The page of a user: what they hold and until when, and what is done to their account there."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from backoffice.admin.accounts import person
from backoffice.auth import User
from backoffice.auth.sessions import BROWSER, Client
from tests.admin.conftest import House
from tests.auth.conftest import PASSWORD
from tests.services.databases import Databases

MANAGER = (
    "users:*",
    "roles:view",
    "permissions:view",
    "sessions:*",
    "api-keys:*",
    "audit:view",
    "books:*",
)
DEEDS = {
    "roles": {"give": "reader"},
    "permissions": {"give": "books:view"},
    "lock": {"span": "hour"},
    "password": {"password": "another horse battery staple"},
}


@pytest.fixture
def databases(sqlite_databases: Databases) -> Databases:
    """One will do: each statement is asked on both by the tests of the services."""
    return sqlite_databases


@pytest.fixture
def manager(house: House) -> House:
    """Somebody who manages accounts, signed in; bob has a role, a key and a session; a boss."""
    roles = house.services.roles
    house.call(roles.create("reader", ["books:view"], actor="test"))
    house.call(roles.create("boss", ["*"], actor="test"))
    bob = house.user("bob@example.com", "books:add")
    house.call(house.services.keys.create(bob, "nightly import", actor="test"))
    client = Client(address="192.0.2.7", user_agent="Netscape")
    house.call(house.services.sign_in.with_password(bob.email, PASSWORD, BROWSER, client))
    house.signed_in(*MANAGER, email="manager@example.com")
    return house


def user(house: House, email: str = "bob@example.com") -> User:
    return house.call(house.services.users.find(email))


def page(house: House, email: str = "bob@example.com") -> str:
    answer = house.open(f"/users/detail?pk={user(house, email).id}")
    assert answer.status_code == 200
    return answer.text


def roles_of(house: House, email: str = "bob@example.com") -> dict[str, datetime | None]:
    return dict(house.call(house.services.roles.held_by(user(house, email).id)))


def test_it_tells_everything_on_one_page(manager: House) -> None:
    found = page(manager)
    for each in ("role of bob", "books:add", "nightly import", "Netscape", "auth.signed_in"):
        assert each in found, each
    assert "What they did" in found
    key = re.search(r"api-keys/action\?name=revoke&amp;pks=[\w-]+", found)
    assert key is not None
    assert re.search(r"sessions/action\?name=end&amp;pks=[\w-]+", found)


def test_what_they_did_is_looked_for_among_the_newest_entries(
    manager: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the way to all of it stands there, however much was found."""
    bob = user(manager)
    link = f'href="/admin/audit?q=user%3A{bob.id}"'
    found = page(manager)
    assert link in found
    assert "Nothing lately." not in found
    monkeypatch.setattr(person, "LOOKED_AT", 1)
    found = page(manager)
    assert link in found
    assert "Nothing lately." in found
    assert "auth.signed_in" in manager.open(f"/audit?q=user:{bob.id}").text


def test_what_one_may_not_see_is_not_on_it(manager: House) -> None:
    manager.client.cookies.clear()
    manager.signed_in("users:view", email="looker@example.com")
    found = page(manager)
    for each in ("nightly import", "Netscape", "auth.signed_in", "Permissions of their own"):
        assert each not in found, each
    assert "<button" not in found[found.index('id="person-roles"') :]


def test_a_role_and_a_permission_are_given_for_a_while_and_taken(manager: House) -> None:
    id = user(manager).id
    until = datetime(2999, 1, 31, 12, tzinfo=UTC)
    for path, what in (("roles", "reader"), ("permissions", "books:view")):
        form = {"give": what, "until": "2999-01-31T12:00"}
        assert manager.send(f"/users/{path}?pk={id}", form).status_code == 303
    assert roles_of(manager)["reader"] == until
    (grant,) = manager.call(manager.services.grants.of_user(id))
    assert (grant.permission, grant.expires_at) == ("books:view", until)
    assert page(manager).count("2999-01-31 12:00") >= 2
    own = user(manager, "manager@example.com").id
    told = {each.event: each.actor for each in manager.events()}
    assert told["auth.role_granted"] == told["auth.permission_granted"] == f"user:{own}"
    for path, what in (("roles", "reader"), ("permissions", "books:view")):
        assert manager.send(f"/users/{path}?pk={id}", {"take": what}).status_code == 303
    assert list(roles_of(manager)) == ["role of bob"]
    assert manager.call(manager.services.grants.of_user(id)) == []


def test_a_lock_keeps_everybody_out_until_it_is_ended(manager: House) -> None:
    id = user(manager).id
    assert manager.send(f"/users/lock?pk={id}", {"span": "day"}).status_code == 303
    assert "This account is locked until" in page(manager)
    login = {"username": "bob@example.com", "password": PASSWORD}
    assert manager.client.post("/auth/login", data=login).status_code == 401
    form = {"name": "unlock", "pks": str(id)}
    assert manager.send("/users/action", form).status_code == 303
    assert manager.client.post("/auth/login", data=login).status_code == 200
    assert manager.send("/users/action", form).status_code == 403, "there is no lock any more"


def test_an_account_is_deactivated_and_activated_and_given_a_password(manager: House) -> None:
    id = user(manager).id
    for name, active in (("deactivate", False), ("activate", True)):
        assert manager.send("/users/action", {"name": name, "pks": str(id)}).status_code == 303
        assert user(manager).is_active is active
    refused = manager.send(f"/users/password?pk={id}", {"password": "short"})
    assert refused.status_code == 422
    assert "at least" in refused.text
    assert 'value="short"' not in refused.text
    assert manager.send(f"/users/password?pk={id}", DEEDS["password"]).status_code == 303
    login = {"username": "bob@example.com", **DEEDS["password"]}
    assert manager.client.post("/auth/login", data=login).status_code == 200
    own = user(manager, "manager@example.com").id
    for path in ("password", "lock"):
        assert manager.send(f"/users/{path}?pk={own}", DEEDS[path]).status_code == 403


def test_nobody_gives_what_they_do_not_hold_or_for_longer(manager: House) -> None:
    bob, own = user(manager).id, user(manager, "manager@example.com").id
    soon = datetime.now(UTC) + timedelta(hours=1)
    manager.call(manager.services.grants.give(own, "authors:view", soon, actor="test"))
    manager.call(manager.services.roles.create("clerk", ["authors:view"], actor="test"))
    before, token = roles_of(manager), manager.token()
    for id in (bob, own):
        for path, what in (
            ("roles", "boss"),
            ("roles", "clerk"),
            ("permissions", "*"),
            ("permissions", "roles:change"),
            ("permissions", "authors:view"),
        ):
            answer = manager.send(f"/users/{path}?pk={id}", {"give": what}, token)
            assert answer.status_code == 403, (path, what)
            assert "You may not give" in answer.text
    assert roles_of(manager) == before
    assert manager.call(manager.services.grants.of_user(bob)) == []


def test_nobody_acts_on_those_who_may_more_and_no_stranger_or_looker_on_anybody(
    manager: House,
) -> None:
    boss = manager.user("root@example.com", superuser=True)
    token = manager.token()
    for path, form in DEEDS.items():
        assert manager.send(f"/users/{path}?pk={boss.id}", form, token).status_code == 403
    for name in ("deactivate", "new-password", "end-sessions", "delete"):
        form = {"name": name, "pks": str(boss.id)}
        assert manager.send("/users/action", form, token).status_code == 403
    manager.client.cookies.clear()
    bob = user(manager).id
    for path, form in DEEDS.items():
        answer = manager.client.post(f"/admin/users/{path}?pk={bob}", data=form)
        assert answer.status_code in (401, 403)
    manager.signed_in("users:view", "permissions:view", "books:*", email="looker@example.com")
    token = manager.token()
    for path, form in DEEDS.items():
        assert manager.send(f"/users/{path}?pk={bob}", form, token).status_code == 403
    assert list(roles_of(manager)) == ["role of bob"]
    assert user(manager).locked_until is None


def test_the_last_superuser_is_not_locked(manager: House) -> None:
    root = manager.user("root@example.com", superuser=True)
    other = manager.user("other@example.com", superuser=True)
    until = datetime.now(UTC) + timedelta(hours=1)
    manager.client.cookies.clear()
    manager.sign_in(root.email)
    form = {"span": "hour"}
    assert manager.send(f"/users/lock?pk={other.id}", form).status_code == 303
    assert user(manager, other.email).locked_until is not None
    manager.call(manager.services.users.unlock(other.id, actor="test"))
    manager.call(manager.services.users.lock(other.id, until, actor="test"))
    manager.client.cookies.clear()
    third = manager.signed_in("*", email="third@example.com")
    answer = manager.send(f"/users/lock?pk={root.id}", form)
    assert answer.status_code == 409
    assert "last active superuser" in answer.text
    assert third.is_superuser is False


def test_what_is_no_role_time_or_span_is_told_on_the_page(manager: House) -> None:
    id, token = user(manager).id, manager.token()
    for path, form, status in (
        ("roles", {"give": "nobody"}, 404),
        ("roles", {"give": ""}, 422),
        ("roles", {"give": "reader", "until": "tomorrow"}, 422),
        ("roles", {"give": "reader", "until": "2001-01-01T00:00"}, 422),
        ("permissions", {"give": "books:veiw"}, 422),
        ("lock", {"span": "ever"}, 422),
        ("lock", {}, 422),
    ):
        answer = manager.send(f"/users/{path}?pk={id}", form, token)
        assert answer.status_code == status, form
        assert 'role="alert"' in answer.text
    assert manager.send("/users/roles?pk=nobody", {"give": "reader"}, token).status_code == 404
