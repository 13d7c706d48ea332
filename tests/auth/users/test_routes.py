"""Accounts over HTTP, for those who manage them."""

from typing import Any
from uuid import uuid4

import pytest
from httpx2 import Response

from backoffice.auth import User
from tests.auth.conftest import PASSWORD, House, bearer
from tests.services.databases import Databases

ROOT, MAN, ANN, BOB = (f"{name}@example.com" for name in ("root", "man", "ann", "bob"))
MANAGING = tuple(f"users:{verb}" for verb in ("view", "add", "change", "delete"))
NEW: dict[str, Any] = {"email": "New@example.com", "password": PASSWORD}


@pytest.fixture
def databases(sqlite_databases: Databases) -> Databases:
    """What is asked of the database here is asked of both elsewhere."""
    return sqlite_databases


class Desk:
    """Somebody's requests to `/auth/users`."""

    def __init__(self, house: House, email: str = "") -> None:
        self._client = house.client
        self._headers = bearer(house.token(email)) if email else {}

    def __call__(self, method: str, path: str = "", json: Any = None, **params: Any) -> Response:
        return self._client.request(
            method, f"/auth/users{path}", json=json, params=params or None, headers=self._headers
        )

    def emails(self, **params: Any) -> list[str]:
        answer = self("GET", **params)
        assert answer.status_code == 200, answer.text
        return [each["email"] for each in answer.json()]


@pytest.fixture
def people(house: House) -> dict[str, User]:
    """Somebody who may do all, one who manages accounts and reads books, one who may write them,
    and one who may do nothing."""
    return {
        ROOT: house.user(ROOT, superuser=True),
        MAN: house.user(MAN, *MANAGING, "books:read"),
        ANN: house.user(ANN, "books:write"),
        BOB: house.user(BOB),
    }


@pytest.fixture
def manager(house: House, people: dict[str, User]) -> Desk:
    return Desk(house, MAN)


@pytest.fixture
def root(house: House, people: dict[str, User]) -> Desk:
    return Desk(house, ROOT)


def code_of(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["detail"]["code"]


def test_a_stranger_and_the_wrong_role_do_nothing_here(
    house: House, people: dict[str, User]
) -> None:
    bob = f"/{people[BOB].id}"
    stranger, reader = Desk(house), Desk(house, ANN)
    for method, path, body in (
        ("GET", "", None),
        ("GET", bob, None),
        ("POST", "", NEW),
        ("PATCH", bob, {"is_active": False}),
        ("DELETE", bob, None),
    ):
        assert stranger(method, path, body).status_code == 401, method
        assert code_of(reader(method, path, body)) == (403, "insufficient_scope"), method
    assert Desk(house, ROOT).emails() == [ANN, BOB, MAN, ROOT]


def test_each_verb_has_a_permission_of_its_own(house: House) -> None:
    bob = house.user(BOB)
    bodies = {"GET": None, "POST": NEW, "PATCH": {"is_verified": True}, "DELETE": None}
    for method, permission in zip(bodies, MANAGING, strict=True):
        email = f"{method.lower()}@example.com"
        house.user(email, permission)
        desk = Desk(house, email)
        path = "" if method in ("GET", "POST") else f"/{bob.id}"
        others = [each for each in bodies if each != method]
        assert all(
            desk(each, f"/{bob.id}" if each != "POST" else "", bodies[each]).status_code == 403
            for each in others
        ), method
        assert desk(method, path, bodies[method]).is_success, method


def test_an_account_is_made_seen_changed_and_deleted(house: House, root: Desk) -> None:
    house.accounts.role("clerk", "books:read")
    made = root("POST", "", {**NEW, "roles": ["clerk"], "is_verified": True})
    assert made.status_code == 201
    account = made.json()
    assert (account["email"], account["roles"]) == ("new@example.com", ["clerk"])
    assert (account["is_verified"], account["is_superuser"]) == (True, False)
    assert house.login("new@example.com").status_code == 200
    path = f"/{account['id']}"
    assert root("GET", path).json() == account
    changed = root("PATCH", path, {"email": "newer@example.com", "is_active": False}).json()
    assert changed == account | {
        "email": "newer@example.com",
        "is_active": False,
        "is_verified": False,
    }
    assert root("PATCH", path, {}).json() == changed
    assert root("DELETE", path).status_code == 204
    assert root("GET", path).status_code == 404


def test_no_answer_holds_a_password_or_its_hash(house: House, root: Desk) -> None:
    made = root("POST", "", NEW)
    id = made.json()["id"]
    answers = [made, root("GET"), root("GET", f"/{id}"), root("PATCH", f"/{id}", {})]
    for each in answers:
        assert "argon2" not in each.text
        assert "hashed" not in each.text
        assert PASSWORD not in each.text
    assert PASSWORD not in str(house.call(house.services.audit.entries()))


def test_a_service_is_made_without_a_password(root: Desk) -> None:
    made = root("POST", "", {"email": "bot@example.com", "is_service": True}).json()
    assert (made["is_service"], made["is_active"]) == (True, True)


def test_a_list_is_narrowed_and_goes_on_by_the_last_address(root: Desk, house: House) -> None:
    house.accounts.role("clerk", "books:read")
    root("POST", "", {**NEW, "roles": ["clerk"], "is_active": False})
    assert root.emails(limit=2) == [ANN, BOB]
    assert root.emails(limit=2, after=BOB) == [MAN, "new@example.com"]
    assert root.emails(after="new@example.com") == [ROOT]
    assert root.emails(role="clerk") == ["new@example.com"]
    assert root.emails(is_active=False) == ["new@example.com"]
    assert root.emails(is_superuser=True) == [ROOT]
    assert root.emails(search="AN", is_active=True) == [ANN, MAN]
    assert root.emails(search="_") == []
    assert root("GET", role="nobody").status_code == 404


def test_nobody_changes_those_who_may_more(manager: Desk, people: dict[str, User]) -> None:
    for email in (ROOT, ANN):
        path = f"/{people[email].id}"
        for body in ({"is_active": False}, {"email": "mine@example.com"}, {"is_superuser": False}):
            assert code_of(manager("PATCH", path, body)) == (403, "beyond_reach")
        assert code_of(manager("DELETE", path)) == (403, "beyond_reach")
    path = f"/{people[BOB].id}"
    assert manager("PATCH", path, {"is_active": False}).json()["is_active"] is False
    assert manager("DELETE", path).status_code == 204


def test_nobody_gives_what_they_do_not_hold(
    house: House, manager: Desk, people: dict[str, User]
) -> None:
    house.accounts.role("readers", "books:read")
    house.accounts.role("writers", "books:write")
    bob = f"/{people[BOB].id}"
    for answer in (
        manager("POST", "", {**NEW, "is_superuser": True}),
        manager("POST", "", {**NEW, "roles": ["readers", "writers"]}),
        manager("PATCH", bob, {"is_superuser": True}),
        manager("PATCH", f"/{people[MAN].id}", {"is_superuser": True}),
    ):
        assert code_of(answer) == (403, "beyond_reach")
    assert manager("POST", "", {**NEW, "roles": ["readers"]}).status_code == 201
    assert not manager("GET", bob).json()["is_superuser"]


def test_a_key_manages_no_further_than_its_scopes(house: House, people: dict[str, User]) -> None:
    key = house.key(people[ROOT], *MANAGING)
    headers = {"X-API-Key": key}

    def patch(email: str) -> Response:
        path = f"/auth/users/{people[email].id}"
        return house.client.patch(path, json={"is_verified": True}, headers=headers)

    assert code_of(patch(ANN)) == (403, "beyond_reach")
    assert patch(BOB).status_code == 200


def test_what_the_state_does_not_allow_is_a_conflict(root: Desk, people: dict[str, User]) -> None:
    me, bob = f"/{people[ROOT].id}", f"/{people[BOB].id}"
    for answer, code in (
        (root("POST", "", {**NEW, "email": ANN.upper()}), "email_taken"),
        (root("PATCH", bob, {"email": ANN}), "email_taken"),
        (root("PATCH", me, {"is_superuser": False}), "last_superuser"),
        (root("PATCH", me, {"is_active": False}), "last_superuser"),
        (root("DELETE", me), "own_account"),
        (root("PATCH", me, {"email": "mine@example.com", "is_verified": True}), "own_account"),
    ):
        assert code_of(answer) == (409, code)
    assert root.emails() == [ANN, BOB, MAN, ROOT]


UNUSABLE: list[tuple[int, str, str, Any]] = [
    (422, "POST", "", {}),
    (422, "POST", "", {"email": "a@example.com"}),
    (422, "POST", "", {**NEW, "email": "no address"}),
    (422, "POST", "", {**NEW, "email": "a\0@example.com"}),
    (422, "POST", "", {**NEW, "password": "short"}),
    (422, "POST", "", {**NEW, "password": ""}),
    (422, "POST", "", {**NEW, "is_service": True}),
    (422, "POST", "", {**NEW, "id": str(uuid4())}),
    (422, "POST", "", {**NEW, "hashed_password": "x"}),
    (422, "POST", "", {**NEW, "roles": ["a\x1bb"]}),
    (422, "POST", "", {**NEW, "roles": ["x"] * 201}),
    (404, "POST", "", {**NEW, "roles": ["nobody"]}),
    (422, "POST", "", [NEW]),
    (422, "PATCH", "/{bob}", {"email": "no address"}),
    (422, "PATCH", "/{bob}", {"is_active": "perhaps"}),
    (422, "PATCH", "/{bob}", {"password": PASSWORD}),
    (422, "PATCH", "/{bob}", {"locked_until": None}),
    (404, "PATCH", "/nobody", {"is_active": False}),
    (404, "PATCH", f"/{uuid4()}", {"is_active": False}),
    (404, "GET", "/nobody", None),
    (404, "GET", f"/{uuid4()}", None),
    (404, "DELETE", "/%00", None),
    (422, "GET", "?limit=0", None),
    (422, "GET", "?limit=1001", None),
    (422, "GET", "?after=%00", None),
    (422, "GET", "?search=a%00b", None),
    (422, "GET", "?role=%00", None),
    (422, "GET", "?is_active=perhaps", None),
]


def test_what_cannot_be_used_is_told_and_changes_nothing(
    root: Desk, people: dict[str, User]
) -> None:
    for status, method, path, body in UNUSABLE:
        answer = root(method, path.format(bob=people[BOB].id), body)
        assert answer.status_code == status, (path, body, answer.text)
        assert "detail" in answer.json()
        assert PASSWORD not in answer.text
    assert root.emails() == [ANN, BOB, MAN, ROOT]
