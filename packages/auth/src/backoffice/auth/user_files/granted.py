"""The roles that a file names: their ids, and what lets its holder do everything."""

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth.models import (
    WHOLE_APP,
    Role,
    RoleInclusion,
    RolePermission,
    User,
    UserPermission,
    UserRole,
)
from backoffice.auth.permissions import EVERYTHING


@dataclass(frozen=True, slots=True)
class Granted:
    """A role, which may be granted."""

    id: uuid.UUID
    #: By itself, or by a role that it includes.
    everything: bool


async def granted(session: AsyncSession, names: Collection[str]) -> dict[str, Granted]:
    """The roles of those names that there are."""
    if not names:
        return {}
    query = select(Role.name, Role.id).where(col(Role.name).in_(names))
    found = (await session.exec(query)).all()
    mighty = await _everything(session)
    return {name: Granted(id, id in mighty) for name, id in found}


# Any: the keys of an adopted table are of its own type.
async def held_by(session: AsyncSession, ids: Iterable[Any]) -> dict[Any, set[str]]:
    """The names of the roles that these users hold."""
    query = (
        select(UserRole.user_id, Role.name)
        .join(Role, col(Role.id) == col(UserRole.role_id))
        .where(col(UserRole.user_id).in_(list(ids)), UserRole.scope == WHOLE_APP)
    )
    held: dict[Any, set[str]] = {}
    for user_id, name in (await session.exec(query)).all():
        held.setdefault(user_id, set()).add(name)
    return held


async def mighty(
    session: AsyncSession,
    users: Collection[User],
    held: dict[Any, set[str]],
    roles: dict[str, Granted],
) -> set[Any]:
    """Those of the users who may do everything: of themselves, by a role, or by a permission."""
    ids = [each.id for each in users]
    query = select(UserPermission.user_id).where(
        UserPermission.permission == EVERYTHING, col(UserPermission.user_id).in_(ids)
    )
    found: set[Any] = {*(await session.exec(query)).all()}
    found |= {each.id for each in users if each.is_superuser}
    # Of a role that somebody deletes meanwhile nothing is held any more.
    everything = {name for name, role in roles.items() if role.everything}
    return found | {id for id, own in held.items() if own & everything}


async def _everything(session: AsyncSession) -> set[uuid.UUID]:
    """The roles with every permission, from those that hold it up to all that include them."""
    everything = col(RolePermission.permission) == EVERYTHING
    mighty = (
        sqlalchemy.select(col(RolePermission.role_id))
        .where(everything)
        .cte("mighty", recursive=True)
    )
    above = sqlalchemy.select(col(RoleInclusion.role_id)).join(
        mighty, col(RoleInclusion.included_id) == mighty.c.role_id
    )
    return {*(await session.exec(select(mighty.union(above).c.role_id))).all()}
