"""Who may run the back office: a change of roles leaves somebody who can take it back."""

import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import UTC, datetime

from sqlalchemy import ColumnExpressionArgument, false
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError
from sqlmodel import col, select, text
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth.effective import may, patterns_of
from backoffice.auth.remembered import EVERYBODY
from backoffice.auth.revocations import Revocations, written
from backoffice.auth.row_locks import hold_users
from backoffice.auth.user_records import UserRecords
from backoffice.core import Clock, Conflict, Database

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


class Administrators:
    """Those who may run the back office. What is done to roles and accounts leaves one.

    Conflict `last_administrator`, and nothing is changed, where nobody would be left who may do
    one of KEPT, though somebody may; or nobody but for a while, though somebody may for good.
    """

    def __init__(
        self, database: Database, clock: Clock, revocations: Revocations, records: UserRecords
    ) -> None:
        self._database = database
        self._clock = clock
        self._revocations = revocations
        self._records = records

    @asynccontextmanager
    async def changing_roles(self) -> AsyncIterator[AsyncSession]:
        """A transaction that changes roles, one at a time, and holds in every process on return."""
        async with self._database.session() as session:
            await self._alone(session)
            try:
                async with self._same(session):
                    yield session
                await self._revocations.commit(session, EVERYBODY)
            except (IntegrityError, StaleDataError):
                await session.rollback()
                raise Conflict(
                    "somebody else has changed roles or accounts just now; try again",
                    code="role_changed_meanwhile",
                ) from None

    @asynccontextmanager
    async def left(
        self, session: AsyncSession, user_id: uuid.UUID | None = None
    ) -> AsyncIterator[None]:
        """What is done within leaves one, in the transaction given, before it holds any row.

        `user_id` is of whom it is done, if it is done to one: most are no administrators, and for
        them nothing else is asked, and nobody waits. Nor where there is a superuser: the last of
        those stays by itself.
        """
        if not await self._matters(session, user_id):
            yield
            return
        await self._alone(session)
        async with self._same(session):
            yield

    def left_by_grant(
        self, session: AsyncSession, user_id: uuid.UUID, expires_at: datetime | None
    ) -> AbstractAsyncContextManager[None]:
        """`left`, where somebody may hold for a while what they held for good."""
        return nullcontext() if expires_at is None else self.left(session, user_id)

    async def kept(self, session: AsyncSession, ways: Ways | None = None) -> set[Kept]:
        """Which of KEPT somebody may do who can sign in now: for now, and for good.

        `ways` gives conditions of which each is enough, by what they may do and when; without it
        it is as the tables are.
        """
        if await self._superuser(session):
            return {(each, at_last) for each in KEPT for at_last in (False, True)}
        return {
            (permission, moment is AT_LAST)
            for permission in KEPT
            for moment in (self._clock.now(), AT_LAST)
            if await self._any(session, (ways or self._ways)(permission, moment))
        }

    @asynccontextmanager
    async def _same(self, session: AsyncSession) -> AsyncIterator[None]:
        before = await self.kept(session)
        yield
        await written(session)
        if lost := before - await self.kept(session):
            raise refusal(lost)

    async def _matters(self, session: AsyncSession, user_id: uuid.UUID | None) -> bool:
        if user_id is not None:
            wanted = frozenset[str]().union(*map(patterns_of, KEPT))
            held = may(self._records.user, wanted, self._clock.now(), user_id)
            if not await self._somebody(session, held):
                return False
        return not await self._superuser(session)

    async def _alone(self, session: AsyncSession) -> None:
        """From here on it sees what those before it have done, and nobody does so beside it."""
        if session.get_bind().dialect.name == "sqlite":  # whose one writer it is by that
            await hold_users(session, self._records, false())
        else:
            await (await session.connection()).execute(_HOLD, {"key": _LOCK})

    def _ways(self, permission: str, moment: datetime) -> Iterable[Way]:
        return [may(self._records.user, patterns_of(permission), moment)]

    async def _any(self, session: AsyncSession, ways: Iterable[Way]) -> bool:
        for each in ways:
            if await self._somebody(session, each):
                return True
        return False

    async def _superuser(self, session: AsyncSession) -> bool:
        return await self._somebody(session, col(self._records.user.is_superuser))

    async def _somebody(self, session: AsyncSession, *which: Way) -> bool:
        user = self._records.user
        query = select(user.id).where(
            *which,
            col(user.is_active),
            col(user.is_service).is_(False),
            self._records.unlocked(self._clock.now()),
        )
        return (await session.exec(query.limit(1))).first() is not None


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
