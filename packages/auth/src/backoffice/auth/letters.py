"""Letters: what accounts are told by mail, written in the transaction of what it tells."""

from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth.links import Links, Purpose
from backoffice.auth.models import User
from backoffice.auth.settings import AuthSettings
from backoffice.core import Clock
from backoffice.core.mail import (
    AddressChangedMail,
    AddressChangeMail,
    AlreadyRegisteredMail,
    Outbox,
    PasswordChangedMail,
    ResetMail,
    VerifyMail,
)


class Letters:
    """Writes to the owners of accounts; where links are not possible, what needs none."""

    def __init__(self, outbox: Outbox, links: Links, settings: AuthSettings, clock: Clock) -> None:
        self._outbox = outbox
        self._links = links
        self._settings = settings
        self._clock = clock

    async def verify(self, session: AsyncSession, user: User) -> None:
        """Ask the owner to prove the account's address."""
        link = await self._links.make(session, user, "verify", user.email)
        about = VerifyMail(link=link, valid_for=self._links.lifetime("verify"))
        await self._tell(session, user.email, about, "verify")

    async def reset(self, session: AsyncSession, user: User) -> None:
        """Send the link by which a forgotten password is replaced."""
        link = await self._links.make(session, user, "reset", user.email)
        about = ResetMail(link=link, valid_for=self._links.lifetime("reset"))
        await self._tell(session, user.email, about, "reset")

    async def change_address(self, session: AsyncSession, user: User, email: str) -> None:
        """Ask, at the new address, to prove it."""
        link = await self._links.make(session, user, "address", email)
        about = AddressChangeMail(link=link, valid_for=self._links.lifetime("address"))
        await self._tell(session, email, about, "address")

    async def address_changed(self, session: AsyncSession, old: str, new: str) -> None:
        """Tell the old address."""
        about = AddressChangedMail(new_address=new, at=self._clock.now())
        await self._outbox.tell(session, old, about)

    async def password_changed(self, session: AsyncSession, user: User) -> None:
        """Tell the owner, who may not have done it."""
        link = self._page(self._settings.forgot_page)
        about = PasswordChangedMail(at=self._clock.now(), reset_link=link)
        await self._outbox.tell(session, user.email, about)

    async def already_registered(self, session: AsyncSession, email: str) -> None:
        """Tell an owner that somebody has tried to register the address again."""
        about = AlreadyRegisteredMail(
            sign_in_link=self._page(self._settings.sign_in_page),
            reset_link=self._page(self._settings.forgot_page),
        )
        await self._outbox.tell(session, email, about)

    def _page(self, path: str) -> str:
        return self._links.page(path) if self._links.possible else ""

    async def _tell(
        self,
        session: AsyncSession,
        to: str,
        about: VerifyMail | ResetMail | AddressChangeMail,
        purpose: Purpose,
    ) -> None:
        until = self._clock.now() + self._links.lifetime(purpose)
        await self._outbox.tell(session, to, about, until=until)
