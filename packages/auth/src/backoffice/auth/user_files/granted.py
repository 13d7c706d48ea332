"""The roles that a file names: their ids, and whether one lets its holder do everything."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth.models import Role, RoleInclusion, RolePermission
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
