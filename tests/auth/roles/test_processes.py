"""What is given and taken in one process holds in the others, by their next request."""

from collections.abc import Awaitable, Callable, Iterator

import pytest

from backoffice.auth import Services, User
from tests.auth.conftest import House, built

Change = Callable[[Services, User], Awaitable[object]]


@pytest.fixture
def other(house: House) -> Iterator[House]:
    """A second process, as it were: another run of the same app on the same database."""
    with built() as found:
        yield found


async def deny(services: Services, user: User) -> None:
    await services.roles.deny("reader", ["books:read"], actor="test")


async def exclude(services: Services, user: User) -> None:
    await services.roles.exclude("chief", ["reader"], actor="test")


async def include_nothing(services: Services, user: User) -> None:
    role = await services.roles.find("chief")
    await services.roles.change(role.id, includes=[], actor="test")


async def delete_the_included(services: Services, user: User) -> None:
    role = await services.roles.find("reader")
    await services.roles.delete(role.id, actor="test")


async def revoke(services: Services, user: User) -> None:
    await services.roles.revoke(user.id, "chief", actor="test")


async def take(services: Services, user: User) -> None:
    await services.grants.take(user.id, "books:write", actor="test")


@pytest.mark.parametrize(
    "change", [deny, exclude, include_nothing, delete_the_included, revoke, take]
)
def test_what_is_taken_is_gone_everywhere_when_the_change_is_done(
    house: House, other: House, change: Change
) -> None:
    user, roles = house.user(), house.services.roles
    house.call(roles.create("reader", ["books:read"], actor="test"))
    house.call(roles.create("chief", includes=["reader"], actor="test"))
    house.call(roles.grant(user.id, "chief", actor="test"))
    house.call(house.services.grants.give(user.id, "books:write", actor="test"))
    key = house.key(user)
    for _ in range(2):
        for each in (house, other):
            assert each.get("/books", key=key).status_code == 200
            assert each.post("/books", key=key).status_code == 200
    house.call(change(house.services, user))
    for each in (other, house):
        answers = [each.get("/books", key=key), each.post("/books", key=key)]
        refused = [403, 200] if change is not take else [200, 403]
        assert [answer.status_code for answer in answers] == refused


async def allow(services: Services, user: User) -> None:
    await services.roles.allow("empty", ["books:read"], actor="test")


async def include(services: Services, user: User) -> None:
    await services.roles.include("empty", ["reader"], actor="test")


async def give(services: Services, user: User) -> None:
    await services.grants.give(user.id, "books:read", actor="test")


@pytest.mark.parametrize("change", [allow, include, give])
def test_what_is_given_is_there_everywhere_when_the_change_is_done(
    house: House, other: House, change: Change
) -> None:
    user, roles = house.user(), house.services.roles
    house.call(roles.create("reader", ["books:read"], actor="test"))
    house.call(roles.create("empty", actor="test"))
    house.call(roles.grant(user.id, "empty", actor="test"))
    key = house.key(user)
    for _ in range(2):
        assert other.get("/books", key=key).status_code == 403
    house.call(change(house.services, user))
    assert other.get("/books", key=key).status_code == 200
