"""The principal: who is calling, resolved once from whatever credentials a request presents.

| presented | answer |
|---|---|
| nothing | anonymous: 401 with a challenge for each scheme where somebody is needed |
| an explicit credential (JWT, API key) that is not good, alone or beside a good one | 401 |
| the same header twice, or two explicit credentials that are both good | 400 |
| an explicit credential and a cookie | the explicit one; the cookie is not looked at |
| a cookie whose session has ended | anonymous, and the cookie is cleared |
| a cookie that we never made | 401 |
| a cookie, for a change, from another site | 403 |
| anything of a user who is not active (any more) | 401 |
"""

import hmac
import logging
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal

from sqlmodel import col, select
from starlette.requests import HTTPConnection

from backoffice.auth import audit
from backoffice.auth.api_keys import ApiKeys
from backoffice.auth.cookies import SessionCookie
from backoffice.auth.credentials import API_KEY, api_key_prefix, digest
from backoffice.auth.models import ApiKey, RolePermission, User, UserRole, UserSession
from backoffice.auth.origin import needs_same_origin, same_origin
from backoffice.auth.permissions import EVERYTHING, grants, intersection
from backoffice.auth.sessions import BROWSER, TOKEN, Sessions
from backoffice.auth.tokens import AccessTokens, InvalidToken
from backoffice.core import Database, Forbidden, Refusal, Unauthenticated

log = logging.getLogger(__name__)

API_KEY_HEADER = "x-api-key"
Method = Literal["jwt", "api_key", "session"]


@dataclass(frozen=True)
class Principal:
    """Who is calling. `permissions` are those in force now: the owner's, within the scopes."""

    id: uuid.UUID
    kind: Literal["user", "service"]
    method: Method
    permissions: frozenset[str]
    email: str
    auth_time: datetime
    scopes: frozenset[str] | None = None
    session_id: uuid.UUID | None = None
    key_id: uuid.UUID | None = None

    def can(self, *permissions: str) -> bool:
        """Whether the principal has every one of these permissions."""
        return all(grants(self.permissions, each) for each in permissions)

    @property
    def name(self) -> str:
        """How the audit log names the principal."""
        return audit.user(self.id)


class InvalidRequest(Refusal):
    """The request presents its credentials in a way that leaves open who is calling."""

    code = "invalid_request"
    status: ClassVar[int] = 400


@dataclass(frozen=True)
class Resolution:
    """What a request's credentials come to: a principal, nobody, or an error to raise."""

    principal: Principal | None = None
    error: Refusal | None = None
    stale_cookie: bool = False


class Principals:
    """Resolves the principal of a connection, once."""

    def __init__(
        self,
        database: Database,
        tokens: AccessTokens,
        sessions: Sessions,
        keys: ApiKeys,
        cookie: SessionCookie,
        realm: str,
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._sessions = sessions
        self._keys = keys
        self._cookie = cookie
        self._realm = realm

    async def resolution(self, connection: HTTPConnection) -> Resolution:
        """The connection's resolution, made at the first call and kept on the connection."""
        kept: dict[Any, Resolution] = connection.scope.setdefault("backoffice.principals", {})
        if self not in kept:
            try:
                kept[self] = await self._resolved(connection)
            except (Unauthenticated, Forbidden, InvalidRequest) as error:
                kept[self] = Resolution(error=error)
        return kept[self]

    def challenge(self, error: str = "", scope: str = "") -> dict[str, str]:
        """`WWW-Authenticate` with a challenge for each scheme (RFC 6750, 3; RFC 9110, 11.6.1)."""
        extra = f', error="{error}"' if error else ""
        extra += f', scope="{scope}"' if scope else ""
        schemes = (f'{each} realm="{self._realm}"{extra}' for each in ("Bearer", "ApiKey"))
        return {"WWW-Authenticate": ", ".join(schemes)}

    def nobody(self, connection: HTTPConnection, resolution: Resolution) -> Unauthenticated:
        """The refusal where somebody is needed and nothing was presented."""
        headers = self.challenge()
        if resolution.stale_cookie:
            headers |= self._cookie.clearing(connection)
        return Unauthenticated(
            "Sign in: send an access token as Authorization: Bearer, or an API key as X-API-Key.",
            headers=headers,
        )

    async def _resolved(self, connection: HTTPConnection) -> Resolution:
        presented = self._explicit(connection)
        found = [await self._of_explicit(each) for each in presented]
        if len(found) > 1:
            raise self._ambiguous("Send one credential: a token or an API key, not both.")
        if found:
            return Resolution(found[0])
        cookie = self._cookie.read(connection)
        return Resolution() if cookie is None else await self._of_cookie(connection, cookie)

    def _explicit(self, connection: HTTPConnection) -> list[str]:
        """The texts of the explicit credentials; one that has no usable text is refused here."""
        found: list[str] = []
        for header in ("authorization", API_KEY_HEADER):
            values = connection.headers.getlist(header)
            if len(values) > 1:
                raise self._ambiguous(f"Send the header {header} once.")
            if values:
                found.append(self._text(header, values[0]))
        return found

    def _text(self, header: str, value: str) -> str:
        if header == API_KEY_HEADER:
            if not value.startswith(API_KEY):
                raise self._invalid("not an API key")
            return value
        scheme, _, text = value.partition(" ")
        if scheme.lower() != "bearer" or not text.strip():
            raise self._invalid("scheme")
        return text.strip()

    async def _of_explicit(self, text: str) -> Principal:
        return await (self._of_key(text) if text.startswith(API_KEY) else self._of_token(text))

    async def _of_token(self, text: str) -> Principal:
        try:
            claims = self._tokens.read(text)
        except InvalidToken as error:
            raise self._invalid(str(error)) from error
        user, session, permissions = await self._session(claims.session)
        if (
            user is None
            or session is None
            or session.user_id != claims.subject
            or session.kind != TOKEN
            or not self._sessions.alive(session)
        ):
            raise self._invalid("session")
        return _of_session(user, session, permissions, "jwt")

    async def _of_cookie(self, connection: HTTPConnection, value: str) -> Resolution:
        id = self._sessions.of_cookie(value)
        if id is None:
            raise self._invalid("cookie", self._cookie.clearing(connection))
        user, session, permissions = await self._session(id)
        if (
            user is None
            or session is None
            or session.kind != BROWSER
            or not self._sessions.alive(session)
        ):
            return Resolution(stale_cookie=True)
        if needs_same_origin(connection) and not same_origin(connection):
            raise Forbidden(
                "This change was not asked for by a page of this site.", code="csrf_failed"
            )
        await self._sessions.seen(session)
        return Resolution(_of_session(user, session, permissions, "session"))

    async def _session(
        self, id: uuid.UUID
    ) -> tuple[User | None, UserSession | None, frozenset[str]]:
        query = (
            select(User, UserSession, RolePermission.permission)
            .join(UserSession, col(UserSession.user_id) == col(User.id))
            .outerjoin(UserRole, col(UserRole.user_id) == col(User.id))
            .outerjoin(RolePermission, col(RolePermission.role_id) == col(UserRole.role_id))
            .where(UserSession.id == id, col(User.is_active))
        )
        async with self._database.session() as opened:
            rows = (await opened.exec(query)).all()
        if not rows:
            return None, None, frozenset()
        user, session, _ = rows[0]
        return user, session, _permissions(user, (each for *_, each in rows))

    async def _of_key(self, text: str) -> Principal:
        prefix = api_key_prefix(text)
        if prefix is None:
            raise self._invalid("malformed key")
        query = (
            select(User, ApiKey, RolePermission.permission)
            .join(ApiKey, col(ApiKey.user_id) == col(User.id))
            .outerjoin(UserRole, col(UserRole.user_id) == col(User.id))
            .outerjoin(RolePermission, col(RolePermission.role_id) == col(UserRole.role_id))
            .where(ApiKey.prefix == prefix, col(User.is_active))
        )
        async with self._database.session() as opened:
            rows = (await opened.exec(query)).all()
        presented = digest(text)
        stored = rows[0][1].digest if rows else digest("")
        if not hmac.compare_digest(presented, stored) or not rows:
            raise self._invalid("unknown key")
        user, key, _ = rows[0]
        if not self._keys.alive(key):
            raise self._invalid("key revoked or expired")
        await self._keys.used(key)
        return _of_key(user, key, _permissions(user, (each for *_, each in rows)))

    def _invalid(self, reason: str, headers: dict[str, str] | None = None) -> Unauthenticated:
        """One body for every cause; the reason is for the log."""
        log.info("credential refused: %s", reason)
        return Unauthenticated(
            "The credential is not good: wrong, expired or revoked.",
            code="invalid_token",
            headers={**self.challenge("invalid_token"), **(headers or {})},
        )

    def _ambiguous(self, message: str) -> InvalidRequest:
        return InvalidRequest(message, headers=self.challenge("invalid_request"))


def _permissions(user: User, found: Any) -> frozenset[str]:
    if user.is_superuser:
        return frozenset({EVERYTHING})
    return frozenset(each for each in found if each is not None)


def _of_session(
    user: User, session: UserSession, permissions: frozenset[str], method: Method
) -> Principal:
    return Principal(
        id=user.id,
        kind="user",
        method=method,
        permissions=permissions,
        email=user.email,
        session_id=session.id,
        auth_time=session.created_at,
    )


def _of_key(user: User, key: ApiKey, permissions: frozenset[str]) -> Principal:
    scopes = None if key.scopes is None else frozenset(key.scopes)
    return Principal(
        id=user.id,
        kind="user",
        method="api_key",
        permissions=permissions if scopes is None else intersection(permissions, scopes),
        email=user.email,
        scopes=scopes,
        key_id=key.id,
        auth_time=key.created_at,
    )
