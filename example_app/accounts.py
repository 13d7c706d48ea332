"""Who is calling, and what the shop does when something happens to an account."""

import logging
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from sqlmodel import col, delete
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth import Auth, Principal, SignInFailed, UserDeleted
from example_app.models import Review
from example_app.schemas import Caller, Feed

log = logging.getLogger(__name__)

auth = Auth()
router = APIRouter(prefix="/api", tags=["accounts"])


@router.get("/whoami")
async def whoami(who: Annotated[Principal, auth.require()]) -> Caller:
    permissions = sorted(who.permissions)
    return Caller(id=who.id, kind=who.kind, method=who.method, permissions=permissions)


@router.get("/feed")
async def feed(who: Annotated[Principal | None, auth.optional()]) -> Feed:
    return Feed(user=who.id if who else None)


@auth.on(SignInFailed)
async def warn(event: SignInFailed) -> None:
    """For whoever shuts out addresses by what the log says of them."""
    log.warning("a sign-in from %s was refused", event.address)


@auth.within(UserDeleted)
async def delete_reviews(event: UserDeleted, session: AsyncSession) -> None:
    """In the transaction that deletes the account: either both are gone, or neither."""
    account = UUID(event.subject.removeprefix("user:"))
    await session.exec(delete(Review).where(col(Review.account_id) == account))
