"""Direct grants: permissions that a user holds by no role, for good or for a while."""

import uuid
from datetime import UTC, datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth import audit
from backoffice.auth.administrators import Administrators
from backoffice.auth.catalogue import Catalogue
from backoffice.auth.events import PermissionGranted, PermissionTaken
from backoffice.auth.holdings import forget_ended, in_force, take
from backoffice.auth.models import WHOLE_APP, UserPermission
from backoffice.auth.permissions import parsed
from backoffice.auth.revocations import Revocations
from backoffice.auth.row_locks import hold_users
from backoffice.auth.user_records import UserRecords
from backoffice.core import Clock, Database, Events, InvalidInput, NotFound


class Grants:
    """The direct grants of the app's users."""

    def __init__(
        self,
        database: Database,
        events: Events,
        clock: Clock,
        revocations: Revocations,
        records: UserRecords,
        administrators: Administrators,
        catalogue: Catalogue,
    ) -> None:
        self._database = database
        self._events = events
        self._clock = clock
        self._revocations = revocations
        self._records = records
        self._administrators = administrators
        self._catalogue = catalogue

    async def give(
        self,
        user_id: uuid.UUID,
        permission: str,
        expires_at: datetime | None = None,
        *,
        actor: str,
    ) -> bool:
        """Give a user a permission, until then; False if they hold it so already.

        One that they hold for another time is held until this one. InvalidInput for a permission
        that the app does not know, and for a time that has passed; NotFound for no such user.
        """
        async with self._database.session() as session:
            try:
                async with self._administrators.left_by_grant(session, user_id, expires_at):
                    await self._hold(session, user_id)
                    await forget_ended(session, UserPermission, user_id, self._clock.now())
                    added = await self.add_to(session, user_id, permission, expires_at, actor=actor)
                await self._revocations.commit(session, user_id)
            except IntegrityError:
                await session.rollback()
                raise NotFound(f"there is no user {user_id}") from None
        return added

    async def add_to(
        self,
        session: AsyncSession,
        user_id: uuid.UUID,
        permission: str,
        expires_at: datetime | None = None,
        *,
        actor: str,
    ) -> bool:
        """`give`, in the transaction given."""
        self._catalogue.checked(permission)
        moment = self._clock.now()
        until = checked_expiry(expires_at, moment)
        held = await session.get(UserPermission, (user_id, permission, WHOLE_APP))
        if held is not None and held.expires_at == until:
            return False
        if held is None:
            held = UserPermission(user_id=user_id, permission=permission, created_at=moment)
        held.expires_at = until
        session.add(held)
        event = PermissionGranted(
            actor=actor,
            subject=audit.user(user_id),
            permission=permission,
            expires_at=written(until),
        )
        await self._events.emit(event, session)
        return True

    async def take(self, user_id: uuid.UUID, permission: str, *, actor: str) -> bool:
        """Take a permission from a user that they hold by no role; False if they do not."""
        async with self._database.session() as session:
            async with self._administrators.left(session, user_id):
                await self._hold(session, user_id)
                taken = await self.take_from(session, user_id, permission, actor=actor)
            await self._revocations.commit(session, user_id)
        return taken

    async def take_from(
        self, session: AsyncSession, user_id: uuid.UUID, permission: str, *, actor: str
    ) -> bool:
        """`take`, in the transaction given."""
        mine = col(UserPermission.user_id) == user_id
        which = mine, col(UserPermission.permission) == parsed(permission)
        if not await take(session, UserPermission, self._clock.now(), *which):
            return False
        event = PermissionTaken(actor=actor, subject=audit.user(user_id), permission=permission)
        await self._events.emit(event, session)
        return True

    async def of_user(self, user_id: uuid.UUID) -> list[UserPermission]:
        """The permissions that a user holds now by no role, in order."""
        query = (
            select(UserPermission)
            .where(UserPermission.user_id == user_id, in_force(UserPermission, self._clock.now()))
            .order_by(col(UserPermission.permission))
        )
        async with self._database.session() as session:
            return list((await session.exec(query)).all())

    async def _hold(self, session: AsyncSession, user_id: uuid.UUID) -> None:
        await hold_users(session, self._records, col(self._records.user.id) == user_id)


def checked_expiry(expires_at: datetime | None, moment: datetime) -> datetime | None:
    """When a grant runs out, in UTC; InvalidInput for a time that has passed."""
    if expires_at is None:
        return None
    until = _in_utc(expires_at)
    if until <= moment:
        raise InvalidInput(
            "a grant cannot have run out before it is made; give a later time",
            code="expiry_passed",
        )
    return until


def _in_utc(expires_at: datetime) -> datetime:
    if expires_at.tzinfo is None:
        return expires_at.replace(tzinfo=UTC)
    try:
        return expires_at.astimezone(UTC)
    except OverflowError:
        raise InvalidInput(
            f"{expires_at} is in no year from 1 to 9999 in UTC; give a time that is"
        ) from None


def written(until: datetime | None) -> str:
    """How events say when a grant runs out; empty where it does not."""
    return "" if until is None else until.isoformat()
