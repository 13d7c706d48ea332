"""Who may run the back office: a change of roles leaves somebody who can take it back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError
from sqlmodel import col, select, text
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth.effective import may, patterns_of
from backoffice.auth.remembered import EVERYBODY
from backoffice.auth.services import Services
from backoffice.core import Conflict

#: What somebody must be able to do as long as anybody is.
KEPT = ("roles:change", "users:change")
#: When only what has no end is in force.
_AT_LAST = datetime(9999, 1, 1, tzinfo=UTC)
#: Serialises such changes on PostgreSQL: the ASCII codes of "bo.admin".
_LOCK = 0x626F2E61646D696E
_HOLD = text("SELECT pg_advisory_xact_lock(:key)")


@asynccontextmanager
async def changing_roles(services: Services) -> AsyncIterator[AsyncSession]:
    """A transaction that changes roles, one at a time, and holds in every process on return.

    Conflict `last_administrator`, and nothing is changed, where nobody would be left who may do
    one of KEPT, though somebody may; or nobody but for a while, though somebody may for good.
    """
    async with services.database.session() as session:
        await _alone(session)
        before = await _kept(services, session)
        try:
            yield session
            await session.flush()
            lost = before - await _kept(services, session)
            if lost:
                raise _last(lost)
            await services.revocations.commit(session, EVERYBODY)
        except (IntegrityError, StaleDataError):
            await session.rollback()
            raise Conflict(
                "somebody else has changed roles or accounts just now; try again",
                code="role_changed_meanwhile",
            ) from None


async def _alone(session: AsyncSession) -> None:
    """From here on it sees what those before it have done, and nobody does so beside it."""
    connection = await session.connection()
    if session.get_bind().dialect.name == "sqlite":
        await connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        await connection.execute(_HOLD, {"key": _LOCK})


Kept = tuple[str, bool]


async def _kept(services: Services, session: AsyncSession) -> set[Kept]:
    """Which of KEPT somebody may do, now and for good."""
    now = services.clock.now()
    return {
        (permission, moment is _AT_LAST)
        for permission in KEPT
        for moment in (now, _AT_LAST)
        if await _somebody_may(services, session, permission, moment)
    }


async def _somebody_may(
    services: Services, session: AsyncSession, permission: str, moment: datetime
) -> bool:
    """Somebody who can sign in now, by what is in force then."""
    user = services.records.user
    query = select(user.id).where(
        col(user.is_active),
        col(user.is_service).is_(False),
        services.records.unlocked(services.clock.now()),
        may(user, patterns_of(permission), moment),
    )
    return (await session.exec(query.limit(1))).first() is not None


def _last(lost: set[Kept]) -> Conflict:
    permission, at_last = min(lost, key=lambda each: (each[1], each[0]))
    left = "nobody but for a while" if at_last else "nobody"
    return Conflict(
        f"{left} would be left who may do {permission}: keep it with somebody who can sign in, or "
        "make a superuser first (backoffice users create EMAIL --superuser)",
        code="last_administrator",
        permission=permission,
    )
