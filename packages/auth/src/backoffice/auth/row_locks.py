"""Rows that a transaction holds: of two who change what hangs on them at once, the second sees
what the first has done."""

import uuid

from sqlalchemy import ColumnExpressionArgument, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth.models import User
from backoffice.auth.user_records import UserRecords


async def freeze(session: AsyncSession) -> None:
    """Show the session the database as of one moment, whatever is committed meanwhile."""
    if session.get_bind().dialect.name == "sqlite":
        await (await session.connection()).exec_driver_sql("BEGIN")
    else:
        await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


async def held_user(session: AsyncSession, records: UserRecords, id: uuid.UUID) -> User | None:
    """The user as of now, held until the transaction ends; None if there is none."""
    await hold_users(session, records, col(records.user.id) == id)
    return await session.get(records.user, id, populate_existing=True)


async def hold_superusers(session: AsyncSession, records: UserRecords) -> None:
    """Hold all who are active, before any one of them is: of two who take each other's place, or
    leave at once, none waits for ever, and the second sees what the first has done."""
    user = records.user
    active = (col(user.is_superuser), col(user.is_active))
    await hold_users(session, records, *active, for_deletion=True)


async def hold_users(
    session: AsyncSession,
    records: UserRecords,
    *which: ColumnExpressionArgument[bool],
    for_deletion: bool = False,
) -> int:
    """Hold these users until the transaction ends, in one order; how many there are."""
    user = records.user
    if session.get_bind().dialect.name == "sqlite":  # which holds the database for who writes
        nothing = update(user).where(*which).values(email=user.email)
        done = await session.exec(nothing.execution_options(synchronize_session=False))
        return int(done.rowcount)
    rows = select(user.id).where(*which).order_by(col(user.id))
    # Whoever only refers to a user, as a new session does, need not wait, unless the user goes.
    held = await session.exec(rows.with_for_update(key_share=not for_deletion))
    return len(held.all())
