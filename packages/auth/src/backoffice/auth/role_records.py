"""The rows of roles: found, read and written within a transaction."""

import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import delete, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth.models import Role, RoleInclusion, RolePermission
from backoffice.auth.permissions import parsed
from backoffice.core import Conflict, InvalidInput, NotFound

_NAME_LENGTH, _DESCRIPTION_LENGTH = 64, 500
#: Serialises inclusions on PostgreSQL: the ASCII codes of "bo.roles".
_LOCK = 0x626F2E726F6C6573
_HOLD = text("SELECT pg_advisory_xact_lock(:key)")


def checked_name(name: str) -> str:
    """The name without space around it; InvalidInput for one that will not do."""
    if not name.strip() or len(name) > _NAME_LENGTH or not name.isprintable() or "@" in name:
        raise InvalidInput(f"a role's name is 1 to {_NAME_LENGTH} printable characters, with no @")
    return name.strip()


def checked_description(text: str) -> str:
    """The same text; InvalidInput for one that cannot be kept."""
    # Half of a surrogate pair cannot be written down.
    lone = any("\ud800" <= each <= "\udfff" for each in text)
    if "\0" in text or lone or len(text) > _DESCRIPTION_LENGTH:
        raise InvalidInput(f"a description is text of at most {_DESCRIPTION_LENGTH} characters")
    return text


async def named(session: AsyncSession, name: str) -> Role:
    """The role of that name; NotFound if there is none."""
    role = (await session.exec(select(Role).where(Role.name == name))).one_or_none()
    if role is None:
        raise NotFound(f"there is no role {name!r}")
    return role


async def all_named(session: AsyncSession, names: Iterable[str]) -> list[Role]:
    """The roles of those names, in order; NotFound if one is missing."""
    return [await named(session, each) for each in sorted(set(names))]


async def existing(session: AsyncSession, id: uuid.UUID) -> Role:
    """The role of that id; NotFound if there is none."""
    role = await session.get(Role, id)
    if role is None:
        raise NotFound(f"there is no role {id}")
    return role


async def check_seen(session: AsyncSession, role: Role, seen: Mapping[str, Any]) -> None:
    """Conflict where the role is another one by now; from here on it stays as it is."""
    if session.get_bind().dialect.name == "sqlite":  # which holds the database for who writes
        nothing = update(Role).where(col(Role.id) == role.id).values(name=col(Role.name))
        await session.exec(nothing.execution_options(synchronize_session=False))
        await session.refresh(role)
    else:
        await session.refresh(role, with_for_update={"key_share": True})
    now = {
        "name": role.name,
        "description": role.description,
        "permissions": await permissions(session, role.id),
        "includes": await included(session, role.id),
    }
    if any(now[name] != value for name, value in seen.items()):
        raise Conflict(
            f"somebody else has changed the role {role.name!r} just now; look at it again",
            code="role_changed_meanwhile",
        )


async def flushed(session: AsyncSession, role: Role) -> None:
    """Write a role; Conflict if its name is taken."""
    name = role.name
    try:
        await session.flush()
    except IntegrityError:
        await session.rollback()
        raise Conflict(f"there is a role {name!r} already", code="role_taken") from None


async def deleted(session: AsyncSession, role: Role) -> None:
    """Delete a role; NotFound where somebody else has done so just now."""
    gone = await session.exec(delete(Role).where(col(Role.id) == role.id))
    if gone.rowcount == 0:
        raise NotFound(f"there is no role {role.name!r} any more")


@asynccontextmanager
async def undisturbed(session: AsyncSession, name: str) -> AsyncIterator[None]:
    """Conflict where somebody else changes or deletes what is written within, at once with it."""
    try:
        yield
        await session.flush()
    except (IntegrityError, StaleDataError):
        await session.rollback()
        raise Conflict(
            f"somebody else has changed the role {name!r} just now; try again",
            code="role_changed_meanwhile",
        ) from None


async def permissions(session: AsyncSession, id: uuid.UUID) -> set[str]:
    """What a role allows by itself."""
    query = select(RolePermission.permission).where(RolePermission.role_id == id)
    return set((await session.exec(query)).all())


def allow(session: AsyncSession, role: Role, wanted: Iterable[str]) -> None:
    """Add permissions that it does not have."""
    session.add_all(
        RolePermission(role_id=role.id, permission=each) for each in dict.fromkeys(wanted)
    )


async def deny(session: AsyncSession, role: Role, unwanted: Collection[str]) -> None:
    """Take permissions away."""
    await session.exec(
        delete(RolePermission).where(
            col(RolePermission.role_id) == role.id,
            col(RolePermission.permission).in_(unwanted),
        )
    )


def all_parsed(wanted: Iterable[str]) -> set[str]:
    """Permissions in their form; InvalidInput if one has it not."""
    return {parsed(each) for each in wanted}


async def included(session: AsyncSession, id: uuid.UUID) -> set[str]:
    """The names of the roles that a role includes by itself."""
    query = (
        select(Role.name)
        .join(RoleInclusion, col(RoleInclusion.included_id) == col(Role.id))
        .where(RoleInclusion.role_id == id)
    )
    return set((await session.exec(query)).all())


async def include(session: AsyncSession, role: Role, names: Collection[str]) -> None:
    """Let a role include others that it does not; Conflict where that would be a circle.

    Held until the transaction ends: of several who include at once, each sees what the others
    have done, so that no circle comes about of halves.
    """
    if not names:
        return
    await _hold(session, role)
    others = await all_named(session, names)
    for other in others:
        if role.id in await reached(session, other.id):
            raise Conflict(
                f"{other.name!r} is {role.name!r}, or includes it already: that would be a circle",
                code="role_circle",
            )
    session.add_all(RoleInclusion(role_id=role.id, included_id=each.id) for each in others)


async def exclude(session: AsyncSession, role: Role, names: Collection[str]) -> None:
    """Let a role include these no more."""
    unwanted = select(Role.id).where(col(Role.name).in_(names))
    await session.exec(
        delete(RoleInclusion).where(
            col(RoleInclusion.role_id) == role.id,
            col(RoleInclusion.included_id).in_(unwanted),
        )
    )


async def reached(session: AsyncSession, id: uuid.UUID) -> set[uuid.UUID]:
    """A role, and all that it includes at any depth."""
    found = select(Role.id).where(Role.id == id).cte("reached", recursive=True)
    found = found.union(
        select(RoleInclusion.included_id).join(found, col(RoleInclusion.role_id) == found.c.id)
    )
    return set((await session.exec(select(found.c.id))).all())


async def permissions_by_role(
    session: AsyncSession, of: Collection[uuid.UUID] | None = None
) -> Mapping[uuid.UUID, list[str]]:
    """What each role, or each of these, allows by itself, in order."""
    found: dict[uuid.UUID, list[str]] = defaultdict(list)
    query = select(RolePermission.role_id, RolePermission.permission)
    if of is not None:
        query = query.where(col(RolePermission.role_id).in_(of))
    for id, permission in sorted((await session.exec(query)).all()):
        found[id].append(permission)
    return found


async def inclusions_by_role(session: AsyncSession) -> Mapping[uuid.UUID, list[str]]:
    """The names of those that each role includes by itself, in order."""
    found: dict[uuid.UUID, list[str]] = defaultdict(list)
    query = (
        select(RoleInclusion.role_id, Role.name)
        .join(Role, col(Role.id) == col(RoleInclusion.included_id))
        .order_by(col(Role.name))
    )
    for id, name in (await session.exec(query)).all():
        found[id].append(name)
    return found


async def _hold(session: AsyncSession, role: Role) -> None:
    if session.get_bind().dialect.name == "sqlite":  # which holds the database for who writes
        nothing = update(Role).where(col(Role.id) == role.id).values(name=col(Role.name))
        await session.exec(nothing.execution_options(synchronize_session=False))
        return
    await (await session.connection()).execute(_HOLD, {"key": _LOCK})
