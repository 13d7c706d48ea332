"""Users who were there before sign in, hold roles and keys, and go."""

from typing import Any

import pytest
from sqlmodel import SQLModel, select

from notes.before import PASSWORD
from notes.models import Note, User
from tests.adopted.conftest import Notes

NEW = "a new and better one"


def row(notes: Notes, email: str) -> Any:
    async def found() -> Any:
        async with notes.services.database.session() as session:
            return (await session.exec(select(User).where(User.email == email))).one_or_none()

    return notes.call(found())


def test_the_old_password_is_good_and_its_hash_is_made_a_better_one(notes: Notes) -> None:
    assert row(notes, "bob@example.com").password_hash.startswith("$2b$")
    assert notes.login().status_code == 200
    assert row(notes, "bob@example.com").password_hash.startswith("$argon2id$")
    assert notes.login().status_code == 200
    assert notes.login(password="another one").status_code == 401


def test_an_address_is_found_whatever_its_case(notes: Notes) -> None:
    assert notes.login("ann@example.COM").status_code == 200


def test_the_app_sees_its_own_key(notes: Notes) -> None:
    headers = notes.token()
    assert notes.client.get("/notes", headers=headers).json() == ["milk"]
    assert notes.client.post("/notes", json={"text": "tea"}, headers=headers).status_code == 201
    assert notes.client.get("/notes", headers=headers).json() == ["milk", "tea"]


def test_the_caller_is_told_of_itself(notes: Notes) -> None:
    me = notes.client.get("/auth/me", headers=notes.token()).json()
    assert me["id"] == row(notes, "bob@example.com").id
    assert me["created_at"] is None
    assert not me["is_verified"]


def test_the_apps_own_administrator_may_do_everything(notes: Notes) -> None:
    assert notes.client.get("/reports", headers=notes.token()).status_code == 403
    assert notes.client.get("/reports", headers=notes.token("ann@example.com")).status_code == 200


def test_a_role_is_held_and_taken(notes: Notes) -> None:
    bob, headers = row(notes, "bob@example.com"), notes.token()
    notes.accounts.role("reporter", "reports:read")
    notes.call(notes.services.roles.grant(bob.id, "reporter", actor="test"))
    assert notes.client.get("/reports", headers=headers).status_code == 200
    notes.call(notes.services.roles.revoke(bob.id, "reporter", actor="test"))
    assert notes.client.get("/reports", headers=headers).status_code == 403


def test_a_key_acts_for_its_owner(notes: Notes) -> None:
    made = notes.client.post("/auth/api-keys", json={"name": "backup"}, headers=notes.token())
    headers = {"X-API-Key": made.json()["key"]}
    assert notes.client.get("/notes", headers=headers).json() == ["milk"]
    notes.client.delete(f"/auth/api-keys/{made.json()['id']}", headers=notes.token())
    assert notes.client.get("/notes", headers=headers).status_code == 401


def test_tokens_are_refreshed_and_signed_out(notes: Notes) -> None:
    tokens = notes.login().json()
    again = notes.client.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    headers = {"Authorization": f"Bearer {again.json()['access_token']}"}
    assert notes.client.post("/auth/logout", headers=headers).status_code == 204
    assert notes.client.get("/notes", headers=headers).status_code == 401


def test_a_user_whom_the_app_deactivates_is_out(notes: Notes) -> None:
    bob, headers = row(notes, "bob@example.com"), notes.token()
    notes.call(notes.services.users.change(bob.id, {"is_active": False}, actor="test"))
    assert not row(notes, "bob@example.com").is_active
    assert notes.client.get("/notes", headers=headers).status_code == 401
    assert notes.login().status_code == 401


def test_what_the_table_lacks_is_kept_beside(notes: Notes) -> None:
    bob = row(notes, "bob@example.com")
    changed = notes.call(notes.services.users.change(bob.id, {"is_verified": True}, actor="test"))
    assert changed.is_verified
    assert notes.client.get("/auth/me", headers=notes.token()).json()["is_verified"]
    assert not notes.call(notes.services.users.find("ann@example.com")).is_verified


@pytest.mark.parametrize("stored", [None, "", "!", "not a hash"])
def test_without_a_usable_hash_there_is_no_password(notes: Notes, stored: str | None) -> None:
    async def store() -> None:
        async with notes.services.database.session() as session:
            session.add(User(email="eve@example.com", password_hash=stored))
            await session.commit()

    notes.call(store())
    for password in ("", "!", "not a hash"):
        assert notes.login("eve@example.com", password).status_code in (401, 422)
    eve = row(notes, "eve@example.com")
    notes.call(notes.services.users.set_password(eve.id, NEW, actor="test"))
    assert notes.login("eve@example.com", NEW).status_code == 200


def test_who_registers_is_a_user_of_the_app(notes: Notes) -> None:
    body = {"email": "eve@example.com", "password": NEW}
    assert notes.client.post("/auth/register", json=body).status_code == 202
    assert row(notes, "eve@example.com").full_name == ""
    assert notes.login("eve@example.com", NEW).status_code == 200


def test_a_taken_address_is_not_taken_twice_whatever_its_case(notes: Notes) -> None:
    body = {"email": "ann@example.com", "password": NEW}
    assert notes.client.post("/auth/register", json=body).status_code == 202
    assert row(notes, "ann@example.com") is None
    assert notes.login("ann@example.com").status_code == 200


def test_a_new_password_ends_the_other_sessions(notes: Notes) -> None:
    headers, other = notes.token(), notes.token()
    body = {"current_password": PASSWORD, "new_password": NEW}
    assert notes.client.post("/auth/me/password", json=body, headers=headers).status_code == 204
    assert notes.client.get("/notes", headers=other).status_code == 401
    assert notes.login(password=NEW).status_code == 200


def test_who_leaves_takes_all_along(notes: Notes) -> None:
    headers = notes.token()
    bob = row(notes, "bob@example.com")
    notes.call(notes.services.users.change(bob.id, {"is_verified": True}, actor="test"))
    body = {"current_password": PASSWORD}
    left = notes.client.request("DELETE", "/auth/me", json=body, headers=headers)
    assert left.status_code == 204
    assert row(notes, "bob@example.com") is None
    assert notes.client.get("/notes", headers=headers).status_code == 401
    assert notes.call(count(notes, Note)) == 0


async def count(notes: Notes, model: type[SQLModel]) -> int:
    async with notes.services.database.session() as session:
        return len((await session.exec(select(model))).all())


def test_the_last_administrator_stays(notes: Notes) -> None:
    headers = notes.token("ann@example.com")
    body = {"current_password": PASSWORD}
    answer = notes.client.request("DELETE", "/auth/me", json=body, headers=headers)
    assert answer.status_code == 409
    assert row(notes, "Ann@Example.com").is_admin


def test_a_service_has_keys_and_does_not_sign_in(notes: Notes) -> None:
    made = notes.services.users.create_service("robot@example.com", actor="test")
    robot = notes.call(made)
    assert robot.is_service
    _, key = notes.call(notes.services.keys.create(robot, "robot", actor="test"))
    assert notes.client.get("/notes", headers={"X-API-Key": key}).json() == []
    assert notes.login("robot@example.com", "!").status_code == 401
