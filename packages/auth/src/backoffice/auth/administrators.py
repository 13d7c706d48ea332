"""Who may run the back office: a change of roles leaves somebody who can take it back."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from sqlalchemy import ColumnExpressionArgument
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
AT_LAST = datetime(9999, 1, 1, tzinfo=UTC)
#: What somebody may do, and whether for good.
Kept = tuple[str, bool]
Way = ColumnExpressionArgument[bool]
Ways = Callable[[str, datetime], Iterable[Way]]
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
        before = await kept(services, session, ways_now(services))
        try:
            yield session
            await session.flush()
            if lost := before - await kept(services, session, ways_now(services)):
                raise refusal(lost)
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


async def kept(services: Services, session: AsyncSession, ways: Ways) -> set[Kept]:
    """Which of KEPT somebody may do who can sign in now: for now, and for good.

    `ways` gives conditions of which each is enough, by what they may do and when.
    """
    if await _somebody(services, session, col(services.records.user.is_superuser)):
        return {(each, at_last) for each in KEPT for at_last in (False, True)}
    return {
        (permission, moment is AT_LAST)
        for permission in KEPT
        for moment in (services.clock.now(), AT_LAST)
        if await _any(services, session, ways(permission, moment))
    }


def refusal(lost: set[Kept]) -> Conflict:
    """What is said where that would be lost."""
    permission, at_last = min(lost, key=lambda each: (each[1], each[0]))
    left = "nobody but for a while" if at_last else "nobody"
    return Conflict(
        f"{left} would be left who may do {permission}: keep it with somebody who can sign in, or "
        "make a superuser first (backoffice users create EMAIL --superuser)",
        code="last_administrator",
        permission=permission,
    )


def ways_now(services: Services) -> Ways:
    """As the tables are."""
    return lambda permission, moment: [may(services.records.user, patterns_of(permission), moment)]


async def _any(services: Services, session: AsyncSession, ways: Iterable[Way]) -> bool:
    for each in ways:
        if await _somebody(services, session, each):
            return True
    return False


async def _somebody(services: Services, session: AsyncSession, way: Way) -> bool:
    user = services.records.user
    query = select(user.id).where(
        way,
        col(user.is_active),
        col(user.is_service).is_(False),
        services.records.unlocked(services.clock.now()),
    )
    return (await session.exec(query.limit(1))).first() is not None
