"""Recovery: proving an address, replacing a forgotten password, changing the address."""

from uuid import UUID

from fastapi_users import exceptions
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth import audit
from backoffice.auth.api_keys import ApiKeys
from backoffice.auth.events import (
    AddressChangeRequested,
    EmailVerified,
    ResetSent,
    UserChanged,
)
from backoffice.auth.guesses import Guesses
from backoffice.auth.letters import Letters
from backoffice.auth.link_requests import Asked, LinkRequests
from backoffice.auth.links import Links, Purpose, Spent, invalid
from backoffice.auth.models import LinkToken, User
from backoffice.auth.revocations import Revocations
from backoffice.auth.row_locks import held_user
from backoffice.auth.sessions import Client
from backoffice.auth.user_manager import check_person
from backoffice.auth.users import Users
from backoffice.core import Conflict, Database, Events


class Recovery:
    """What is done by a link that was sent, or to have one sent."""

    def __init__(
        self,
        database: Database,
        events: Events,
        users: Users,
        links: Links,
        guesses: Guesses,
        letters: Letters,
        requests: LinkRequests,
        revocations: Revocations,
        keys: ApiKeys,
    ) -> None:
        self._database = database
        self._events = events
        self._users = users
        self._links = links
        self._guesses = guesses
        self._letters = letters
        self._requests = requests
        self._revocations = revocations
        self._keys = keys

    async def ask(self, asked: Asked, email: str, client: Client) -> None:
        """Have a link sent to that address, if it has an account; nobody is told whether."""
        self._links.require()
        async with self._database.session() as session:
            await self._requests.add(session, asked, email, address=client.address)
            await session.commit()

    async def send_reset(self, id: UUID, client: Client, *, actor: str) -> None:
        """Have the owner of an account sent a link to a new password, for somebody else.

        Unavailable where links are not possible; Conflict for a service, and for an account that
        is deactivated.
        """
        self._links.require()
        user = await self._users.get(id)
        check_person(user)
        if not user.is_active:
            raise Conflict(
                "The account is deactivated; activate it first.", code="account_deactivated"
            )
        async with self._database.session() as session:
            event = ResetSent(actor=actor, subject=audit.user(id), address=client.address)
            await self._events.emit(event, session)
            await self._requests.add(session, "reset", user.email, address=client.address)
            await session.commit()

    async def look(self, token: str, *purposes: Purpose) -> None:
        """InvalidLink where a token is not good now; nothing is changed by looking."""
        async with self._database.session() as session:
            found = await self._links.look(session, token, *purposes)
            _check_owner(await self._users.table(session).get(found.user_id), found)

    async def verify(self, token: str, client: Client) -> None:
        """Take the proof of an address: the account's own, or the one that it changes to.

        InvalidLink for a token that is not good; Conflict for a new address that was taken since.
        """
        async with self._database.session() as session:
            user, spent = await self._spent(session, token, "verify", "address")
            if spent.purpose == "verify":
                await self._prove(session, user, client)
            else:
                await self._change_address(session, user, spent.email, client)
            await self._revocations.commit(session, spent.user_id)

    async def reset(self, token: str, password: str, client: Client) -> None:
        """Set a new password by a link; every session ends, and every API key of an account whose
        address was not proved before. InvalidLink, or InvalidInput for a password that is
        refused: then the link is good still."""
        async with self._database.session() as session:
            found = await self._links.look(session, token, "reset")
            user = _check_owner(await self._users.table(session).get(found.user_id), found)
            await session.commit()
            # Before the token is taken: who is refused a password may try another.
            hashed = await self._users.new_hash(session, user, password)
            user, _ = await self._spent(session, token, "reset")
            subject = audit.user(user.id)
            if not user.is_verified:
                # Somebody else may have registered the address before its owner came.
                await self._keys.end_all(session, user.id, actor=subject, address=client.address)
            await self._users.table(session).update(user, {"is_verified": True})
            await self._users.store_password(
                session, user, hashed, actor=subject, address=client.address
            )
            await self._guesses.forgive(user.email)

    async def request_address(self, id: UUID, current: str, email: str, client: Client) -> None:
        """Have a link sent to a new address, which counts once it is proved by that."""
        self._links.require()
        async with self._database.session() as session:
            subject = audit.user(id)
            await self._users.prove(session, id, current, client)
            asked = AddressChangeRequested(actor=subject, subject=subject, address=client.address)
            await self._events.emit(asked, session)
            await self._requests.add(session, "address", email, user_id=id, address=client.address)
            await session.commit()

    async def _spent(
        self, session: AsyncSession, token: str, *purposes: Purpose
    ) -> tuple[User, Spent]:
        """The owner as of now, and what the token was good for.

        The owner is held before the token is taken, as by whoever voids tokens: of two who do
        both, none waits for ever.
        """
        found = await self._links.look(session, token, *purposes)
        user = _check_owner(await held_user(session, self._users.records, found.user_id), found)
        return user, await self._links.spend(session, token, *purposes)

    async def _prove(self, session: AsyncSession, user: User, client: Client) -> None:
        await self._users.table(session).update(user, {"is_verified": True})
        subject = audit.user(user.id)
        verified = EmailVerified(actor=subject, subject=subject, address=client.address)
        await self._events.emit(verified, session)
        await self._users.manager(session).on_after_verify(user)

    async def _change_address(
        self, session: AsyncSession, user: User, email: str, client: Client
    ) -> None:
        old, subject = user.email, audit.user(user.id)
        try:
            await self._users.table(session).update(user, {"email": email, "is_verified": True})
        except exceptions.UserAlreadyExists:
            raise Conflict(
                "The address has an account of its own by now.", code="email_taken"
            ) from None
        # What was sent to the old address, which may be lost, is good no more.
        await self._links.void(session, user.id, ["reset", "verify", "address"])
        await self._letters.address_changed(session, old, email)
        changed = UserChanged(
            actor=subject,
            subject=subject,
            address=client.address,
            fields=("email", "is_verified"),
        )
        await self._events.emit(changed, session)


def _check_owner(user: User | None, token: LinkToken) -> User:
    """The owner, whom the token may still serve; InvalidLink otherwise."""
    if user is None or not user.is_active or user.is_service:
        raise invalid()
    if token.purpose != "address" and user.email != token.email:
        raise invalid()  # it was sent to an address that is the account's no more
    return user
