"""Several who change one role at once: each is done, or refused with a reason."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from backoffice.auth import Role
from backoffice.core import Conflict, NotFound
from tests.auth.conftest import House

TIMES = 4


def at_once(house: House, *work: Coroutine[Any, Any, Any]) -> list[Any]:
    """What each gave or raised."""

    async def all_of_it() -> list[Any]:
        return await asyncio.gather(*work, return_exceptions=True)

    return house.call(all_of_it())


def made(house: House, name: str = "reader") -> Role:
    return house.call(house.services.roles.create(name, ["books:read"], actor="test"))


def test_a_role_is_deleted_once(house: House) -> None:
    role = made(house)
    work = (house.services.roles.delete(role.id, actor=str(each)) for each in range(TIMES))
    found = at_once(house, *work)
    assert sorted(type(each).__name__ for each in found) == ["NoneType"] + ["NotFound"] * (
        TIMES - 1
    )
    told = house.call(house.services.audit.entries(subject="role:reader"))
    assert [each.data["change"] for each in told] == ["deleted", "created"]


def test_what_is_changed_while_it_is_deleted_is_changed_or_refused(house: House) -> None:
    roles = house.services.roles
    for name in ("one", "two", "three"):
        role, other = made(house, name), made(house, f"{name} besides")
        found = at_once(
            house,
            roles.delete(role.id, actor="test"),
            roles.change(role.id, name=f"{name} anew", actor="test"),
            roles.change(role.id, permissions=["books:write"], actor="test"),
            roles.change(role.id, includes=[other.name], actor="test"),
            roles.delete(other.id, actor="test"),
            roles.create(f"{name} at last", includes=[other.name], actor="test"),
        )
        unexpected = [
            each
            for each in found
            if isinstance(each, BaseException) and not isinstance(each, Conflict | NotFound)
        ]
        assert unexpected == []


def test_a_role_that_is_deleted_meanwhile_is_taken_from_nobody(house: House) -> None:
    roles = house.services.roles
    for name in ("one", "two", "three"):
        role, user = made(house, name), house.user(f"{name}@example.com")
        house.call(roles.grant(user.id, name, actor="test"))
        found = at_once(
            house, roles.delete(role.id, actor="test"), roles.revoke(user.id, name, actor="test")
        )
        assert found[0] is None
        assert found[1] in (True, False) or isinstance(found[1], NotFound)
