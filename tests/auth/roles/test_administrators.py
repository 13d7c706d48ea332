"""Somebody is left who may run the back office, whatever way roles are changed."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import anyio
import pytest

from backoffice.auth import User
from backoffice.core import BackofficeError
from tests.auth.conftest import House, bearer

SQLITE = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
#: Done to Ann, who is the only administrator, by the role `boss`, which includes `admin`.
WAYS: dict[str, Callable[[Any, User], Awaitable[object]]] = {
    "deny": lambda on, ann: on.roles.deny("admin", ["users:*"], actor="test"),
    "exclude": lambda on, ann: on.roles.exclude("boss", ["admin"], actor="test"),
    "change": lambda on, ann: changed(on, permissions=["roles:*"]),
    "delete": lambda on, ann: deleted(on, "admin"),
    "delete what she holds": lambda on, ann: deleted(on, "boss"),
    "revoke": lambda on, ann: on.roles.revoke(ann.id, "boss", actor="test"),
    "for a while": lambda on, ann: on.roles.grant(ann.id, "boss", soon(on), actor="test"),
    "other roles": lambda on, ann: on.users.change(ann.id, {}, roles=["clerk"], actor="test"),
    "deactivate": lambda on, ann: on.users.change(ann.id, {"is_active": False}, actor="test"),
    "delete her": lambda on, ann: on.users.delete(ann.id, actor="test"),
}


async def changed(on: Any, **fields: Any) -> object:
    return await on.roles.change((await on.roles.find("admin")).id, **fields, actor="test")


async def deleted(on: Any, name: str) -> None:
    await on.roles.delete((await on.roles.find(name)).id, actor="test")


def soon(on: Any) -> datetime:
    until: datetime = on.clock.now() + timedelta(hours=1)
    return until


@pytest.fixture
def ann(house: House) -> User:
    """The only administrator, of several who may do less."""
    make = house.services.roles.create
    house.call(make("admin", ["users:*", "roles:*"], actor="test"))
    house.call(make("clerk", ["books:read"], actor="test"))
    house.call(make("boss", includes=["admin"], actor="test"))
    for name, role in (("ann", "boss"), ("bob", "clerk")):
        user = house.user(f"{name}@example.com")
        house.call(house.services.roles.grant(user.id, role, actor="test"))
    house.call(house.services.users.create_service("ci@example.com", roles=["boss"], actor="test"))
    return house.call(house.services.users.find("ann@example.com"))


def outcome(house: House, work: Callable[[], Awaitable[object]]) -> str:
    async def done() -> str:
        try:
            await work()
        except BackofficeError as error:
            return error.code
        return "done"

    return house.call(done())


@SQLITE
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_the_last_administrator_stays(
    house: House, ann: User, way: Callable[[Any, User], Awaitable[object]]
) -> None:
    services = house.services
    assert outcome(house, lambda: way(services, ann)) == "last_administrator"
    assert house.call(services.effective.of_user(ann.id)).can("users:change", "roles:change")
    house.user("root@example.com", superuser=True)
    assert outcome(house, lambda: way(services, ann)) == "done"


@SQLITE
def test_a_grant_of_the_last_administrator_stays(house: House) -> None:
    ann, grants = house.user("ann@example.com"), house.services.grants
    house.call(grants.give(ann.id, "*", actor="test"))
    until = soon(house.services)
    for way in (
        lambda: grants.take(ann.id, "*", actor="test"),
        lambda: grants.give(ann.id, "*", until, actor="test"),
    ):
        assert outcome(house, way) == "last_administrator"
    assert [each.expires_at for each in house.call(grants.of_user(ann.id))] == [None]


@SQLITE
def test_over_http_it_is_told(house: House, ann: User) -> None:
    role = house.call(house.services.roles.find("boss"))
    answer = house.client.delete(f"/auth/roles/{role.id}", headers=bearer(house.token()))
    assert (answer.status_code, answer.json()["detail"]["code"]) == (409, "last_administrator")
    assert house.call(house.services.roles.find("boss"))


def test_of_two_who_are_taken_from_at_once_one_stays(house: House, ann: User) -> None:
    bob = house.call(house.services.users.find("bob@example.com"))
    house.call(house.services.roles.grant(bob.id, "boss", actor="test"))
    outcomes: list[str] = []

    async def take(user: User) -> None:
        try:
            await house.services.roles.revoke(user.id, "boss", actor="test")
        except BackofficeError as error:
            outcomes.append(error.code)
        else:
            outcomes.append("done")

    async def at_once() -> None:
        async with anyio.create_task_group() as group:
            for each in (ann, bob):
                group.start_soon(take, each)

    house.call(at_once())
    assert sorted(outcomes) == ["done", "last_administrator"]
