"""Roles: named sets of permissions, and who holds them."""

import uuid
from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth import audit
from backoffice.auth.events import RoleChanged, RoleGranted, RoleRevoked
from backoffice.auth.models import WHOLE_APP, Role, RolePermission, User, UserRole
from backoffice.auth.permissions import EVERYTHING, parsed
from backoffice.auth.remembered import EVERYBODY
from backoffice.auth.revocations import Revocations
from backoffice.auth.row_locks import hold_users
from backoffice.auth.user_records import UserRecords
from backoffice.core import Conflict, Database, Events, InvalidInput, NotFound

_NAME_LENGTH, _DESCRIPTION_LENGTH = 64, 500
#: Above it, reading every grant is cheaper than naming each user (SQLite takes 32,766 names).
_NAMED_AT_ONCE = 5000


class Roles:
    """The roles of the app."""

    def __init__(
        self,
        database: Database,
        events: Events,
        revocations: Revocations,
        records: UserRecords,
    ) -> None:
        self._records = records
        self._database = database
        self._events = events
        self._revocations = revocations

    async def create(
        self, name: str, permissions: Iterable[str] = (), *, description: str = "", actor: str
    ) -> Role:
        """Create a role with these permissions; Conflict if there is one of that name."""
        role = Role(name=_checked_name(name), description=_checked_description(description))
        async with self._database.session() as session:
            session.add(role)
            await _flushed(session, role)
            _allow(session, role, permissions)
            event = RoleChanged(actor=actor, subject=audit.role(role.name), change="created")
            await self._events.emit(event, session)
            await session.commit()
        return role

    async def find(self, name: str) -> Role:
        """The role of that name; NotFound if there is none."""
        async with self._database.session() as session:
            return await _named(session, name)

    async def all(self) -> list[tuple[Role, list[str]]]:
        """Every role with its permissions, both in order."""
        async with self._database.session() as session:
            roles = (await session.exec(select(Role).order_by(col(Role.name)))).all()
            held = (await session.exec(select(RolePermission))).all()
        return [
            (role, sorted(each.permission for each in held if each.role_id == role.id))
            for role in roles
        ]

    async def permissions_of(self, id: uuid.UUID) -> list[str]:
        """A role's permissions, in order."""
        async with self._database.session() as session:
            return sorted(await _permissions(session, id))

    async def allow(self, name: str, permissions: Iterable[str], *, actor: str) -> list[str]:
        """Add permissions to a role; gives those it did not have."""
        async with self._database.session() as session:
            role = await _named(session, name)
            added = sorted(
                {parsed(each) for each in permissions} - await _permissions(session, role.id)
            )
            _allow(session, role, added)
            if added:
                await self._changed(session, role, f"allowed {' '.join(added)}", actor)
        return added

    async def change(
        self,
        id: uuid.UUID,
        *,
        name: str | None = None,
        description: str | None = None,
        permissions: Iterable[str] | None = None,
        actor: str,
    ) -> Role:
        """Rename a role, describe it, give it exactly these permissions: all at once, or nothing.

        What is None stays as it is. Conflict if the name is taken.
        """
        async with self._database.session() as session:
            role = await _existing(session, id)
            changes = []
            if (name, description) != (None, None):
                role.name = role.name if name is None else _checked_name(name)
                role.description = (
                    role.description if description is None else _checked_description(description)
                )
                changes += ["described"] if session.is_modified(role) else []
                await _flushed(session, role)
            if permissions is not None:
                changes += await _set_permissions(session, role, permissions)
            if changes:
                await self._changed(session, role, ", ".join(changes), actor)
        if not changes:
            # It may be so since just now, by somebody who still waits for it to hold.
            await self._revocations.settled()
        return role

    async def delete(self, id: uuid.UUID, *, actor: str) -> None:
        """Delete a role; who held it loses what it granted on the next request."""
        async with self._database.session() as session:
            role = await _existing(session, id)
            await session.delete(role)
            await self._changed(session, role, "deleted", actor)

    async def grant(self, user_id: uuid.UUID, name: str, *, actor: str) -> bool:
        """Give a user a role; False if they hold it already."""
        async with self._database.session() as session:
            await hold_users(session, self._records, col(self._records.user.id) == user_id)
            role_id = (await _named(session, name)).id
            try:
                added = await self.add_to(session, user_id, name, actor=actor)
                await self._revocations.commit(session, user_id)
            except IntegrityError:
                await session.rollback()
                # Granted by somebody else in between, or there is no such user.
                if await session.get(UserRole, (user_id, role_id, WHOLE_APP)) is None:
                    raise NotFound(f"there is no user {user_id}") from None
                return False
        return added

    async def add_to(
        self, session: AsyncSession, user_id: uuid.UUID, name: str, *, actor: str
    ) -> bool:
        """`grant`, in the transaction given."""
        role = await _named(session, name)
        if await session.get(UserRole, (user_id, role.id, WHOLE_APP)) is not None:
            return False
        session.add(UserRole(user_id=user_id, role_id=role.id))
        event = RoleGranted(actor=actor, subject=audit.user(user_id), role=name)
        await self._events.emit(event, session)
        return True

    async def revoke(self, user_id: uuid.UUID, name: str, *, actor: str) -> bool:
        """Take a role from a user; False if they do not hold it."""
        async with self._database.session() as session:
            await hold_users(session, self._records, col(self._records.user.id) == user_id)
            taken = await self.take_from(session, user_id, name, actor=actor)
            await self._revocations.commit(session, user_id)
        return taken

    async def take_from(
        self, session: AsyncSession, user_id: uuid.UUID, name: str, *, actor: str
    ) -> bool:
        """`revoke`, in the transaction given."""
        role = await _named(session, name)
        held = await session.get(UserRole, (user_id, role.id, WHOLE_APP))
        if held is None:
            return False
        await session.delete(held)
        event = RoleRevoked(actor=actor, subject=audit.user(user_id), role=name)
        await self._events.emit(event, session)
        return True

    async def set_of(
        self, session: AsyncSession, user_id: uuid.UUID, names: Iterable[str], *, actor: str
    ) -> None:
        """Let a user hold exactly these roles, in the transaction given."""
        await hold_users(session, self._records, col(self._records.user.id) == user_id)
        held, wanted = set(await _names_of(session, user_id)), set(names)
        for name in sorted(wanted - held):
            await self.add_to(session, user_id, name, actor=actor)
        for name in sorted(held - wanted):
            await self.take_from(session, user_id, name, actor=actor)

    async def of_user(self, id: uuid.UUID) -> list[str]:
        """The names of the roles that a user holds, in order."""
        async with self._database.session() as session:
            return await _names_of(session, id)

    async def of_users(self, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[str]]:
        """The names of the roles that these users hold, in order; users with none are left out."""
        held: dict[uuid.UUID, list[str]] = defaultdict(list)
        async with self._database.session() as session:
            query = (
                select(UserRole.user_id, Role.name)
                .join(Role, col(Role.id) == col(UserRole.role_id))
                .order_by(col(Role.name))
            )
            if len(wanted := set(ids)) <= _NAMED_AT_ONCE:
                query = query.where(col(UserRole.user_id).in_(wanted))
            for user_id, name in (await session.exec(query)).all():
                held[user_id].append(name)
        return held

    async def _changed(self, session: AsyncSession, role: Role, change: str, actor: str) -> None:
        name = role.name
        event = RoleChanged(actor=actor, subject=audit.role(name), change=change)
        try:
            await session.flush()
            await self._events.emit(event, session)
            await self._revocations.commit(session, EVERYBODY)
        except IntegrityError:
            await session.rollback()
            raise Conflict(
                f"somebody else has changed the role {name!r} just now; try again",
                code="role_changed_meanwhile",
            ) from None


async def _names_of(session: AsyncSession, user_id: uuid.UUID) -> list[str]:
    query = (
        select(Role.name)
        .join(UserRole, col(UserRole.role_id) == col(Role.id))
        .where(UserRole.user_id == user_id)
        .order_by(col(Role.name))
    )
    return list((await session.exec(query)).all())


async def _flushed(session: AsyncSession, role: Role) -> None:
    name = role.name
    try:
        await session.flush()
    except IntegrityError:
        await session.rollback()
        raise Conflict(f"there is a role {name!r} already", code="role_taken") from None


async def _set_permissions(
    session: AsyncSession, role: Role, permissions: Iterable[str]
) -> list[str]:
    wanted, held = {parsed(each) for each in permissions}, await _permissions(session, role.id)
    await session.exec(
        delete(RolePermission).where(
            col(RolePermission.role_id) == role.id,
            col(RolePermission.permission).in_(held - wanted),
        )
    )
    _allow(session, role, wanted - held)
    return [f"set to {' '.join(sorted(wanted))}"] if wanted != held else []


async def permissions_of(session: AsyncSession, user: User) -> frozenset[str]:
    """What a user may do by the roles they hold; everything for a superuser."""
    if user.is_superuser:
        return frozenset({EVERYTHING})
    query = (
        select(RolePermission.permission)
        .join(UserRole, col(UserRole.role_id) == col(RolePermission.role_id))
        .where(UserRole.user_id == user.id)
    )
    return frozenset((await session.exec(query)).all())


def _checked_name(name: str) -> str:
    if not name.strip() or len(name) > _NAME_LENGTH or not name.isprintable() or "@" in name:
        raise InvalidInput(f"a role's name is 1 to {_NAME_LENGTH} printable characters, with no @")
    return name.strip()


def _checked_description(text: str) -> str:
    if "\0" in text or len(text) > _DESCRIPTION_LENGTH:
        raise InvalidInput(f"a description is text of at most {_DESCRIPTION_LENGTH} characters")
    return text


def _allow(session: AsyncSession, role: Role, permissions: Iterable[str]) -> None:
    for permission in dict.fromkeys(map(parsed, permissions)):
        session.add(RolePermission(role_id=role.id, permission=permission))


async def _permissions(session: AsyncSession, id: uuid.UUID) -> set[str]:
    query = select(RolePermission.permission).where(RolePermission.role_id == id)
    return set((await session.exec(query)).all())


async def _named(session: AsyncSession, name: str) -> Role:
    role = (await session.exec(select(Role).where(Role.name == name))).one_or_none()
    if role is None:
        raise NotFound(f"there is no role {name!r}")
    return role


async def _existing(session: AsyncSession, id: uuid.UUID) -> Role:
    role = await session.get(Role, id)
    if role is None:
        raise NotFound(f"there is no role {id}")
    return role
