"""Accounts by page, and how they are locked and unlocked."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from backoffice.auth.directory import Wanted
from backoffice.core import Conflict, InvalidInput, NotFound
from backoffice.core.testing import ManualClock
from tests.auth.conftest import House


def found(house: House, *, limit: int = 100, after: str = "", **wanted: object) -> list[str]:
    page = house.services.directory.page(Wanted(**wanted), limit=limit, after=after)  # type: ignore[arg-type]
    return [each.email.partition("@")[0] for each in house.call(page)]


def test_accounts_are_found_by_page_and_by_what_is_asked(house: House) -> None:
    for name in ("b_b", "ann", "dän"):
        house.user(f"{name}@example.com")
    root = house.user("root@example.com", superuser=True)
    house.accounts.role("clerk", "books:read")
    house.call(house.services.roles.grant(root.id, "clerk", actor="test"))
    house.call(house.services.users.create_service("bot@example.com", active=False, actor="test"))
    assert found(house) == ["ann", "b_b", "bot", "dän", "root"]
    assert found(house, limit=2) == ["ann", "b_b"]
    assert found(house, limit=2, after="b_b@example.com") == ["bot", "dän"]
    assert found(house, search="B_") == ["b_b"]
    assert found(house, search="DÄ") == ["dän"]
    assert found(house, search="%") == []
    assert found(house, is_active=False) == ["bot"]
    assert found(house, is_active=True, is_superuser=False) == ["ann", "b_b", "dän"]
    assert found(house, role="clerk", is_superuser=True) == ["root"]
    with pytest.raises(NotFound):
        found(house, role="nobody")


def test_a_role_that_has_run_out_is_held_by_nobody(time: ManualClock, house: House) -> None:
    ann = house.user()
    house.accounts.role("clerk", "books:read")
    soon = house.services.clock.now() + timedelta(minutes=1)
    house.call(house.services.roles.grant(ann.id, "clerk", soon, actor="test"))
    assert found(house, role="clerk") == ["ann"]
    time.advance(timedelta(minutes=2))
    assert found(house, role="clerk") == []


async def lock(house: House) -> None:
    async with house.services.database.session() as session:
        await session.exec(text("UPDATE backoffice_user SET locked_until = '2999-01-01'"))  # type: ignore[call-overload]
        await session.commit()


def test_a_lock_ends_before_its_time(house: House) -> None:
    ann = house.user()
    house.call(lock(house))
    assert house.login().status_code == 401
    assert house.call(house.services.users.unlock(ann.id, actor="test")) is True
    assert house.login().status_code == 200
    assert house.call(house.services.users.unlock(ann.id, actor="test")) is False
    [entry] = house.call(house.services.audit.entries(event="auth.user_changed"))
    assert entry.data["fields"] == ["locked_until"]


def test_nobody_uses_an_account_while_it_is_locked(house: House) -> None:
    ann, users = house.user(), house.services.users
    key, now = house.key(ann), house.services.clock.now()
    house.call(users.lock(ann.id, now + timedelta(hours=1), actor="test"))
    assert house.login().status_code == 401
    assert house.get("/auth/me", key=key).status_code == 401
    with pytest.raises(InvalidInput):
        house.call(users.lock(ann.id, now - timedelta(hours=1), actor="test"))
    house.call(users.unlock(ann.id, actor="test"))
    assert house.get("/auth/me", key=key).status_code == 200


def test_one_superuser_stays_who_is_not_locked(house: House) -> None:
    until = house.services.clock.now() + timedelta(hours=1)
    one, other = (house.user(f"{name}@example.com", superuser=True) for name in ("one", "other"))
    house.call(house.services.users.lock(one.id, until, actor="test"))
    with pytest.raises(Conflict, match="last active superuser"):
        house.call(house.services.users.lock(other.id, until, actor="test"))
