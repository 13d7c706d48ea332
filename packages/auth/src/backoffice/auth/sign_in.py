"""Signing in with an address and a password, for tokens or for a browser."""

from fastapi.security import OAuth2PasswordRequestForm

from backoffice.auth import audit
from backoffice.auth.events import SignedIn, SignInFailed
from backoffice.auth.models import User, UserSession
from backoffice.auth.sessions import BROWSER, Client, Sessions
from backoffice.auth.users import Users, normal_email
from backoffice.core import Database, Events, InvalidInput, Unauthenticated


class SignIn:
    """Turns an address and a password into a session."""

    def __init__(
        self, database: Database, events: Events, users: Users, sessions: Sessions
    ) -> None:
        self._database = database
        self._events = events
        self._users = users
        self._sessions = sessions

    async def with_password(
        self, email: str, password: str, kind: str, client: Client
    ) -> tuple[User, UserSession]:
        """The user and a new session. Unauthenticated, alike in words, body and cost, whether
        the address is unknown, the password wrong or the account not active."""
        credentials = OAuth2PasswordRequestForm(username=_address(email), password=password)
        async with self._database.session() as session:
            manager = self._users.manager(session)
            user = await manager.authenticate(credentials)
            if user is None:
                # Looked up for known and unknown addresses alike, so that both cost the same.
                known = await manager.user_db.get_by_email(credentials.username)
                subject = audit.user(known.id) if known else ""
                failed = SignInFailed(subject=subject, address=client.address)
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
                method="browser" if kind == BROWSER else "password",
                session=str(row.id),
            )
            await self._events.emit(event, session)
            await session.commit()
        return user, row


def _address(email: str) -> str:
    """The address as it would be kept; one that is none matches no user, at the same cost."""
    try:
        return normal_email(email)
    except InvalidInput:
        return ""
