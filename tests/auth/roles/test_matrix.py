"""Roles, inclusions, grants and their ends, at random, against a plain model of what they mean."""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from backoffice.auth import Role, User
from backoffice.auth.effective import EffectiveSet
from backoffice.auth.models import (
    RoleInclusion,
    RolePermission,
    UserPermission,
    UserRole,
)
from backoffice.auth.permissions import grants
from backoffice.auth.sessions import TOKEN, Client
from backoffice.core.testing import ManualClock
from tests.auth.conftest import House

RESOURCES, ACTIONS = ("books", "orders", "users"), ("view", "add", "change")
CONCRETE = [f"{resource}:{action}" for resource in RESOURCES for action in ACTIONS]
HELD = [*CONCRETE, *(f"{resource}:*" for resource in RESOURCES), "*"]
HOUR = timedelta(hours=1)


@dataclass
class Person:
    """What a user was given, each until then."""

    superuser: bool
    active: bool
    locked: bool
    roles: dict[int, datetime | None] = field(default_factory=dict)
    permissions: dict[str, datetime | None] = field(default_factory=dict)


@dataclass
class World:
    """Roles by their number, and people by theirs."""

    allows: list[set[str]]
    includes: list[set[int]]
    people: list[Person]

    @classmethod
    def random(cls, chance: random.Random, now: datetime) -> "World":
        """Twelve roles, of which each includes some that come after it, and thirty people."""
        count = 12
        # `*` is rare, or everybody could do everything.
        patterns = [*HELD[:-1]] * 4 + ["*"]
        allows = [{*chance.sample(patterns, chance.randint(0, 2))} for _ in range(count)]
        includes = [
            {each for each in range(role + 1, count) if chance.random() < 0.15}
            for role in range(count)
        ]
        ends = (None, None, now - HOUR, now, now + HOUR)
        people = [
            Person(
                superuser=chance.random() < 0.05,
                active=chance.random() < 0.85,
                locked=chance.random() < 0.1,
                roles={each: chance.choice(ends) for each in _some(chance, range(count))},
                permissions={each: chance.choice(ends) for each in _some(chance, CONCRETE)},
            )
            for _ in range(30)
        ]
        return cls(allows, includes, people)

    def roles_of(self, person: Person, now: datetime) -> set[int]:
        found: set[int] = set()
        pending = [role for role, until in person.roles.items() if until is None or until > now]
        while pending:
            role = pending.pop()
            if role not in found:
                found.add(role)
                pending += self.includes[role]
        return found

    def permissions_of(self, person: Person, now: datetime) -> set[str]:
        if person.superuser:
            return {"*"}
        direct = {
            each for each, until in person.permissions.items() if until is None or until > now
        }
        return direct.union(*(self.allows[role] for role in self.roles_of(person, now)))

    def may(self, person: Person, permission: str, now: datetime) -> bool:
        """Spelled out, so that it shares nothing with what is tested."""
        if not person.active or person.locked:
            return False
        held = self.permissions_of(person, now)
        return bool(held & {permission, permission.split(":")[0] + ":*", "*"})

    def rows(self, now: datetime) -> Iterator[Any]:
        """The tables, people without their sessions."""
        roles = [Role(name=f"role {number:02}") for number in range(len(self.allows))]
        yield from roles
        for role, permissions, included in zip(roles, self.allows, self.includes, strict=True):
            yield from (RolePermission(role_id=role.id, permission=each) for each in permissions)
            yield from (
                RoleInclusion(role_id=role.id, included_id=roles[each].id) for each in included
            )
        for number, person in enumerate(self.people):
            user = User(
                email=f"user{number:02}@example.com",
                hashed_password="!",
                is_active=person.active,
                is_superuser=person.superuser,
                locked_until=now + HOUR if person.locked else None,
                created_at=now,
                password_changed_at=now,
            )
            yield user
            for role_number, until in person.roles.items():
                yield UserRole(user_id=user.id, role_id=roles[role_number].id, expires_at=until)
            for permission, until in person.permissions.items():
                yield UserPermission(
                    user_id=user.id, permission=permission, expires_at=until, created_at=now
                )


def _some(chance: random.Random, among: Any) -> list[Any]:
    return chance.sample(list(among), chance.choice((0, 0, 1, 1, 2)))


@pytest.mark.parametrize("seed", range(3))
def test_everything_agrees_with_a_plain_model(time: ManualClock, house: House, seed: int) -> None:
    now = time.now()
    world = World.random(random.Random(seed), now)

    async def compare() -> None:
        users = await _written(house, world, now)
        services = house.services
        at_once = await services.effective.of_users(user.id for user in users)
        for user, person in zip(users, world.people, strict=True):
            expected = world.permissions_of(person, now)
            found = await services.effective.of_user(user.id)
            assert found.permissions == at_once[user.id] == expected
            assert found.roles == {f"role {each:02}" for each in world.roles_of(person, now)}
            for permission in CONCRETE:
                assert found.can(permission) == world.may(person, permission, now)
                assert bool(found.paths(permission)) == grants(frozenset(expected), permission)
            _check_ways(world, person, found)
            assert await _of_credential(house, user) == (
                expected if person.active and not person.locked else None
            )
        for permission in CONCRETE:
            may = [
                user.email
                for user, person in zip(users, world.people, strict=True)
                if world.may(person, permission, now)
            ]
            assert [user.email for user in await _pages(house, permission)] == may

    house.call(compare())


async def _written(house: House, world: World, now: datetime) -> list[User]:
    rows = list(world.rows(now))
    async with house.services.database.session() as session:
        for kinds in ((Role, User), (RolePermission, RoleInclusion, UserRole, UserPermission)):
            session.add_all(each for each in rows if isinstance(each, kinds))
            await session.flush()
        await session.commit()
    return [each for each in rows if isinstance(each, User)]


def _check_ways(world: World, person: Person, found: EffectiveSet) -> None:
    """Each way begins with a role that was given, goes by inclusions, and ends where it says."""
    for way in found.ways:
        if way.kind != "role":
            continue
        numbers = [int(name.removeprefix("role ")) for name in way.roles]
        assert person.roles[numbers[0]] == way.expires_at
        assert all(after in world.includes[role] for role, after in itertools.pairwise(numbers))
        assert way.granted in world.allows[numbers[-1]]


async def _of_credential(house: House, user: User) -> frozenset[str] | None:
    """What a session of theirs comes to; None where it stands for nobody."""
    row = house.services.sessions.opened(user, TOKEN, Client())
    async with house.services.database.session() as session:
        session.add(row)
        await session.commit()
    found = await house.services.principals.of_session(row.id, "jwt")
    standing = await house.services.principals.standing([row.id], [])
    assert (found is None) == (standing == {})
    if found is None:
        return None
    assert found[0] == standing[row.id][0]
    return found[0].permissions


async def _pages(house: House, permission: str) -> list[User]:
    effective = house.services.effective
    found = await effective.who_can(permission, 7)
    while len(found) % 7 == 0 and (more := await effective.who_can(permission, 7, found[-1].email)):
        found += more
    return found
