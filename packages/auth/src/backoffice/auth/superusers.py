"""The superusers: one is always left."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from sqlalchemy import func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth.models import User
from backoffice.auth.row_locks import hold_superusers
from backoffice.auth.user_records import UserRecords
from backoffice.core import Conflict


@asynccontextmanager
async def superuser_left(
    session: AsyncSession, records: UserRecords, user: User, moment: datetime
) -> AsyncIterator[None]:
    """Conflict if what is done within leaves no active superuser who is not locked then, where
    there was one: who is locked cannot bring anybody back.

    Of an ordinary account too: a superuser may have become of it since it was read.
    """
    if user.is_superuser and user.is_active:
        await hold_superusers(session, records)
        before = 1
    else:
        before = await active_superusers(session, records, moment)
    yield
    if before and await active_superusers(session, records, moment) == 0:
        raise Conflict(
            "This is the last active superuser who is not locked; make another one first.",
            code="last_superuser",
        )


async def hold_peers(session: AsyncSession, records: UserRecords, id: uuid.UUID) -> None:
    """The superusers, if it is one: before it is held by itself, which would be out of order."""
    found = select(records.user.is_superuser).where(col(records.user.id) == id)
    if (await session.exec(found)).one_or_none():
        await hold_superusers(session, records)


async def active_superusers(
    session: AsyncSession, records: UserRecords, moment: datetime | None = None
) -> int:
    """How many there are; with a moment, who are not locked then."""
    user = records.user
    query = (
        select(func.count()).select_from(user).where(col(user.is_superuser), col(user.is_active))
    )
    if moment is not None:
        query = query.where(records.unlocked(moment))
    return (await session.exec(query)).one()
