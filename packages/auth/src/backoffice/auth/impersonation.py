"""Impersonation: somebody who looks after accounts sees the app as one of them does.

Who looks holds `users:impersonate`, and may do all that the other may. They get no credential of
the other: it is a session of their own, of a kind that no cookie and no token is good for, and what
it comes to is asked anew with each request. Both are named wherever it is told who it was.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import update
from sqlmodel import col

from backoffice.auth import audit
from backoffice.auth.events import ImpersonationEnded, ImpersonationStarted
from backoffice.auth.models import User, UserSession
from backoffice.auth.permissions import intersection
from backoffice.auth.principals import Principal
from backoffice.auth.reach import check_user
from backoffice.auth.services import Services
from backoffice.auth.sessions import ACTING, Client
from backoffice.auth.user_manager import check_person
from backoffice.core import Conflict, Forbidden, InvalidInput, NotFound

#: What it takes.
PERMISSION = "users:impersonate"
#: How long it goes on at the most.
SPAN = timedelta(minutes=30)
_REASON_LENGTH = 300


async def started(
    services: Services, who: Principal, user: User, reason: str, client: Client
) -> UserSession:
    """A session in which who is signed in by a browser looks at the app as that user.

    Forbidden without the permission, for who may do more, and for oneself; Conflict for an account
    that nobody can sign in to now; InvalidInput without a reason.
    """
    text, moment = _checked_reason(reason), services.clock.now()
    await _check(services, who, user, moment)
    row = services.sessions.opened(await services.users.get(who.id), ACTING, client)
    row.expires_at = min(row.expires_at, moment + SPAN)
    async with services.database.session() as session:
        session.add(row)
        event = ImpersonationStarted(
            actor=who.name,
            subject=audit.user(user.id),
            address=client.address,
            session=str(row.id),
            reason=text,
            until=row.expires_at.isoformat(),
        )
        await services.events.emit(event, session)
        await session.commit()
    return row


async def ended(
    services: Services, id: UUID, who: Principal, user_id: UUID, client: Client
) -> None:
    """End such a session of one's own; of any number of tries at once, one is told of."""
    async with services.database.session() as session:
        done = await session.exec(
            update(UserSession)
            .where(col(UserSession.id) == id, col(UserSession.user_id) == who.id)
            .where(col(UserSession.kind) == ACTING, col(UserSession.ended_at).is_(None))
            .values(ended_at=services.clock.now())
        )
        if done.rowcount == 1:
            event = ImpersonationEnded(
                actor=who.name,
                subject=audit.user(user_id),
                address=client.address,
                session=str(id),
            )
            await services.events.emit(event, session)
        await session.commit()


async def looked_as(
    services: Services, id: UUID, who: Principal, user_id: UUID
) -> tuple[Principal, datetime] | None:
    """The user as whom somebody looks by that session, with no more than both may do, and until
    when; None where it is over, or is not theirs to do any more."""
    async with services.database.session() as session:
        row = await session.get(UserSession, id)
    theirs = row is not None and row.kind == ACTING and row.user_id == who.id
    if row is None or not theirs or not services.sessions.alive(row) or not who.can(PERMISSION):
        return None
    try:
        user = await services.users.get(user_id)
        held = await services.effective.of_user(user_id)
    except NotFound:
        return None
    if not held.active or user.is_service or not who.can(*held.permissions):
        return None
    principal = Principal(
        id=user.id,
        kind="user",
        method="session",
        permissions=intersection(held.permissions, who.permissions),
        email=user.email,
        auth_time=who.auth_time,
        session_id=row.id,
        verified=user.is_verified,
        manages_credentials=False,
        acted_by=who.id,
        roles=held.roles,
        changes_at=held.changes_at,
    )
    return principal, services.sessions.good_until(row)


async def _check(services: Services, who: Principal, user: User, moment: datetime) -> None:
    if not who.can(PERMISSION) or who.acted_by is not None or who.session_id is None:
        raise Forbidden("You may not look at the app as somebody else.", scope=PERMISSION)
    if user.id == who.id:
        raise Forbidden("This is your own account.")
    check_person(user)
    if not user.is_active or (user.locked_until is not None and user.locked_until > moment):
        raise Conflict(
            "Nobody can sign in to this account now; activate or unlock it first.",
            code="account_deactivated",
        )
    await check_user(who, services, user)


def _checked_reason(reason: str) -> str:
    text = " ".join(reason.split())
    if not text or len(text) > _REASON_LENGTH or not text.isprintable():
        raise InvalidInput(
            f"Say why, in 1 to {_REASON_LENGTH} characters: it is kept in the audit log.",
            code="reason_needed",
        )
    return text
