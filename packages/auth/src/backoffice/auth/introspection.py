"""What a token is, told to who may ask (RFC 7662), and its end at its holder's wish (RFC 7009)."""

import asyncio
import hmac
from typing import Any

from sqlmodel import select

from backoffice.auth import audit
from backoffice.auth.api_keys import ApiKeys
from backoffice.auth.credentials import API_KEY, REFRESH, api_key_prefix, digest
from backoffice.auth.models import ApiKey
from backoffice.auth.principals import Principal
from backoffice.auth.resolution import Resolver
from backoffice.auth.revocations import Revocations
from backoffice.auth.sessions import Client, Sessions
from backoffice.auth.settings import AuthSettings
from backoffice.auth.tokens import AccessTokens, InvalidToken
from backoffice.core import Database

#: Who may ask what a token is.
INTROSPECT = "tokens:introspect"
INACTIVE: dict[str, Any] = {"active": False}


class Introspection:
    """Tells access tokens, refresh tokens and API keys apart by themselves: no hint is needed."""

    def __init__(
        self,
        database: Database,
        settings: AuthSettings,
        tokens: AccessTokens,
        sessions: Sessions,
        keys: ApiKeys,
        resolver: Resolver,
        revocations: Revocations,
    ) -> None:
        self._database = database
        self._settings = settings
        self._tokens = tokens
        self._sessions = sessions
        self._keys = keys
        self._resolver = resolver
        self._revocations = revocations

    async def of(self, token: str) -> dict[str, Any]:
        """The members of RFC 7662, 2.2; `{"active": False}` alone for whatever is not good now."""
        if token.startswith(REFRESH):
            return await self._of_refresh_token(token)
        good = await self._resolver.good(token)
        if good is None:
            return INACTIVE
        if good.key is not None:
            return self._of_key(good.principal, good.key)
        return self._of_access_token(good.principal, token)

    async def end(self, token: str, client: Client) -> bool:
        """End what the token stands for: an API key, or the session of a token, and with it all
        tokens of the session. False, as slowly, for whatever has ended or is none."""
        if token.startswith(API_KEY):
            ended = await self._end_key(token)
        elif token.startswith(REFRESH):
            ended = await self._sessions.end_by(token, client)
        else:
            ended = await self._end_session(token, client)
        if not ended:
            await asyncio.sleep(self._revocations.lag)
        return ended

    async def _of_refresh_token(self, token: str) -> dict[str, Any]:
        session = await self._sessions.of_refresh_token(token)
        if session is None:
            return INACTIVE
        # Without token_type and scope: it is not to be taken where an access token is asked for.
        return {
            "active": True,
            "token_use": "refresh_token",
            "sub": str(session.user_id),
            "iss": self._settings.issuer,
            "iat": int(session.rotated_at.timestamp()),
            "exp": int(self._sessions.good_until(session).timestamp()),
            "sid": str(session.id),
        }

    def _of_access_token(self, who: Principal, token: str) -> dict[str, Any]:
        try:
            claims = self._tokens.read(token)
        except InvalidToken:
            return INACTIVE  # it has run out between the two readings
        return {
            **self._of_principal(who, "access_token"),
            "aud": self._settings.audience,
            "iat": int(claims.issued_at.timestamp()),
            "exp": int(claims.expires_at.timestamp()),
            "jti": claims.token_id,
            "sid": str(claims.session),
        }

    def _of_key(self, who: Principal, key: ApiKey) -> dict[str, Any]:
        # Only we see where a key is used from: elsewhere one that is kept to networks is no good.
        if key.networks is not None:
            return INACTIVE
        found = self._of_principal(who, "api_key") | {"iat": int(key.created_at.timestamp())}
        if key.expires_at is not None:
            found["exp"] = int(key.expires_at.timestamp())
        return found

    def _of_principal(self, who: Principal, use: str) -> dict[str, Any]:
        return {
            "active": True,
            "token_type": "Bearer",
            "token_use": use,
            "scope": " ".join(sorted(who.permissions)),
            "sub": str(who.id),
            "username": who.email,
            "iss": self._settings.issuer,
            "auth_time": int(who.auth_time.timestamp()),
        }

    async def _end_session(self, token: str, client: Client) -> bool:
        try:
            claims = self._tokens.read(token)
        except InvalidToken:
            return False
        return await self._sessions.end_own(claims.session, client)

    async def _end_key(self, text: str) -> bool:
        prefix = api_key_prefix(text)
        if prefix is None:
            return False
        async with self._database.session() as session:
            row = (await session.exec(select(ApiKey).where(ApiKey.prefix == prefix))).one_or_none()
        stored = row.digest if row else digest("")
        if not hmac.compare_digest(digest(text), stored) or row is None or row.revoked_at:
            return False
        await self._keys.revoke(row.id, actor=audit.key(row.id))
        return True
