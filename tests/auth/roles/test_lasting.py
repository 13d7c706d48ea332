"""Nobody gives what they hold for a while for longer than they hold it."""

from datetime import timedelta
from typing import Any

import pytest

from backoffice.core.testing import ManualClock
from tests.auth.conftest import House
from tests.auth.roles.test_routes import MANAGING, Manager, code
from tests.services.databases import Databases

HOUR = timedelta(hours=1)


@pytest.fixture
def databases(sqlite_databases: Databases) -> Databases:
    """What is asked of the database here is asked of both elsewhere."""
    return sqlite_databases


@pytest.fixture
def manager(time: ManualClock, house: House) -> Manager:
    """Who manages for good, and may read books for an hour."""
    found = Manager(house, "users:add")
    house.call(
        house.services.grants.give(found.user.id, "books:read", time.now() + HOUR, actor="test")
    )
    found.role("books:read", name="reader")
    return found


def refused(manager: Manager, method: str, path: str, body: Any) -> None:
    answer = manager.ask(method, path, body)
    assert (answer.status_code, code(answer)) == (403, "beyond_reach"), answer.text


@pytest.mark.parametrize("what", ["permissions/books:read", "roles/reader"])
def test_what_is_held_for_a_while_is_given_for_as_long_at_most(
    time: ManualClock, manager: Manager, what: str
) -> None:
    bob = manager.house.user("bob@example.com")
    end = time.now() + HOUR
    for user in (manager.user, bob):
        refused(manager, "PUT", f"/users/{user.id}/{what}", {})
        late = (end + timedelta(seconds=1)).isoformat()
        refused(manager, "PUT", f"/users/{user.id}/{what}", {"expires_at": late})
    given = manager.ask("PUT", f"/users/{bob.id}/{what}", {"expires_at": end.isoformat()})
    assert given.status_code == 204, given.text


def test_what_is_held_for_a_while_is_put_into_no_role_and_no_account(manager: Manager) -> None:
    own = manager.role("users:view", name="own")
    refused(manager, "POST", "/roles", {"name": "new", "permissions": ["books:read"]})
    refused(manager, "POST", "/roles", {"name": "new", "includes": ["reader"]})
    refused(manager, "PATCH", f"/roles/{own}", {"permissions": ["users:view", "books:read"]})
    refused(manager, "PATCH", f"/roles/{own}", {"includes": ["reader"]})
    body = {"email": "new@example.com", "is_service": True, "roles": ["reader"]}
    refused(manager, "POST", "/users", body)


def test_what_is_held_for_a_while_can_be_taken(manager: Manager) -> None:
    id = manager.role("books:read", "users:view", name="both")
    changed = manager.ask("PATCH", f"/roles/{id}", {"permissions": ["users:view"]})
    assert changed.status_code == 200, changed.text


def test_what_is_held_for_a_while_and_for_good_is_given_for_good(manager: Manager) -> None:
    house = manager.house
    house.call(house.services.roles.grant(manager.user.id, "reader", actor="test"))
    given = manager.ask("PUT", f"/users/{manager.user.id}/permissions/books:read", {})
    assert given.status_code == 204, given.text


def test_who_may_do_everything_for_a_while_leaves_no_way_back(
    time: ManualClock, house: House
) -> None:
    manager = Manager(house)
    until = time.now() + HOUR
    house.call(house.services.grants.give(manager.user.id, "*", until, actor="test"))
    boss = house.user("boss@example.com", superuser=True)
    refused(manager, "PATCH", f"/users/{manager.user.id}", {"is_superuser": True})
    refused(manager, "PATCH", f"/users/{boss.id}", {"email": "mine@example.com"})
    refused(manager, "PUT", f"/users/{manager.user.id}/permissions/*", {})
    account = {"email": "new@example.com", "password": "correct horse battery staple"}
    refused(manager, "POST", "/users", {**account, "is_superuser": True})
    own = manager.ask("PATCH", f"/users/{manager.user.id}", {"email": "own@example.com"})
    assert own.json()["detail"]["code"] == "own_account", own.text


def test_a_key_gives_no_more_than_its_scopes_while_a_grant_runs_out(manager: Manager) -> None:
    manager.key = manager.house.key(manager.user, *MANAGING)
    bob = manager.house.user("bob@example.com")
    refused(manager, "PUT", f"/users/{bob.id}/permissions/users:add", {})
