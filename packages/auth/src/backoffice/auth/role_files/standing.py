"""What the database holds, as terms: read within a transaction, of no column that need not be."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import func, or_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth import role_records
from backoffice.auth.holdings import in_force
from backoffice.auth.models import Role, UserPermission, UserRole
from backoffice.auth.role_files.terms import Grants, RoleTerms, Terms
from backoffice.auth.user_records import UserRecords

T = TypeVar("T")

#: How many are asked for by name at a time.
_TOGETHER = 200
#: Above it, reading everybody's address is cheaper than asking for each.
_NAMED_AT_ONCE = 5000


@dataclass(frozen=True)
class Standing:
    """What is held of what a file is about."""

    terms: Terms
    #: By name.
    roles: Mapping[str, uuid.UUID]
    #: By address, of everybody who is named here or there. Several have it by case alone.
    users: Mapping[str, Sequence[uuid.UUID]]


async def standing(
    session: AsyncSession, records: UserRecords, wanted: Terms, now: datetime
) -> Standing:
    """All roles; their holders and direct grants where the file decides them."""
    roles = await _roles(session)
    ids = {role.name: role.id for role in roles}
    decided = {name for name, role in wanted.roles.items() if role.holders is not None}
    users = await _users(session, records, wanted.addresses)
    known = {found[0]: address for address, found in users.items() if len(found) == 1}
    holders = await _holders(session, records, [ids[each] for each in decided & ids.keys()], now)
    for role_holders in holders.values():
        for user_id, (address, _) in role_holders.items():
            if user_id not in known:
                known[user_id] = address
                users.setdefault(address, [user_id])
    granted = await _grants(session, [i for i, a in known.items() if a in wanted.users], now)
    terms = Terms(
        {
            name: RoleTerms(
                role.description,
                role.permissions,
                role.includes,
                {known[i]: ends for i, (_, ends) in holders[ids[name]].items()}
                if name in decided
                else None,
            )
            for name, role in (await _terms(session, roles)).items()
        },
        {known[user_id]: grants for user_id, grants in granted.items()},
    )
    return Standing(terms, ids, users)


async def everything(
    session: AsyncSession, records: UserRecords, now: datetime, *, holders: bool
) -> Terms:
    """All roles; with `holders` also who has them, and all direct grants."""
    roles = await _roles(session)
    terms = await _terms(session, roles)
    if not holders:
        return Terms(terms)
    held = await _holders(session, records, None, now)
    with_holders = {
        role.name: RoleTerms(
            role.description,
            terms[role.name].permissions,
            terms[role.name].includes,
            dict(held[role.id].values()),
        )
        for role in roles
    }
    direct: dict[str, dict[str, datetime | None]] = defaultdict(dict)
    query = (
        select(records.user.email, UserPermission.permission, UserPermission.expires_at)
        .join(records.user, col(records.user.id) == col(UserPermission.user_id))
        .where(in_force(UserPermission, now))
    )
    for address, permission, ends in (await session.exec(query)).all():
        direct[address.lower()][permission] = ends
    return Terms(with_holders, direct)


async def holder_counts(
    session: AsyncSession, names: Collection[str], now: datetime
) -> dict[str, int]:
    """How many accounts were given each of these roles, if any were."""
    query = (
        select(Role.name, func.count())
        .join(UserRole, col(UserRole.role_id) == col(Role.id))
        .where(in_force(UserRole, now))
        .group_by(col(Role.name))
    )
    found: dict[str, int] = {}
    for some in together(sorted(names)):
        found |= dict((await session.exec(query.where(col(Role.name).in_(some)))).all())
    return found


async def _roles(session: AsyncSession) -> Sequence[Role]:
    return (await session.exec(select(Role).order_by(col(Role.name)))).all()


async def _terms(session: AsyncSession, roles: Iterable[Role]) -> dict[str, RoleTerms]:
    permissions = await role_records.permissions_by_role(session)
    included = await role_records.inclusions_by_role(session)
    return {
        role.name: RoleTerms(
            role.description,
            frozenset(permissions.get(role.id, ())),
            frozenset(included.get(role.id, ())),
        )
        for role in roles
    }


async def _users(
    session: AsyncSession, records: UserRecords, addresses: Collection[str]
) -> dict[str, list[uuid.UUID]]:
    found: dict[str, list[uuid.UUID]] = defaultdict(list)
    query = select(records.user.id, records.user.email)
    several = list(together(sorted(addresses))) if len(addresses) <= _NAMED_AT_ONCE else [()]
    for some in several if addresses else ():
        asked = query.where(or_(*(records.has_email(each) for each in some))) if some else query
        for id, address in (await session.exec(asked)).all():
            if (normal := address.lower()) in addresses:
                found[normal].append(id)
    return found


# Any: of the roles whose holders are wanted, or of all of them.
async def _holders(
    session: AsyncSession, records: UserRecords, roles: Any, now: datetime
) -> Mapping[uuid.UUID, dict[uuid.UUID, tuple[str, datetime | None]]]:
    found: dict[uuid.UUID, dict[uuid.UUID, tuple[str, datetime | None]]] = defaultdict(dict)
    query = (
        select(UserRole.role_id, UserRole.user_id, records.user.email, UserRole.expires_at)
        .join(records.user, col(records.user.id) == col(UserRole.user_id))
        .where(in_force(UserRole, now))
    )
    queries = [query]
    if roles is not None:
        queries = [query.where(col(UserRole.role_id).in_(some)) for some in together(roles)]
    for each in queries:
        for role_id, user_id, address, ends in (await session.exec(each)).all():
            found[role_id][user_id] = (address.lower(), ends)
    return found


async def _grants(
    session: AsyncSession, users: Sequence[uuid.UUID], now: datetime
) -> dict[uuid.UUID, Grants]:
    found: dict[uuid.UUID, dict[str, datetime | None]] = {each: {} for each in users}
    query = select(
        UserPermission.user_id, UserPermission.permission, UserPermission.expires_at
    ).where(in_force(UserPermission, now))
    for some in together(users):
        rows = await session.exec(query.where(col(UserPermission.user_id).in_(some)))
        for user_id, permission, ends in rows.all():
            found[user_id][permission] = ends
    return dict(found)


def together(items: Iterable[T]) -> Iterator[list[T]]:
    """As many at a time as one statement may well name."""
    left = iter(items)
    while some := list(islice(left, _TOGETHER)):
        yield some
