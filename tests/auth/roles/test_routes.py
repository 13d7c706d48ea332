"""Roles, permissions and grants over HTTP: nobody gives or takes more than they hold."""

import uuid
from typing import Any

import pytest
from httpx2 import Response

from tests.auth.conftest import House
from tests.services.databases import Databases

MANAGING = [
    "roles:view",
    "roles:add",
    "roles:change",
    "roles:delete",
    "users:view",
    "users:change",
    "permissions:view",
]
ID = uuid.UUID(int=1)
#: Method, path, body and the permissions that it takes.
ROUTES: list[tuple[str, str, Any, list[str]]] = [
    ("GET", "/roles", None, ["roles:view"]),
    ("GET", f"/roles/{ID}", None, ["roles:view"]),
    ("POST", "/roles", {"name": "x"}, ["roles:add"]),
    ("PATCH", f"/roles/{ID}", {}, ["roles:change"]),
    ("DELETE", f"/roles/{ID}", None, ["roles:delete"]),
    ("GET", "/permissions", None, ["permissions:view"]),
    ("GET", "/permissions/books:read/users", None, ["permissions:view", "users:view"]),
    ("GET", f"/users/{ID}/roles", None, ["users:view", "roles:view"]),
    ("PUT", f"/users/{ID}/roles/x", {}, ["users:change"]),
    ("DELETE", f"/users/{ID}/roles/x", None, ["users:change"]),
    ("GET", f"/users/{ID}/permissions", None, ["users:view", "permissions:view"]),
    ("PUT", f"/users/{ID}/permissions/books:read", {}, ["users:change"]),
    ("DELETE", f"/users/{ID}/permissions/books:read", None, ["users:change"]),
]


class Manager:
    """Somebody who manages roles and users, and may do a little besides."""

    def __init__(self, house: House, *permissions: str) -> None:
        self.house = house
        self.user = house.user("manager@example.com", *MANAGING, *permissions)
        self.key = house.key(self.user)

    def ask(self, method: str, path: str, body: Any = None) -> Response:
        return self.house.client.request(
            method, f"/auth{path}", json=body, headers={"X-API-Key": self.key}
        )

    def role(self, *permissions: str, name: str = "other") -> str:
        """The id of a role that somebody else has made."""
        role = self.house.accounts.role(name, *permissions)
        return str(role.id)


@pytest.fixture
def databases(sqlite_databases: Databases) -> Databases:
    """What is asked of the database here is asked of both elsewhere."""
    return sqlite_databases


@pytest.fixture
def manager(house: House) -> Manager:
    return Manager(house, "books:read")


def code(answer: Response) -> str:
    found: str = answer.json()["detail"]["code"]
    return found


def test_every_route_asks_for_its_permissions(house: House) -> None:
    bob = house.key(house.user("bob@example.com", "books:*"))
    for method, path, body, permissions in ROUTES:
        ask = {"method": method, "url": f"/auth{path}", "json": body}
        assert house.client.request(**ask).status_code == 401, path
        refused = house.client.request(**ask, headers={"X-API-Key": bob})
        assert (refused.status_code, code(refused)) == (403, "insufficient_scope"), path
        assert refused.json()["detail"]["scope"].split() == permissions, path


def test_a_role_is_made_seen_changed_and_deleted(manager: Manager) -> None:
    manager.role("books:read", name="reader")
    body = {"name": "editor", "permissions": ["users:view"], "includes": ["reader"]}
    made = manager.ask("POST", "/roles", body)
    assert made.status_code == 201
    id = made.json()["id"]
    shown = manager.ask("GET", f"/roles/{id}").json()
    assert shown == made.json()
    assert shown["permissions"] == ["users:view"]
    assert shown["includes"] == ["reader"]
    assert shown["allows"] == ["books:read", "users:view"]
    changed = manager.ask("PATCH", f"/roles/{id}", {"description": "edits", "includes": []})
    assert changed.json() == shown | {
        "description": "edits",
        "includes": [],
        "allows": ["users:view"],
    }
    assert manager.ask("DELETE", f"/roles/{id}").status_code == 204
    assert manager.ask("GET", f"/roles/{id}").status_code == 404


def test_roles_are_listed_page_by_page(manager: Manager) -> None:
    for name in ("a", "b", "c"):
        manager.role("books:read", name=name)
    first = manager.ask("GET", "/roles?limit=2").json()
    assert [each["name"] for each in first] == ["a", "b"]
    assert first[0]["permissions"] == ["books:read"]
    rest = manager.ask("GET", "/roles?limit=2&after=b").json()
    assert [each["name"] for each in rest] == ["c", "role of manager"]


@pytest.mark.parametrize(
    "body",
    [
        {"name": "new", "permissions": ["books:write"]},
        {"name": "new", "permissions": ["books:*"]},
        {"name": "new", "permissions": ["*"]},
        {"name": "new", "includes": ["chief"]},
    ],
)
def test_nobody_makes_a_role_that_may_do_more_than_they(
    manager: Manager, body: dict[str, Any]
) -> None:
    manager.role("books:write", name="writer")
    manager.house.call(
        manager.house.services.roles.create("chief", includes=["writer"], actor="test")
    )
    refused = manager.ask("POST", "/roles", body)
    assert (refused.status_code, code(refused)) == (403, "beyond_reach")
    names = [role.name for role, _ in manager.house.call(manager.house.services.roles.all())]
    assert "new" not in names


def test_nobody_changes_or_deletes_a_role_that_may_do_more_than_they(manager: Manager) -> None:
    id = manager.role("books:write")
    for method, body in (("PATCH", {"description": "x"}), ("DELETE", None)):
        refused = manager.ask(method, f"/roles/{id}", body)
        assert (refused.status_code, code(refused)) == (403, "beyond_reach")


def test_nobody_adds_to_a_role_what_they_may_not(manager: Manager) -> None:
    id = manager.role("books:read")
    manager.role("books:write", name="writer")
    for body in ({"permissions": ["books:write"]}, {"includes": ["writer"]}):
        refused = manager.ask("PATCH", f"/roles/{id}", body)
        assert (refused.status_code, code(refused)) == (403, "beyond_reach")
    assert manager.ask("GET", f"/roles/{id}").json()["allows"] == ["books:read"]


def test_a_key_with_fewer_scopes_reaches_no_further_than_those(manager: Manager) -> None:
    id = manager.role("books:read")
    manager.key = manager.house.key(manager.user, "roles:change", "roles:view")
    refused = manager.ask("PATCH", f"/roles/{id}", {"description": "x"})
    assert (refused.status_code, code(refused)) == (403, "beyond_reach")


def test_a_circle_is_a_conflict(manager: Manager) -> None:
    id = manager.role("books:read", name="one")
    refused = manager.ask("PATCH", f"/roles/{id}", {"includes": ["one"]})
    assert (refused.status_code, code(refused)) == (409, "role_circle")


def test_a_permission_that_nothing_asks_for_is_refused_with_what_was_meant(
    house: House,
) -> None:
    key = {"X-API-Key": house.key(house.user("root@example.com", superuser=True))}
    body = {"name": "new", "permissions": ["books:raed"]}
    refused = house.client.post("/auth/roles", json=body, headers=key)
    assert (refused.status_code, code(refused)) == (422, "unknown_permission")
    assert "did you mean books:read?" in refused.json()["detail"]["message"]


def test_the_permissions_that_the_app_knows_are_listed(manager: Manager) -> None:
    found = {each["name"]: each for each in manager.ask("GET", "/permissions").json()}
    assert found["books:write"]["source"] == "POST /books"
    assert found["roles:add"]["description"] == "Make roles"


def test_who_may_do_something_is_told_page_by_page(manager: Manager) -> None:
    house = manager.house
    for name in ("a", "b"):
        user = house.user(f"{name}@example.com")
        house.call(house.services.grants.give(user.id, "books:read", actor="test"))
    answer = manager.ask("GET", "/permissions/books:read/users?limit=2").json()
    assert [each["email"] for each in answer] == ["a@example.com", "b@example.com"]
    rest = manager.ask("GET", "/permissions/books:read/users?after=b@example.com").json()
    assert [each["email"] for each in rest] == ["manager@example.com"]


def test_a_role_and_a_permission_are_given_and_taken(manager: Manager) -> None:
    house = manager.house
    bob = house.user("bob@example.com")
    manager.role("books:read", name="reader")
    later = "2100-01-01T00:00:00Z"
    for path in ("roles/reader", "permissions/books:read"):
        given = manager.ask("PUT", f"/users/{bob.id}/{path}", {"expires_at": later})
        assert given.status_code == 204, given.text
    shown = manager.ask("GET", f"/users/{bob.id}/permissions").json()
    assert shown["permissions"] == ["books:read"]
    assert shown["changes_at"] == later
    assert [each["kind"] for each in shown["ways"]] == ["direct", "role"]
    roles = manager.ask("GET", f"/users/{bob.id}/roles").json()
    assert roles == [{"name": "reader", "expires_at": later}]
    for path in ("roles/reader", "permissions/books:read"):
        assert manager.ask("DELETE", f"/users/{bob.id}/{path}").status_code == 204
        assert manager.ask("DELETE", f"/users/{bob.id}/{path}").status_code == 404
    assert manager.ask("GET", f"/users/{bob.id}/permissions").json()["permissions"] == []


def test_a_role_whose_name_has_a_slash_is_given_and_taken(manager: Manager) -> None:
    bob = manager.house.user("bob@example.com")
    manager.role("books:read", name="sales/north")
    for method, body in (("PUT", {}), ("DELETE", None)):
        answer = manager.ask(method, f"/users/{bob.id}/roles/sales%2Fnorth", body)
        assert answer.status_code == 204, answer.text


@pytest.mark.parametrize("path", ["roles/writer", "permissions/books:write", "permissions/*"])
def test_nobody_gives_or_takes_what_they_do_not_hold(manager: Manager, path: str) -> None:
    bob = manager.house.user("bob@example.com")
    manager.role("books:write", name="writer")
    for method, body in (("PUT", {}), ("DELETE", None)):
        refused = manager.ask(method, f"/users/{bob.id}/{path}", body)
        assert (refused.status_code, code(refused)) == (403, "beyond_reach")


def test_nobody_changes_what_those_hold_who_may_more(manager: Manager) -> None:
    boss = manager.house.user("boss@example.com", superuser=True)
    manager.role("books:read", name="reader")
    for path in ("roles/reader", "permissions/books:read"):
        refused = manager.ask("PUT", f"/users/{boss.id}/{path}", {})
        assert (refused.status_code, code(refused)) == (403, "beyond_reach")
