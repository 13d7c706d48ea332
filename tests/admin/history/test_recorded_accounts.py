"""What the history keeps of accounts, whoever changes them: the admin, the API, a command."""

import asyncio
import uuid

import pytest
from sqlmodel import col, delete
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth import Role
from backoffice.auth.sessions import Client
from tests.admin.conftest import House
from tests.admin.history.changes import changes, last
from tests.auth.conftest import PASSWORD


@pytest.fixture
def root(house: House) -> House:
    """A superuser, signed in."""
    house.signed_in(superuser=True, email="root@example.com")
    return house


def listed(*values: str) -> dict[str, object]:
    return {"$": "list", "v": list(values)}


def test_a_user_made_and_changed_in_the_admin(root: House) -> None:
    """With the roles, as fields of the user; the password is told of, and never kept."""
    root.call(root.services.roles.create("editor", ["books:*"], actor="test"))
    form = {
        "email": "eve@example.com",
        "password": PASSWORD,
        "roles": ["editor"],
        "roles.sent": "1",
    }
    assert root.send("/users/add", form).status_code in (200, 303)
    made = last(root, "users")
    assert (made.action, made.through, made.label) == ("add", "admin", "eve@example.com")
    assert made.changes["email"] == [None, "eve@example.com"]
    assert made.changes["hashed_password"] == [None, {"$": "hidden"}]
    assert made.changes["roles"] == [None, listed("editor")]
    path = f"/users/edit?pk={made.record_key}"
    root.send(path, {"email": "eva@example.com", "roles.sent": "1"})
    assert last(root, "users").changes == {
        "email": ["eve@example.com", "eva@example.com"],
        "roles": [listed("editor"), None],
    }
    assert "argon2" not in str([each.changes for each in changes(root)])


def test_a_user_changed_by_the_api(root: House) -> None:
    """By whom the token is of."""
    eve = root.user("eve@example.com")
    answer = root.client.post(
        "/auth/login", data={"username": "root@example.com", "password": PASSWORD}
    )
    head = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    changed = root.client.patch(f"/auth/users/{eve.id}", json={"is_active": False}, headers=head)
    assert changed.status_code == 200, changed.text
    found = last(root, "users")
    assert (found.through, found.record_key) == ("api", str(eve.id))
    assert found.actor.startswith("user:")
    assert found.changes["is_active"] == [True, False]


def test_a_user_changed_by_a_command(root: House) -> None:
    """Whose actor begins with `cli:`."""
    eve = root.user("eve@example.com")
    root.call(root.services.users.change(eve.id, {"is_verified": True}, actor="cli:ann"))
    found = last(root, "users")
    assert (found.through, found.actor) == ("command", "cli:ann")


def test_a_password_that_is_changed_is_told_of_without_it(root: House) -> None:
    """Neither of its hashes."""
    eve = root.user("eve@example.com")
    root.call(root.services.users.set_password(eve.id, "another long password", actor="test"))
    found = last(root, "users").changes
    assert found["hashed_password"] == [{"$": "hidden"}, {"$": "hidden"}]
    assert "$argon2" not in str(found)


def test_a_grant_is_told_of_at_the_user(root: House) -> None:
    """Also one for a while, and one of a permission alone."""
    eve = root.user("eve@example.com")
    root.call(root.services.roles.create("editor", ["books:*"], actor="test"))
    root.call(root.services.roles.grant(eve.id, "editor", actor="test"))
    assert last(root, "users").changes == {"roles": [None, listed("editor")]}
    root.call(root.services.roles.revoke(eve.id, "editor", actor="test"))
    assert last(root, "users").changes == {"roles": [listed("editor"), None]}
    root.call(root.services.grants.give(eve.id, "books:view", actor="test"))
    assert last(root, "users").changes == {"permissions": [None, listed("books:view")]}


def test_a_role_is_told_of_with_what_it_allows(root: House) -> None:
    """And those who lose it when it is deleted are."""
    made = root.call(root.services.roles.create("editor", ["books:view"], actor="test"))
    eve = root.user("eve@example.com")
    root.call(root.services.roles.grant(eve.id, "editor", actor="test"))
    root.call(root.services.roles.change(made.id, name="writer", permissions=["*"], actor="test"))
    assert last(root, "roles").changes == {
        "name": ["editor", "writer"],
        "permissions": [listed("books:view"), listed("*")],
    }
    root.call(root.services.roles.delete(made.id, actor="test"))
    assert last(root, "roles").changes["permissions"] == [listed("*"), None]
    assert last(root, "users").changes == {"roles": [listed("writer"), None]}


def test_a_key_is_told_of_without_its_digest(root: House) -> None:
    """Made, revoked; not each time that it is used."""
    eve = root.user("eve@example.com")
    key, text = root.call(root.services.keys.create(eve, "mine", actor="test"))
    assert last(root, "api-keys").changes["digest"] == [None, {"$": "hidden"}]
    assert root.client.get("/auth/me", headers={"X-API-Key": text}).status_code == 200
    root.call(root.services.keys.revoke(key.id, actor="test"))
    assert [each.action for each in changes(root, "api-keys")] == ["add", "change"]
    assert set(last(root, "api-keys").changes) == {"revoked_at"}


def test_a_session_is_told_of_when_it_begins_and_ends(root: House) -> None:
    """Not whenever its tokens are refreshed."""
    root.user("eve@example.com")
    form = {"username": "eve@example.com", "password": PASSWORD}
    answer = root.client.post("/auth/login", data=form).json()
    began = last(root, "sessions")
    assert began.action == "add"
    sent = {"refresh_token": answer["refresh_token"]}
    assert root.client.post("/auth/refresh", json=sent).status_code == 200
    assert last(root, "sessions").number == began.number
    id = uuid.UUID(began.record_key)
    root.call(root.services.sessions.end(id, actor="test", client=Client()))
    assert set(last(root, "sessions").changes) == {"ended_at"}


def test_what_goes_with_a_user_is_told_of(root: House) -> None:
    """Their keys and sessions, which the database itself deletes."""
    eve = root.user("eve@example.com")
    root.call(root.services.keys.create(eve, "mine", actor="test"))
    root.client.post("/auth/login", data={"username": "eve@example.com", "password": PASSWORD})
    before = len(changes(root))
    root.call(root.services.users.delete(eve.id, actor="test"))
    gone = changes(root)[before:]
    assert {each.resource for each in gone} >= {"users", "api-keys", "sessions"}
    assert {each.action for each in gone} == {"delete"}


def test_what_nobody_tells_of_is_not_written(root: House) -> None:
    """A role deleted past the services has no author."""

    async def deleted() -> None:
        async with root.services.database.session() as session:
            await session.exec(delete(Role).where(col(Role.name) == "editor"))
            await session.commit()

    root.call(root.services.roles.create("editor", ["books:*"], actor="test"))
    before = len(changes(root))
    root.call(deleted())
    assert len(changes(root)) == before


def test_two_who_change_one_user_at_once_are_told_of_each_with_what_they_found(root: House) -> None:
    """The one after the other, whoever is first."""
    eve = root.user("eve@example.com")

    async def both() -> None:
        change = root.services.users.change
        await asyncio.gather(
            change(eve.id, {"email": "a@example.com"}, actor="test"),
            change(eve.id, {"email": "b@example.com"}, actor="test"),
        )

    root.call(both())
    first, second = changes(root, "users")[-2:]
    assert first.changes["email"][1] == second.changes["email"][0]
    assert second.changes["email"][1] == last_email(root, eve.id)


def last_email(house: House, id: uuid.UUID) -> str:
    found = house.call(house.services.users.get(id))
    return str(found.email)


def test_sessions_have_nothing_left_over(root: House) -> None:
    """A session that is used again does not tell of what it never committed."""

    async def used_again() -> None:
        events, roles = root.services.events, root.services.roles
        async with root.services.database.session() as session:
            session.add(Role(name="never"))
            await session.flush()
            await session.rollback()
            assert isinstance(session, AsyncSession)
            assert events is root.services.events
        await roles.create("once", [], actor="test")

    root.call(used_again())
    assert [each.label for each in changes(root, "roles")][-1] == "once"
    assert "never" not in [each.label for each in changes(root, "roles")]
