"""Signing in with an address and a password, for tokens or for a browser."""

import asyncio
import uuid
from typing import cast

from fastapi.security import OAuth2PasswordRequestForm

from backoffice.auth import audit
from backoffice.auth.addresses import normal_email
from backoffice.auth.events import Reauthenticated, SignedIn, SignInFailed
from backoffice.auth.guesses import Guesses
from backoffice.auth.models import User, UserSession
from backoffice.auth.principals import Principal
from backoffice.auth.revocations import Revocations
from backoffice.auth.sessions import BROWSER, Client, Sessions
from backoffice.auth.users import Users
from backoffice.core import Database, Events, InvalidInput, Unauthenticated


class SignIn:
    """Turns an address and a password into a session."""

    def __init__(
        self,
        database: Database,
        events: Events,
        users: Users,
        sessions: Sessions,
        revocations: Revocations,
        guesses: Guesses,
    ) -> None:
        self._database = database
        self._events = events
        self._users = users
        self._sessions = sessions
        self._revocations = revocations
        self._guesses = guesses

    async def with_password(
        self, email: str, password: str, kind: str, client: Client
    ) -> tuple[User, UserSession]:
        """The user and a new session. Unauthenticated, alike in words, body and cost, whether
        the address is unknown, the password wrong or the account not active; TooManyRequests,
        alike as well, after too many."""
        credentials = OAuth2PasswordRequestForm(username=_address(email), password=password)
        await asyncio.sleep(0)  # whoever has waited while the form was read comes first
        async with (
            self._guesses.counted(credentials.username, client),
            self._database.session() as session,
        ):
            manager = self._users.manager(session)
            await asyncio.sleep(0)  # and while the tries were counted
            user = await manager.authenticate(credentials)
            if user is None:
                # Looked up for known and unknown addresses alike, so that both cost the same.
                known = await manager.user_db.get_by_email(credentials.username)
                subject = audit.user(known.id) if known else ""
                failed = SignInFailed(subject=subject, address=client.address, method=_method(kind))
                await self._events.emit(failed, session)
                await session.commit()
                raise Unauthenticated(
                    "The address or the password is not right.", code="invalid_credentials"
                )
            row = self._sessions.opened(user, kind, client)
            session.add(row)
            event = SignedIn(
                actor=audit.user(user.id),
                subject=audit.user(user.id),
                address=client.address,
                method=_method(kind),
                session=str(row.id),
            )
            await self._events.emit(event, session)
            await manager.on_after_login(user)
            await session.commit()
        return user, row

    async def again(self, who: Principal, password: str, client: Client) -> UserSession:
        """The session that takes the place of the caller's, whose password was proved anew.

        InvalidInput for a wrong password; Unauthenticated for a session that has ended meanwhile.
        """
        before = cast(uuid.UUID, who.session_id)
        async with self._database.session() as session:
            await self._users.prove(session, who.id, password, client)
            row = await self._sessions.succeed(session, before, client)
            event = Reauthenticated(
                actor=who.name,
                subject=who.name,
                address=client.address,
                session=str(row.id),
                before=str(before),
            )
            await self._events.emit(event, session)
            await self._revocations.commit(session, who.id)
        return row


def _method(kind: str) -> str:
    return "browser" if kind == BROWSER else "password"


def _address(email: str) -> str:
    """The address as it would be kept; one that is none matches no user, at the same cost."""
    try:
        return normal_email(email)
    except InvalidInput:
        return ""
