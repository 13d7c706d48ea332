"""Sessions: one for each sign-in, of a browser or of a client that holds tokens."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import HTTPConnection

from backoffice.auth import audit
from backoffice.auth.credentials import REFRESH, Seal
from backoffice.auth.events import SignedOut, TokenReused
from backoffice.auth.models import User, UserSession
from backoffice.auth.revocations import Revocations
from backoffice.auth.settings import AuthSettings
from backoffice.auth.tokens import AccessTokens
from backoffice.auth.user_records import UserRecords
from backoffice.core import Clock, Database, Events, NotFound, Unauthenticated
from backoffice.ratelimit import client_address, client_network

#: Of a browser, of a client with tokens, and of who looks at the app as somebody else
#: (`impersonation.py`): neither a cookie nor a token is good for the last.
BROWSER, TOKEN, ACTING = "browser", "token", "acting"


@dataclass(frozen=True)
class TokenPair:
    """An access token and the refresh token that gets the next; `expires_in` in seconds."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int


@dataclass(frozen=True)
class Client:
    """Where a sign-in comes from, as far as the connection tells."""

    address: str = ""
    #: What its tries are counted by: its address, or the /64 around an IPv6 address.
    network: str = ""
    user_agent: str = ""

    @classmethod
    def of(cls, connection: HTTPConnection) -> "Client":
        """The client of this connection, seen through trusted proxies only."""
        return cls(
            address=client_address(connection)[:64],
            network=client_network(connection),
            user_agent=connection.headers.get("user-agent", "")[:300],
        )


class Sessions:
    """Opens, refreshes and ends sessions."""

    def __init__(
        self,
        database: Database,
        events: Events,
        clock: Clock,
        settings: AuthSettings,
        tokens: AccessTokens,
        revocations: Revocations,
        secrets: Sequence[bytes],
        records: UserRecords,
    ) -> None:
        self._revocations = revocations
        self._records = records
        self._database = database
        self._events = events
        self._clock = clock
        self._settings = settings
        self._tokens = tokens
        self._refresh_seal = Seal.of_secrets(secrets, "refresh token", REFRESH)
        self._cookie_seal = Seal.of_secrets(secrets, "session cookie")

    def opened(self, user: User, kind: str, client: Client) -> UserSession:
        """A new session of that kind; the caller adds it to its transaction."""
        lifetime = (
            self._settings.session_lifetime if kind == BROWSER else self._settings.refresh_lifetime
        )
        moment = self._clock.now()
        return UserSession(
            user_id=user.id,
            kind=kind,
            rotated_at=moment,
            created_at=moment,
            last_seen_at=moment,
            expires_at=moment + lifetime,
            address=client.address,
            user_agent=client.user_agent,
        )

    def tokens(self, session: UserSession, generation: int | None = None) -> TokenPair:
        """The token pair of a session's generation; by default of its present one."""
        number = session.generation if generation is None else generation
        return TokenPair(
            access_token=self._tokens.issue(session.user_id, session.id),
            refresh_token=self._refresh_seal.sealed(session.id, number),
            expires_in=int(self._tokens.lifetime.total_seconds()),
        )

    def cookie(self, session: UserSession) -> str:
        """The value of the session cookie."""
        return self._cookie_seal.sealed(session.id)

    def of_cookie(self, value: str) -> uuid.UUID | None:
        """The session that a cookie names; None if we never made that cookie."""
        found = self._cookie_seal.opened(value)
        return found[0] if found else None

    def alive(self, session: UserSession) -> bool:
        """Whether the session has neither ended nor run out nor lain idle (ASVS 7.3.1, 7.3.2)."""
        return session.ended_at is None and self._clock.now() < self.good_until(session)

    def good_until(self, session: UserSession) -> datetime:
        """When the session runs out, if it is not used any more."""
        found = self._settings
        idle = found.session_idle if session.kind == BROWSER else found.refresh_idle
        return min(session.expires_at, session.last_seen_at + idle)

    async def refreshed(self, refresh_token: str, client: Client) -> TokenPair:
        """The next pair; the token given is spent. Unauthenticated if it is not good.

        Sent again within the grace span it gives the same successor, for the answer may have
        been lost; later it ends the session: one of the two who sent it is a thief (RFC 9700,
        4.14.2).
        """
        named = self._refresh_seal.opened(refresh_token)
        if named is None:
            raise _not_good()
        id, generation = named
        async with self._database.session() as session:
            row = await self._with_active_owner(session, id)
            if row is None or not self.alive(row):
                raise _not_good()
            if await self._rotated(session, id, generation, client):
                await session.commit()
                return self.tokens(row, generation + 1)
            await session.refresh(row)
            if self._within_grace(row, generation):
                return self.tokens(row)
            await self._end_reused(session, row, client)
        raise _not_good()

    async def of_user(self, id: uuid.UUID) -> list[UserSession]:
        """A user's sessions that are alive, newest first."""
        async with self._database.session() as session:
            query = (
                select(UserSession)
                .where(UserSession.user_id == id, col(UserSession.ended_at).is_(None))
                .order_by(col(UserSession.created_at).desc())
            )
            return [each for each in (await session.exec(query)).all() if self.alive(each)]

    async def end(
        self, id: uuid.UUID, *, actor: str, client: Client, owner: uuid.UUID | None = None
    ) -> None:
        """End one session; its tokens and its cookie are dead on the next request.

        NotFound for another's session when `owner` is given.
        """
        async with self._database.session() as session:
            row = await session.get(UserSession, id)
            if row is None or (owner is not None and row.user_id != owner):
                raise NotFound(f"there is no session {id}")
            if not await self._ended(session, id):
                # Just now, perhaps, by somebody who still waits for it to hold.
                await session.rollback()
                await self._revocations.settled()
                return
            event = SignedOut(
                actor=actor,
                subject=audit.user(row.user_id),
                address=client.address,
                session=str(id),
            )
            await self._events.emit(event, session)
            await self._revocations.commit(session, row.user_id)

    async def end_by(self, refresh_token: str, client: Client) -> bool:
        """End the session of a refresh token, spent or not; False if it is none of ours."""
        named = self._refresh_seal.opened(refresh_token)
        return named is not None and await self.end_own(named[0], client)

    async def end_own(self, id: uuid.UUID, client: Client) -> bool:
        """End a session for whoever holds its token; False if there is none that goes on."""
        async with self._database.session() as session:
            row = await session.get(UserSession, id)
        if row is None or row.ended_at is not None:
            if row is not None:
                await self._revocations.settled()
            return False
        await self.end(id, actor=audit.user(row.user_id), client=client)
        return True

    async def end_before(self, cookie: str | None, client: Client) -> None:
        """End the session that a browser has had until it signed in anew."""
        before = self.of_cookie(cookie or "")
        if before is not None:
            await self.end_own(before, client)

    async def of_refresh_token(self, refresh_token: str) -> UserSession | None:
        """The session that a refresh token would be good for now; the token is not spent."""
        named = self._refresh_seal.opened(refresh_token)
        if named is None:
            return None
        id, generation = named
        async with self._database.session() as session:
            row = await self._with_active_owner(session, id)
        good = row is not None and row.generation == generation and self.alive(row)
        return row if good else None

    async def succeed(self, session: AsyncSession, id: uuid.UUID, client: Client) -> UserSession:
        """A session in the place of one whose owner was proved anew, which ends.

        A new one, so that a copy of the old cookie or token, in whatever hands, is not raised
        with it (ASVS 7.2.4). It runs out no later. Unauthenticated where the old one has ended.
        """
        old = await session.get(UserSession, id)
        if old is None or not await self._ended(session, id):
            raise _not_good()
        moment = self._clock.now()
        kept = {"user_id", "kind", "created_at", "expires_at", "mfa"}
        new = UserSession(
            **old.model_dump(include=kept),
            rotated_at=moment,
            last_seen_at=moment,
            proved_at=moment,
            address=client.address,
            user_agent=client.user_agent,
        )
        session.add(new)
        return new

    async def end_all_of(
        self, id: uuid.UUID, *, actor: str, client: Client, keep: uuid.UUID | None = None
    ) -> None:
        """End every session of a user but `keep`."""
        async with self._database.session() as session:
            await self.end_all(session, id, keep)
            event = SignedOut(actor=actor, subject=audit.user(id), address=client.address)
            await self._events.emit(event, session)
            await self._revocations.commit(session, id)

    async def hold_all(self, session: AsyncSession, user_id: uuid.UUID) -> None:
        """Hold a user's sessions in the order in which last uses are written: of two who do, none
        waits for ever."""
        ids = select(UserSession.id).where(UserSession.user_id == user_id)
        await session.exec(ids.order_by(col(UserSession.id)).with_for_update())

    async def end_all(
        self, session: AsyncSession, user_id: uuid.UUID, keep: uuid.UUID | None = None
    ) -> None:
        """End every session of a user but `keep`, in the transaction given."""
        await self.hold_all(session, user_id)
        ended = (
            update(UserSession)
            .where(col(UserSession.user_id) == user_id, col(UserSession.ended_at).is_(None))
            .values(ended_at=self._clock.now())
        )
        if keep is not None:
            ended = ended.where(col(UserSession.id) != keep)
        await session.exec(ended)

    async def _rotated(
        self, session: AsyncSession, id: uuid.UUID, generation: int, client: Client
    ) -> bool:
        """Spend one generation; of any number of tries at once, one gets True."""
        moment = self._clock.now()
        spent = await session.exec(
            update(UserSession)
            .where(
                col(UserSession.id) == id,
                col(UserSession.generation) == generation,
                col(UserSession.ended_at).is_(None),
            )
            .values(
                generation=generation + 1,
                rotated_at=moment,
                last_seen_at=moment,
                address=client.address,
                user_agent=client.user_agent,
            )
            .execution_options(synchronize_session=False)
        )
        return bool(spent.rowcount == 1)

    async def _ended(self, session: AsyncSession, id: uuid.UUID) -> bool:
        """End a session; of any number of tries at once, one gets True."""
        ended = await session.exec(
            update(UserSession)
            .where(col(UserSession.id) == id, col(UserSession.ended_at).is_(None))
            .values(ended_at=self._clock.now())
            .execution_options(synchronize_session=False)
        )
        return bool(ended.rowcount == 1)

    def _within_grace(self, row: UserSession, generation: int) -> bool:
        return (
            row.ended_at is None
            and row.generation == generation + 1
            and self._clock.now() - row.rotated_at <= self._settings.refresh_grace
        )

    async def _end_reused(self, session: AsyncSession, row: UserSession, client: Client) -> None:
        if await self._ended(session, row.id):
            event = TokenReused(
                subject=audit.user(row.user_id), address=client.address, session=str(row.id)
            )
            await self._events.emit(event, session)
            await self._revocations.commit(session, row.user_id)

    async def _with_active_owner(self, session: AsyncSession, id: uuid.UUID) -> UserSession | None:
        user = self._records.user
        found = await session.exec(
            select(UserSession)
            .join(user, col(user.id) == col(UserSession.user_id))
            .where(UserSession.id == id, UserSession.kind == TOKEN, col(user.is_active))
            .where(self._records.unlocked(self._clock.now()))
            .where(col(user.is_service).is_(False))
        )
        return found.one_or_none()


def _not_good() -> Unauthenticated:
    return Unauthenticated(
        "The refresh token is not good (any more); sign in again.", code="invalid_token"
    )
