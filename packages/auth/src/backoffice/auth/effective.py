"""The effective set: what users may do, all together, and by what each permission came to them."""

import uuid
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeVar

import sqlalchemy
from sqlalchemy import CTE, or_, true
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth.catalogue import Catalogue
from backoffice.auth.holdings import Held, held_roles, in_force, with_holdings
from backoffice.auth.models import (
    Role,
    RoleInclusion,
    RolePermission,
    User,
    UserPermission,
    UserRole,
)
from backoffice.auth.permissions import EVERYTHING, grants, parsed
from backoffice.auth.user_keys import UserKey
from backoffice.auth.user_records import UserRecords
from backoffice.core import Clock, Database, NotFound

T = TypeVar("T")

#: Above it, reading what everybody holds is cheaper (SQLite takes 32,766 names).
_NAMED_AT_ONCE = 5000


@dataclass(frozen=True)
class Path:
    """A way by which a permission came to a user."""

    kind: Literal["superuser", "direct", "role"]
    #: The permission or pattern that grants it.
    granted: str
    #: From the role that the user was given to the one that has the permission.
    roles: tuple[str, ...] = ()
    #: When the user's grant runs out; None where it does not.
    expires_at: datetime | None = None


@dataclass(frozen=True)
class EffectiveSet:
    """What a user may do now. One who is not active may do none of it."""

    user_id: uuid.UUID
    #: Neither deactivated nor locked.
    active: bool
    permissions: frozenset[str]
    #: The names of the roles held, with all that those include.
    roles: frozenset[str]
    #: When the first of the grants runs out; None where none does.
    changes_at: datetime | None
    #: How all of it came to the user, the shortest first.
    ways: tuple[Path, ...] = field(default=(), repr=False)

    def can(self, *permissions: str) -> bool:
        """Whether the user may do all of these now."""
        return self.active and all(grants(self.permissions, each) for each in permissions)

    def paths(self, permission: str) -> list[Path]:
        """How the permission, or pattern, is granted, the shortest first; none if it is not."""
        wanted = patterns_of(permission)
        return [each for each in self.ways if each.granted in wanted]


class Effective:
    """What the users of the app may do."""

    def __init__(
        self, database: Database, clock: Clock, records: UserRecords, catalogue: Catalogue
    ) -> None:
        self._database = database
        self._clock = clock
        self._records = records
        self._catalogue = catalogue

    async def of_user(self, user_id: uuid.UUID) -> EffectiveSet:
        """The effective set of a user, with its paths; NotFound if there is none."""
        moment = self._clock.now()
        async with self._database.session() as session:
            found = (
                await session.exec(self._query([user_id]), params={"moment": moment})
            ).one_or_none()
            if found is None:
                raise NotFound(f"there is no user {user_id}")
            user, held = found[0], Held(*found)
            paths = await _paths(session, user, moment)
        unlocked = user.locked_until is None or user.locked_until <= moment
        return EffectiveSet(
            user_id=user.id,
            active=user.is_active and unlocked,
            permissions=held.permissions,
            roles=held.roles,
            changes_at=held.changes_at,
            ways=tuple(paths),
        )

    async def of_users(self, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, frozenset[str]]:
        """The permissions of these users, active or not, in one query."""
        query, now = self._query(set(ids)), {"moment": self._clock.now()}
        async with self._database.session() as session:
            rows = (await session.exec(query, params=now)).all()
        return {row[0].id: Held(*row).permissions for row in rows}

    async def of_roles(
        self, ids: Collection[uuid.UUID] | None = None
    ) -> dict[uuid.UUID, frozenset[str]]:
        """What these roles, or all, allow with all that they include."""
        id, wanted = col(Role.id), true() if ids is None else col(Role.id).in_(ids)
        roots: Any = sqlalchemy.select(id.label("root"), id.label("role_id"))
        reached = roots.where(wanted).cte("reached", recursive=True)
        reached = reached.union(
            sqlalchemy.select(reached.c.root, col(RoleInclusion.included_id))
            .select_from(reached)
            .join(RoleInclusion, col(RoleInclusion.role_id) == reached.c.role_id)
        )
        query = sqlalchemy.select(reached.c.root, col(RolePermission.permission)).outerjoin(
            RolePermission, col(RolePermission.role_id) == reached.c.role_id
        )
        found: dict[uuid.UUID, set[str]] = defaultdict(set)
        for root, permission in await self._database.read(query):
            found[root] |= {permission} if permission is not None else set()
        return {root: frozenset(each) for root, each in found.items()}

    async def who_can(self, permission: str, limit: int = 100, after: str = "") -> list[User]:
        """Those who may do it now, in the order of their addresses; `after` is the last address
        of the page before."""
        user, moment = self._records.user, self._clock.now()
        wanted = patterns_of(permission)
        query = (
            select(user)
            .where(col(user.is_active), self._records.unlocked(moment))
            .where(may(user, wanted, moment))
            .order_by(col(user.email))
            .limit(limit)
        )
        if after:
            query = query.where(col(user.email) > after)
        async with self._database.session() as session:
            return list((await session.exec(query)).all())

    async def unknown(self, limit: int = 20) -> list[str]:
        """Permissions in roles and grants that the app knows no more, in order."""
        names = [each.name for each in self._catalogue.all()]
        known = {EVERYTHING, *names, *(f"{each.partition(':')[0]}:*" for each in names)}
        if not self._catalogue.complete or len(known) > _NAMED_AT_ONCE:
            return []
        of_roles, of_users = (
            sqlalchemy.select(col(kind.permission)).where(col(kind.permission).not_in(known))
            for kind in (RolePermission, UserPermission)
        )
        query = sqlalchemy.union(of_roles, of_users).order_by("permission").limit(limit)
        return [row[0] for row in await self._database.read(query)]

    # Any: as the rows of `with_holdings`.
    def _query(self, ids: Collection[uuid.UUID]) -> Any:
        user = self._records.user
        mine = col(user.id).in_(ids) if len(ids) <= _NAMED_AT_ONCE else true()
        owners = sqlalchemy.select(col(user.id).label("user_id")).where(mine).cte("owners")
        query = sqlalchemy.select(user).where(mine)
        return with_holdings(query, user, owners)


def patterns_of(permission: str) -> frozenset[str]:
    """All that grant it: itself, its resource's pattern, and everything."""
    resource = parsed(permission).partition(":")[0]
    return frozenset(
        {permission, EVERYTHING, f"{resource}:*" if resource != EVERYTHING else permission}
    )


def may(
    user: type[User], wanted: Collection[str], moment: datetime, only: uuid.UUID | None = None
) -> sqlalchemy.ColumnElement[bool]:
    """That a user holds one of these patterns then, active or not; `only` that one is looked at."""
    roles = _roles_with(wanted)
    by_role = sqlalchemy.select(col(UserRole.user_id)).where(
        in_force(UserRole, moment), col(UserRole.role_id).in_(sqlalchemy.select(roles.c.role_id))
    )
    direct = sqlalchemy.select(col(UserPermission.user_id)).where(
        in_force(UserPermission, moment), col(UserPermission.permission).in_(wanted)
    )
    id = col(user.id)
    if only is None:
        return or_(col(user.is_superuser), id.in_(by_role), id.in_(direct))
    # PostgreSQL would read what everybody holds: 20 ms where 100,000 hold two roles each.
    by_role = by_role.where(col(UserRole.user_id) == only)
    direct = direct.where(col(UserPermission.user_id) == only)
    return (id == only) & or_(col(user.is_superuser), by_role.exists(), direct.exists())


def _roles_with(wanted: Collection[str]) -> CTE:
    """Roles that have one of these, and those that include such a role at any depth."""
    found = (
        sqlalchemy.select(col(RolePermission.role_id))
        .where(col(RolePermission.permission).in_(wanted))
        .cte("granting", recursive=True)
    )
    return found.union(
        sqlalchemy.select(col(RoleInclusion.role_id)).join(
            found, col(RoleInclusion.included_id) == found.c.role_id
        )
    )


async def _paths(session: AsyncSession, user: User, moment: datetime) -> list[Path]:
    found = [Path("superuser", EVERYTHING)] if user.is_superuser else []
    direct = select(UserPermission).where(
        UserPermission.user_id == user.id, in_force(UserPermission, moment)
    )
    found += [
        Path("direct", each.permission, expires_at=each.expires_at)
        for each in (await session.exec(direct)).all()
    ]
    return sorted([*found, *await _by_roles(session, user, moment)], key=_order)


def _order(path: Path) -> tuple[int, tuple[str, ...], str]:
    return len(path.roles), path.roles, path.granted


async def _by_roles(session: AsyncSession, user: User, moment: datetime) -> list[Path]:
    id = sqlalchemy.literal(user.id, UserKey())
    owner = sqlalchemy.select(id.label("user_id")).cte("owner")
    reached = sqlalchemy.select(held_roles(owner).c.role_id)
    names = select(Role.id, Role.name).where(col(Role.id).in_(reached))
    edges = select(RoleInclusion.role_id, RoleInclusion.included_id).where(
        col(RoleInclusion.role_id).in_(reached)
    )
    allowed = select(RolePermission.role_id, RolePermission.permission).where(
        col(RolePermission.role_id).in_(reached)
    )
    given = select(UserRole.role_id, UserRole.expires_at).where(
        UserRole.user_id == user.id, in_force(UserRole, moment)
    )
    now = {"moment": moment}
    graph = _Graph(
        dict((await session.exec(names, params=now)).all()),
        _grouped((await session.exec(edges, params=now)).all()),
        _grouped((await session.exec(allowed, params=now)).all()),
    )
    return [
        path
        for role_id, until in (await session.exec(given)).all()
        if role_id in graph.names  # which may have gone meanwhile
        for path in graph.paths(role_id, until)
    ]


def _grouped(pairs: Iterable[tuple[uuid.UUID, T]]) -> Mapping[uuid.UUID, list[T]]:
    found: dict[uuid.UUID, list[T]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return found


@dataclass(frozen=True)
class _Graph:
    names: Mapping[uuid.UUID, str]
    included: Mapping[uuid.UUID, list[uuid.UUID]]
    allowed: Mapping[uuid.UUID, list[str]]

    def paths(self, given: uuid.UUID, until: datetime | None) -> Iterable[Path]:
        """A shortest way to each role that this one reaches: those of a wide graph are too many."""
        ways: dict[uuid.UUID, tuple[str, ...]] = {given: (self.names[given],)}
        pending = deque([given])
        while pending:
            role = pending.popleft()
            for permission in self.allowed.get(role, ()):
                yield Path("role", permission, ways[role], until)
            for each in self.included.get(role, ()):
                if each not in ways and each in self.names:
                    ways[each] = (*ways[role], self.names[each])
                    pending.append(each)
