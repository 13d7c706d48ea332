"""Superusers who go at the same moment, by whatever way: one stays, and nobody waits for ever."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import pytest

from backoffice.auth import User
from backoffice.auth.passwords import Passwords
from backoffice.auth.sessions import Client
from backoffice.core import Conflict
from tests.auth.conftest import PASSWORD, House

MANY = 6


@pytest.fixture
def superusers(house: House) -> list[User]:
    return [house.user(f"root{number}@example.com", superuser=True) for number in range(MANY)]


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever's password was found right goes on when everybody's was."""
    real, waiting, all_are = Passwords.verified, [0], asyncio.Event()

    async def verified(self: Passwords, password: str, stored: str | None) -> Any:
        found = await real(self, password, stored)
        waiting[0] += 1
        if waiting[0] == MANY:
            all_are.set()
        await all_are.wait()
        return found

    monkeypatch.setattr(Passwords, "verified", verified)


def outcomes(house: House, work: list[Awaitable[object]]) -> list[str]:
    async def all_of_them() -> list[Any]:
        return await asyncio.gather(*work, return_exceptions=True)

    return sorted(getattr(each, "code", "gone") for each in house.call(all_of_them()))


def leaving(house: House, user: User) -> Awaitable[None]:
    return house.services.users.leave(user.id, PASSWORD, Client())


@pytest.mark.usefixtures("together")
def test_of_all_who_leave_at_once_one_stays(house: House, superusers: list[User]) -> None:
    work = [leaving(house, each) for each in superusers]
    assert outcomes(house, list(work)) == ["gone"] * (MANY - 1) + ["last_superuser"]
    assert house.call(house.services.users.superusers()) == 1


def test_who_becomes_the_only_one_while_leaving_stays(
    house: House, superusers: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = house.user("ann@example.com")
    users, real = house.services.users, Passwords.verified

    async def verified(self: Passwords, password: str, stored: str | None) -> Any:
        monkeypatch.setattr(Passwords, "verified", real)
        await users.change(ann.id, {"is_superuser": True}, actor="test")
        for each in superusers:
            await users.change(each.id, {"is_superuser": False}, actor="test")
        return True, None

    monkeypatch.setattr(Passwords, "verified", verified)
    assert outcomes(house, [leaving(house, ann)]) == ["last_superuser"]


@pytest.mark.parametrize("turn", range(3))
def test_leaving_and_being_sent_away_do_not_wait_for_each_other(
    house: House, superusers: list[User], turn: int
) -> None:
    users = house.services.users
    work: list[Awaitable[object]] = []
    for number, each in enumerate(superusers):
        way = (number + turn) % 3
        if way == 0:
            work.append(leaving(house, each))
        elif way == 1:
            work.append(users.change(each.id, {"is_active": False}, actor="test"))
        else:
            work.append(users.delete(each.id, actor="test"))
    assert outcomes(house, work) == ["gone"] * (MANY - 1) + ["last_superuser"]
    assert house.call(users.superusers()) == 1


@pytest.mark.parametrize("going", ["deactivated", "deleted"])
def test_who_became_the_only_one_since_they_were_looked_up_stays(
    house: House, superusers: list[User], going: str
) -> None:
    ann, users = house.user("ann@example.com"), house.services.users

    async def go() -> None:
        async with house.services.database.session() as session:
            found = await session.get(house.services.records.user, ann.id)
            assert found is not None
            await users.change(ann.id, {"is_superuser": True}, actor="test")
            for each in superusers:
                await users.change(each.id, {"is_superuser": False}, actor="test")
            if going == "deleted":
                await users._delete(session, found, "test", "")
            else:
                await users.change_in(session, found, {"is_active": False}, actor="test")
            await session.commit()

    with pytest.raises(Conflict, match="last active superuser"):
        house.call(go())
    assert house.call(users.superusers()) == 1


@pytest.mark.parametrize("going", ["is_active", "is_superuser", "deleted"])
def test_who_is_locked_is_nobody_to_leave_it_to(house: House, going: str) -> None:
    root, other = (house.user(f"{each}@example.com", superuser=True) for each in ("root", "other"))
    users = house.services.users
    until = house.services.clock.now() + timedelta(days=30)
    house.call(users.lock(other.id, until, actor="test"))

    def go() -> Awaitable[object]:
        if going == "deleted":
            return users.delete(root.id, actor="test")
        return users.change(root.id, {going: False}, actor="test")

    assert outcomes(house, [go()]) == ["last_superuser"]
    house.call(users.unlock(other.id, actor="test"))
    assert len(outcomes(house, [go()])) == 1
    assert house.call(users.superusers()) == 1
