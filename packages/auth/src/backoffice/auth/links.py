"""Links in mails: each is good once, for a while, and void when a newer one is sent.

A link carries a token of 256 bits of chance, of which the database has the digest alone.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import delete
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth.models import LinkToken, User
from backoffice.auth.settings import AuthSettings
from backoffice.core import Clock, Refusal, Unavailable

Purpose = Literal["verify", "reset", "address"]
#: The first letters of a token: a text of another make never asks the database.
PREFIX = "bol_"
LENGTH = len(PREFIX) + 43


class InvalidLink(Refusal):
    """A link's token is not good, or not any more."""

    code = "invalid_link"
    status = 400


def invalid() -> InvalidLink:
    """One answer for every cause."""
    return InvalidLink("The link is not good: used, replaced or run out. Ask for a new one.")


@dataclass(frozen=True)
class Spent:
    """What a token was good for: for whom, and for which address."""

    user_id: UUID
    purpose: str
    email: str


class Links:
    """Makes links and takes their tokens."""

    def __init__(self, settings: AuthSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    @property
    def possible(self) -> bool:
        """Whether it is known where links lead."""
        return self._settings.public_url is not None

    def require(self) -> None:
        """Unavailable where it is not."""
        if not self.possible:
            raise Unavailable(
                "No mail with a link can be sent: BACKOFFICE_AUTH__PUBLIC_URL is not set.",
                code="links_not_configured",
            )

    def page(self, path: str) -> str:
        """The address of a page of the app; never made of what a request says of its host."""
        self.require()
        return f"{self._settings.public_url}{path}"

    def lifetime(self, purpose: Purpose) -> timedelta:
        """How long a link of this purpose is good."""
        found: timedelta = getattr(self._settings, _LIFETIMES[purpose])
        return found

    async def make(self, session: AsyncSession, user: User, purpose: Purpose, email: str) -> str:
        """A link for this user about this address; earlier ones of the purpose are void."""
        await self.void(session, user.id, [purpose])
        token = PREFIX + secrets.token_urlsafe(32)
        session.add(
            LinkToken(
                digest=_digest(token),
                user_id=user.id,
                purpose=purpose,
                email=email,
                expires_at=self._clock.now() + self.lifetime(purpose),
            )
        )
        path = self._settings.reset_page if purpose == "reset" else self._settings.verify_page
        return self.page(path.replace("{token}", token))

    async def look(self, session: AsyncSession, token: str, *purposes: Purpose) -> LinkToken:
        """The token while it is good, for one of these purposes; InvalidLink otherwise."""
        found = None
        if len(token) == LENGTH and token.startswith(PREFIX):
            found = await session.get(LinkToken, _digest(token))
        if found is None or found.purpose not in purposes or self._clock.now() >= found.expires_at:
            raise invalid()
        return found

    async def spend(self, session: AsyncSession, token: str, *purposes: Purpose) -> Spent:
        """Take the token, of however many who try at once for one; InvalidLink otherwise."""
        found = await self.look(session, token, *purposes)
        spent = Spent(found.user_id, found.purpose, found.email)
        gone = await session.exec(
            delete(LinkToken)
            .where(col(LinkToken.digest) == found.digest)
            .execution_options(synchronize_session=False)
        )
        if gone.rowcount != 1:
            raise invalid()
        return spent

    async def void(self, session: AsyncSession, user_id: UUID, purposes: Sequence[Purpose]) -> None:
        """No link that was sent for these purposes is good any more."""
        await session.exec(
            delete(LinkToken)
            .where(col(LinkToken.user_id) == user_id, col(LinkToken.purpose).in_(purposes))
            .execution_options(synchronize_session=False)
        )

    async def tidy(self, session: AsyncSession) -> None:
        """Forget tokens that have run out."""
        late = col(LinkToken.expires_at) <= self._clock.now()
        await session.exec(delete(LinkToken).where(late))


_LIFETIMES = {
    "verify": "verify_lifetime",
    "address": "verify_lifetime",
    "reset": "reset_lifetime",
}


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
