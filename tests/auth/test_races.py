"""What two people do to one account at the same time."""

import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import argon2
import pytest
from sqlalchemy import text
from sqlmodel import col, select

from backoffice.auth import AuditEntry, User
from backoffice.auth.passwords import Passwords
from backoffice.core import BackofficeError, Conflict, NotFound
from backoffice.core.testing import ManualClock
from tests.auth.conftest import PASSWORD, House, built, create_tables, headers

NEW_PASSWORD = "another password"


def meanwhile(monkeypatch: pytest.MonkeyPatch, work: Callable[[], Awaitable[object]]) -> None:
    """Do `work` once, after the next password was found right and before that is acted upon."""
    real = Passwords.verified
    left = [work]

    async def verified(self: Passwords, password: str, stored: str | None) -> Any:
        found = await real(self, password, stored)
        while left:
            await left.pop()()
        return found

    monkeypatch.setattr(Passwords, "verified", verified)


def test_a_sign_in_that_a_new_password_overtakes_gets_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, users = house.user(), house.services.users
    meanwhile(monkeypatch, lambda: users.set_password(user.id, NEW_PASSWORD, actor="test"))
    assert house.login().status_code == 401
    assert house.call(house.services.sessions.of_user(user.id)) == []


def test_a_sign_in_that_a_deactivation_overtakes_gets_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, users = house.user(), house.services.users
    meanwhile(monkeypatch, lambda: users.change(user.id, {"is_active": False}, actor="test"))
    assert house.login().status_code == 401
    house.call(users.change(user.id, {"is_active": True}, actor="test"))
    assert house.call(house.services.sessions.of_user(user.id)) == []


def test_a_sign_in_that_a_deletion_overtakes_is_only_wrong(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = house.user()
    meanwhile(monkeypatch, lambda: house.services.users.delete(user.id, actor="test"))
    assert house.login().status_code == 401


def outdated(house: House, user: User) -> None:
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)

    async def store() -> None:
        async with house.services.database.session() as session:
            found = await session.get(User, user.id)
            assert found is not None
            found.hashed_password = weak
            await session.commit()

    house.call(store())


@pytest.mark.costly_passwords
def test_an_outdated_hash_is_upgraded_at_sign_in(house: House) -> None:
    user = house.user()
    outdated(house, user)
    assert house.login().status_code == 200
    assert "m=47104" in house.call(house.services.users.get(user.id)).hashed_password
    assert house.login().status_code == 200


def test_an_upgrade_never_brings_the_old_password_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, users = house.user(), house.services.users
    outdated(house, user)
    meanwhile(monkeypatch, lambda: users.set_password(user.id, NEW_PASSWORD, actor="test"))
    assert house.login().status_code == 401
    assert house.login(password=NEW_PASSWORD).status_code == 200


def test_two_superusers_who_take_each_others_place_at_once_leave_one(house: House) -> None:
    one, two = (house.user(f"{n}@example.com", superuser=True) for n in ("one", "two"))
    users = house.services.users

    async def both() -> list[str]:
        refused: list[str] = []

        async def off(user: User) -> None:
            try:
                await users.change(user.id, {"is_active": False}, actor="test")
            except Conflict as error:
                refused.append(error.code)

        async with anyio.create_task_group() as group:
            for user in (one, two):
                group.start_soon(off, user)
        return refused

    assert house.call(both()) == ["last_superuser"]
    assert house.call(users.superusers()) == 1


def test_permissions_allowed_twice_at_once_are_there_once(house: House) -> None:
    roles = house.services.roles
    house.call(roles.create("editor", actor="test"))

    def allow(_: int) -> str:
        try:
            house.call(roles.allow("editor", ["books:read"], actor="test"))
        except BackofficeError as error:
            return error.code
        return "done"

    with ThreadPoolExecutor(6) as threads:
        assert set(threads.map(allow, range(6))) <= {"done", "role_changed_meanwhile"}
    role = house.call(roles.find("editor"))
    assert house.call(roles.permissions_of(role.id)) == ["books:read"]


def test_a_role_is_not_granted_to_nobody(house: House) -> None:
    house.call(house.services.roles.create("editor", actor="test"))
    with pytest.raises(NotFound):
        house.call(house.services.roles.grant(uuid.uuid4(), "editor", actor="test"))


def test_a_browser_session_ends_at_its_absolute_lifetime(time: ManualClock, house: House) -> None:
    house.user()
    cookie = house.cookie()
    ends = time.now() + house.services.settings.session_lifetime
    while time.now() < ends:
        assert house.get("/who", cookie=cookie).status_code == 200
        house.call(house.services.last_uses.flush())
        time.move_to(min(time.now() + timedelta(hours=7), ends))
    assert house.get("/who", cookie=cookie).status_code == 401


def test_a_session_of_tokens_ends_at_its_absolute_lifetime(time: ManualClock, house: House) -> None:
    """Refreshing does not prolong it, and no access token outlives it."""
    house.user()
    pair = house.login().json()
    ends = time.now() + house.services.settings.refresh_lifetime
    while time.now() < ends - timedelta(seconds=1):
        time.move_to(min(time.now() + timedelta(days=10), ends - timedelta(seconds=1)))
        spent = {"refresh_token": pair["refresh_token"]}
        pair = house.client.post("/auth/refresh", json=spent).json()
    assert house.get("/who", token=pair["access_token"]).status_code == 200
    time.advance(1)
    assert house.get("/who", token=pair["access_token"]).status_code == 401
    again = house.client.post("/auth/refresh", json={"refresh_token": pair["refresh_token"]})
    assert again.status_code == 401


def test_reactivation_brings_no_old_session_back(house: House) -> None:
    user = house.user()
    token = house.token()
    for active in (False, True):
        house.call(house.services.users.change(user.id, {"is_active": active}, actor="test"))
    assert house.get("/who", token=token).status_code == 401


def test_a_new_address_has_to_be_verified_anew(house: House) -> None:
    user, users = house.user(), house.services.users
    house.call(users.change(user.id, {"is_verified": True}, actor="test"))
    changed = house.call(users.change(user.id, {"email": "new@example.com"}, actor="test"))
    assert changed.is_verified is False


def test_a_wrong_password_is_in_the_log_with_the_account_it_was_tried_on(house: House) -> None:
    user = house.user()
    token = house.token()
    house.login(password="wrong")
    body = {"current_password": "wrong", "new_password": NEW_PASSWORD}
    house.post("/auth/me/password", token=token, json=body)

    async def failed() -> list[str]:
        async with house.services.database.session() as session:
            query = select(AuditEntry).where(col(AuditEntry.event) == "auth.sign_in_failed")
            return [each.subject for each in (await session.exec(query)).all()]

    assert house.call(failed()) == [f"user:{user.id}"] * 2


@pytest.mark.parametrize("origin", ["http://[", "http://testserver.evil", "//testserver", "x" * 99])
def test_an_origin_that_is_none_of_ours_is_refused(house: House, origin: str) -> None:
    house.user()
    sent = headers(cookie=house.cookie()) | {"Origin": origin}
    assert house.client.post("/auth/logout", headers=sent).status_code == 403


def test_an_expiry_beyond_the_end_of_time_is_refused(house: House) -> None:
    house.user()
    body = {"name": "x", "expires_at": "9999-12-31T23:59:59-14:00"}
    assert house.post("/auth/api-keys", token=house.token(), json=body).status_code == 422


def test_a_401_always_has_a_challenge(house: House) -> None:
    refused = [
        house.login(),
        house.client.post("/auth/refresh", json={"refresh_token": "x"}),
        house.get("/who"),
        house.get("/who", token="x"),
    ]
    assert all(each.status_code == 401 and each.headers["www-authenticate"] for each in refused)


def test_whoever_holds_the_database_keeps_no_key_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    create_tables(url)
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", url)
    monkeypatch.setenv("BACKOFFICE_DATABASE_TIMEOUT", "0.2")
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
    with built() as house:
        key = house.key(house.user())
        with house.services.database.sync_engine.connect() as connection:
            connection.execute(text("BEGIN IMMEDIATE"))
            assert house.get("/who", key=key).status_code == 200
            connection.rollback()
