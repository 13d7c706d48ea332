"""What users hold, as parts of a query: one row for each user, however much they hold.

Roles bring along whatever they include, at any depth; what has run out counts for nothing. The time
is a parameter, so that a query is built once: that takes as long as asking it.
"""

import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    CTE,
    BindParameter,
    ColumnElement,
    Subquery,
    bindparam,
    delete,
    func,
    or_,
    select,
    union_all,
)
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.sqltypes import UTCDateTime

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

#: Between the names that a row holds: no name and no permission has one in it.
_BETWEEN = "\n"

#: How long what has run out is kept, to tell why somebody may do something no more.
ENDED_KEPT = timedelta(days=90)

#: When it is asked, for `params={"moment": ...}`.
MOMENT = bindparam("moment", type_=UTCDateTime())

Granted = type[UserRole] | type[UserPermission]


def in_force(
    kind: Granted, moment: datetime | BindParameter[datetime] = MOMENT
) -> ColumnElement[bool]:
    """That a grant counts then, in the whole app."""
    expires_at = col(kind.expires_at)
    return (col(kind.scope) == WHOLE_APP) & or_(expires_at.is_(None), expires_at > moment)


def held_roles(owners: CTE) -> CTE:
    """`user_id` and `role_id` of the roles of these users, with all that those include."""
    direct = (
        select(col(UserRole.user_id), col(UserRole.role_id))
        .join(owners, owners.c.user_id == col(UserRole.user_id))
        .where(in_force(UserRole))
    )
    held = direct.cte("held", recursive=True)
    # UNION, which adds no role twice: a circle, made by hand, ends as well.
    return held.union(
        select(held.c.user_id, col(RoleInclusion.included_id))
        .select_from(held)
        .join(RoleInclusion, col(RoleInclusion.role_id) == held.c.role_id)
    )


# Any: how a query is typed depends on what it was begun with.
def with_holdings(query: Any, user: type[User], owners: CTE) -> Any:
    """The query with three more columns for `held`; `owners` has the `user_id` of its users."""
    held = held_roles(owners)
    names = _lines(_names(held))
    permissions = _lines(_permissions(held, owners))
    ends = _ends(owners)
    id = col(user.id)
    return (
        query.add_columns(names.c.lines, permissions.c.lines, ends.c.at)
        .outerjoin(names, names.c.user_id == id)
        .outerjoin(permissions, permissions.c.user_id == id)
        .outerjoin(ends, ends.c.user_id == id)
    )


async def held_by(
    session: AsyncSession, user: type[User], id: uuid.UUID, moment: datetime
) -> frozenset[str]:
    """What a user may do, in the transaction given; nothing for a user that there is not."""
    mine = col(user.id) == id
    owners = select(col(user.id).label("user_id")).where(mine).cte("owners")
    query = with_holdings(select(user).where(mine), user, owners)
    rows = await session.exec(query, params={"moment": moment})
    found = rows.one_or_none()
    return frozenset() if found is None else Held(*found).permissions


async def take(
    session: AsyncSession, kind: Granted, moment: datetime, *which: ColumnElement[bool]
) -> bool:
    """Take a grant that counts then; False if there is none, though there was one just now."""
    gone = await session.exec(delete(kind).where(in_force(kind, moment), *which))
    return gone.rowcount > 0


async def forget_ended(
    session: AsyncSession, kind: Granted, user_id: uuid.UUID, moment: datetime
) -> None:
    """Delete what ran out for a user long ago."""
    long_ago = col(kind.expires_at) <= moment - ENDED_KEPT
    await session.exec(delete(kind).where(col(kind.user_id) == user_id, long_ago))


class Held:
    """What a user holds, as `with_holdings` gives it."""

    def __init__(
        self, user: User, names: str | None, permissions: str | None, changes_at: datetime | None
    ) -> None:
        self.roles = _read(names)
        self.permissions = frozenset({EVERYTHING}) if user.is_superuser else _read(permissions)
        #: When the first of it runs out; None where nothing does.
        self.changes_at = changes_at


# By a look-up for each role that is held: PostgreSQL, which takes a recursion to find many, would
# read all permissions of all roles for a join.
def _names(held: CTE) -> Any:
    name = select(col(Role.name)).where(col(Role.id) == held.c.role_id)
    return select(held.c.user_id, name.scalar_subquery().label("value"))


def _permissions(held: CTE, owners: CTE) -> Any:
    of_role = select(func.aggregate_strings(col(RolePermission.permission), _BETWEEN)).where(
        col(RolePermission.role_id) == held.c.role_id
    )
    return union_all(
        select(held.c.user_id, of_role.scalar_subquery().label("value")),
        select(col(UserPermission.user_id), col(UserPermission.permission))
        .join(owners, owners.c.user_id == col(UserPermission.user_id))
        .where(in_force(UserPermission)),
    )


def _lines(rows: Any) -> Subquery:
    found = rows.subquery()
    user_id, value = found.c
    joined = func.aggregate_strings(value, _BETWEEN).label("lines")
    return select(user_id.label("user_id"), joined).group_by(user_id).subquery()


def _ends(owners: CTE) -> Subquery:
    def of(kind: Granted) -> Any:
        return (
            select(col(kind.user_id).label("user_id"), col(kind.expires_at).label("at"))
            .join(owners, owners.c.user_id == col(kind.user_id))
            .where(in_force(kind), col(kind.expires_at).is_not(None))
        )

    found = union_all(of(UserRole), of(UserPermission)).subquery()
    return (
        select(found.c.user_id, func.min(found.c.at).label("at"))
        .group_by(found.c.user_id)
        .subquery()
    )


def _read(lines: str | None) -> frozenset[str]:
    return frozenset(lines.split(_BETWEEN)) if lines else frozenset()
