"""Holders: who holds which roles, for good or for a while."""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth import audit
from backoffice.auth.administrators import Administrators
from backoffice.auth.events import RoleGranted, RoleRevoked
from backoffice.auth.grants import checked_expiry, written
from backoffice.auth.holdings import forget_ended, in_force, take
from backoffice.auth.models import WHOLE_APP, Role, UserRole
from backoffice.auth.revocations import Revocations
from backoffice.auth.role_records import named
from backoffice.auth.row_locks import hold_users
from backoffice.auth.user_records import UserRecords
from backoffice.core import Clock, Database, Events, NotFound

#: Above it, reading every grant is cheaper than naming each user (SQLite takes 32,766 names).
_NAMED_AT_ONCE = 5000


class Holders:
    """The part of `Roles` that is about those who hold them."""

    def __init__(
        self,
        database: Database,
        events: Events,
        clock: Clock,
        revocations: Revocations,
        records: UserRecords,
        administrators: Administrators,
    ) -> None:
        self._database = database
        self._events = events
        self._clock = clock
        self._revocations = revocations
        self._records = records
        self._administrators = administrators

    async def grant(
        self,
        user_id: uuid.UUID,
        name: str,
        expires_at: datetime | None = None,
        *,
        actor: str,
    ) -> bool:
        """Give a user a role, until then; False if they hold it so already.

        One that they hold for another time is held until this one.
        """
        async with self._database.session() as session:
            try:
                async with self._administrators.left_by_grant(session, user_id, expires_at):
                    await self._hold(session, user_id)
                    await forget_ended(session, UserRole, user_id, self._clock.now())
                    added = await self.add_to(session, user_id, name, expires_at, actor=actor)
                await self._revocations.commit(session, user_id)
            except IntegrityError:
                await session.rollback()
                raise NotFound(f"there is no user {user_id}") from None
        return added

    async def add_to(
        self,
        session: AsyncSession,
        user_id: uuid.UUID,
        name: str,
        expires_at: datetime | None = None,
        *,
        actor: str,
    ) -> bool:
        """`grant`, in the transaction given."""
        role = await named(session, name)
        until = checked_expiry(expires_at, self._clock.now())
        held = await session.get(UserRole, (user_id, role.id, WHOLE_APP))
        if held is not None and held.expires_at == until:
            return False
        if held is None:
            held = UserRole(user_id=user_id, role_id=role.id)
        held.expires_at = until
        session.add(held)
        event = RoleGranted(
            actor=actor, subject=audit.user(user_id), role=name, expires_at=written(until)
        )
        await self._events.emit(event, session)
        return True

    async def revoke(self, user_id: uuid.UUID, name: str, *, actor: str) -> bool:
        """Take a role from a user; False if they do not hold it."""
        async with self._database.session() as session:
            async with self._administrators.left(session, user_id):
                await self._hold(session, user_id)
                taken = await self.take_from(session, user_id, name, actor=actor)
            await self._revocations.commit(session, user_id)
        return taken

    async def take_from(
        self, session: AsyncSession, user_id: uuid.UUID, name: str, *, actor: str
    ) -> bool:
        """`revoke`, in the transaction given."""
        role = await named(session, name)
        which = col(UserRole.user_id) == user_id, col(UserRole.role_id) == role.id
        if not await take(session, UserRole, self._clock.now(), *which):
            return False
        event = RoleRevoked(actor=actor, subject=audit.user(user_id), role=name)
        await self._events.emit(event, session)
        return True

    async def set_of(
        self, session: AsyncSession, user_id: uuid.UUID, names: Iterable[str], *, actor: str
    ) -> None:
        """Let a user hold exactly these roles, in the transaction given.

        Those that they hold for a while already, they hold for as long as before.
        """
        await self._hold(session, user_id)
        held, wanted = {each for each, _ in await self._held(session, user_id)}, set(names)
        for name in sorted(wanted - held):
            await self.add_to(session, user_id, name, actor=actor)
        for name in sorted(held - wanted):
            await self.take_from(session, user_id, name, actor=actor)

    async def names_of(self, session: AsyncSession, id: uuid.UUID) -> set[str]:
        """The names of the roles that a user was given and holds now, in the transaction given."""
        return {name for name, _ in await self._held(session, id)}

    async def of_user(self, id: uuid.UUID) -> list[str]:
        """The names of the roles that a user was given and holds now, in order."""
        return [name for name, _ in await self.held_by(id)]

    async def held_by(self, id: uuid.UUID) -> list[tuple[str, datetime | None]]:
        """The same, with until when each is held."""
        async with self._database.session() as session:
            return await self._held(session, id)

    async def of_users(self, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[str]]:
        """The names of the roles that these users were given and hold now, in order; users with
        none are left out."""
        held: dict[uuid.UUID, list[str]] = defaultdict(list)
        query = (
            select(UserRole.user_id, Role.name)
            .join(Role, col(Role.id) == col(UserRole.role_id))
            .where(in_force(UserRole, self._clock.now()))
            .order_by(col(Role.name))
        )
        if len(wanted := set(ids)) <= _NAMED_AT_ONCE:
            query = query.where(col(UserRole.user_id).in_(wanted))
        async with self._database.session() as session:
            for user_id, name in (await session.exec(query)).all():
                held[user_id].append(name)
        return held

    async def _held(
        self, session: AsyncSession, user_id: uuid.UUID
    ) -> list[tuple[str, datetime | None]]:
        query = (
            select(Role.name, UserRole.expires_at)
            .join(UserRole, col(UserRole.role_id) == col(Role.id))
            .where(UserRole.user_id == user_id, in_force(UserRole, self._clock.now()))
            .order_by(col(Role.name))
        )
        return [(name, until) for name, until in (await session.exec(query)).all()]

    async def _hold(self, session: AsyncSession, user_id: uuid.UUID) -> None:
        await hold_users(session, self._records, col(self._records.user.id) == user_id)
