"""Resolution: who is calling, found once from whatever credentials a request presents.

| presented | answer |
|---|---|
| nothing | anonymous: 401 with a challenge for each scheme where somebody is needed |
| an explicit credential (JWT, API key, ticket) that is not good, alone or beside a good one | 401 |
| the same header twice, or two explicit credentials that are both good | 400 |
| an explicit credential and a cookie | the explicit one; the cookie is not looked at |
| a cookie whose session has ended | anonymous, and the cookie is cleared |
| a cookie that we never made | 401 |
| a cookie, for a change, from another site | 403 |
| anything of an owner who is not active (any more), or is locked | 401 |
| a ticket, which is an explicit credential, for anything but a websocket | 401 |

An app may allow two explicit credentials of one and the same principal: what both permit holds.
"""

import hashlib
import logging
import uuid
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import ClassVar

from starlette.requests import HTTPConnection

from backoffice.auth import refusals
from backoffice.auth.api_keys import ApiKeys
from backoffice.auth.cookies import SessionCookie
from backoffice.auth.credentials import API_KEY, api_key_prefix
from backoffice.auth.guesses import Guesses
from backoffice.auth.key_terms import KeyTerms
from backoffice.auth.last_uses import LastUses, due
from backoffice.auth.models import ApiKey, UserSession
from backoffice.auth.origin import needs_same_origin, permitted
from backoffice.auth.permissions import intersection
from backoffice.auth.principals import Method, Principal, Principals
from backoffice.auth.remembered import EVERYBODY, Remembered
from backoffice.auth.revocations import Revocations
from backoffice.auth.sessions import BROWSER, TOKEN, Sessions
from backoffice.auth.standing import Standing
from backoffice.auth.tickets import SUBPROTOCOL_HEADER, Tickets, hide, offered
from backoffice.auth.tokens import AccessClaims, AccessTokens, InvalidToken
from backoffice.core import Clock, Forbidden, Refusal, TooManyRequests, Unauthenticated

log: logging.Logger = logging.getLogger(__name__)

AUTHORIZATION, API_KEY_HEADER = b"authorization", b"x-api-key"
#: The headers that may hold an explicit credential.
EXPLICIT = frozenset({AUTHORIZATION, API_KEY_HEADER, SUBPROTOCOL_HEADER})
#: Where a connection keeps whom each resolver found it to be from.
KEPT = "backoffice.resolution"
#: Credentials in one request that are looked at: one more than any honest client sends.
MOST_PRESENTED = 3


class InvalidRequest(Refusal):
    """The request presents its credentials in a way that leaves open who is calling."""

    code = "invalid_request"
    status: ClassVar[int] = 400


class NotGood(Exception):
    """A credential is not good; the reason is for the log, never for the client.

    `who` is whose it was, where that is beyond doubt.
    """

    def __init__(self, reason: str, who: Principal | None = None) -> None:
        super().__init__(reason)
        self.who = who


@dataclass(frozen=True)
class Resolution:
    """What a request's credentials come to: a principal, nobody, or an error to raise."""

    principal: Principal | None = None
    error: Refusal | None = None
    stale_cookie: bool = False
    #: The principals of the two credentials, where two were accepted together.
    together: tuple[Principal, ...] = ()


class Good:
    """A credential that is good: whose it is, and until when; of a key, the key."""

    def __init__(
        self, principal: Principal, until: datetime | None, key: ApiKey | None = None
    ) -> None:
        self.principal = principal
        self.until = principal.same_until(until)
        self.key = key
        self.resolution = Resolution(principal)
        #: The last use of it that was noted, as far as is known here.
        self.noted: datetime | None = None
        #: Whether nothing of a request but the credential decides.
        self.unconditional = key is None or (key.networks is None and key.rate_limit is None)


Load = Callable[[], Awaitable[Good]]


class Resolver:
    """Resolves the principal of a connection, once."""

    def __init__(
        self,
        clock: Clock,
        tokens: AccessTokens,
        sessions: Sessions,
        keys: ApiKeys,
        cookie: SessionCookie,
        principals: Principals,
        revocations: Revocations,
        last_uses: LastUses,
        terms: KeyTerms,
        tickets: Tickets,
        standing: Standing,
        guesses: Guesses,
        *,
        realm: str,
        remembered: int,
        same_principal: bool,
        trusted_origins: Collection[str],
    ) -> None:
        self._clock = clock
        self._tokens = tokens
        self._sessions = sessions
        self._keys = keys
        self._cookie = cookie
        self._principals = principals
        self._revocations = revocations
        self._last_uses = last_uses
        self._terms = terms
        self._tickets = tickets
        self._standing = standing
        self._guesses = guesses
        self._realm = realm
        self._same_principal = same_principal
        self._trusted_origins = trusted_origins
        self._remembered: Remembered[Good] = Remembered(remembered)
        self._verified_by = tokens.generation
        revocations.on_change(self._remembered.forget)

    async def resolution(self, connection: HTTPConnection) -> Resolution:
        """The connection's resolution, made at the first call and kept on the connection."""
        found = self._kept(connection)
        if found is None:
            try:
                found = await self._resolved(connection)
            except (Unauthenticated, Forbidden, InvalidRequest, TooManyRequests) as error:
                found = Resolution(error=error)
            connection.scope.setdefault(KEPT, {})[self] = found
        return found

    def at_once(self, connection: HTTPConnection) -> Resolution | None:
        """What `resolution` gives, where nothing is to be waited for; None for anything else.

        So it is where it was made before, and for one explicit credential that is remembered: most
        requests there are.
        """
        kept = self._kept(connection)
        if kept is not None:
            return kept
        presented = None
        for header in connection.scope["headers"]:
            # One look for each of a browser's many headers, not three.
            if header[0] in EXPLICIT:
                if presented is not None or header[0] == SUBPROTOCOL_HEADER:
                    return None
                presented = header
        if presented is None or not self._revocations.fresh:
            return None
        now = self._clock.now()
        good = self._memory().get(_digest(*presented), now)
        if good is None or not good.unconditional:
            return None
        self._use(good, now)
        connection.scope.setdefault(KEPT, {})[self] = good.resolution
        return good.resolution

    def _kept(self, connection: HTTPConnection) -> Resolution | None:
        """The connection's resolution, if it was made before by this resolver."""
        kept: dict[Resolver, Resolution] | None = connection.scope.get(KEPT)
        return None if kept is None else kept.get(self)

    async def good(self, text: str) -> Good | None:
        """What a token or a key is good for, read anew and not as used; None for any other."""
        try:
            return await self._checked(text)()
        except NotGood:
            return None

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
        presented = _presented(connection)
        if presented:
            return await self._of_explicit(connection, presented[:MOST_PRESENTED])
        cookie = self._cookie.read(connection)
        return Resolution() if cookie is None else await self._of_cookie(connection, cookie)

    async def _of_explicit(
        self, connection: HTTPConnection, presented: list[tuple[bytes, bytes]]
    ) -> Resolution:
        try:
            # Validity is judged before number: a bad one is 401 beside a good one as well.
            good = [await self._explicit(connection, name, value) for name, value in presented]
            self._check_terms(connection, good)
        except NotGood as reason:
            raise self._invalid(connection, reason) from reason
        now = self._clock.now()
        for each in good:
            if each.key is not None:
                await self._terms.spend(each.key)
            self._use(each, now)
        if len(good) == 1:
            return good[0].resolution
        if len({name for name, _ in presented}) < len(presented):
            raise self._ambiguous(connection, "Send each header once.")
        # A token before a key: what both are accepted as does not hang on the order of headers.
        one, other, *more = sorted(
            (each.principal for each in good), key=lambda each: each.method == "api_key"
        )
        if more or not self._same_principal or one.id != other.id:
            message = "Send one credential: a token or an API key, not both."
            raise self._ambiguous(connection, message)
        return Resolution(_lesser(one, other), together=(one, other))

    def _check_terms(self, connection: HTTPConnection, good: list[Good]) -> None:
        for each in good:
            if each.key is not None and not self._terms.permits(each.key, connection):
                raise NotGood("key used from outside its networks", each.principal)

    async def _explicit(self, connection: HTTPConnection, name: bytes, value: bytes) -> Good:
        if name == SUBPROTOCOL_HEADER:
            return await self._of_ticket(connection, value)
        text = _text(name, value)
        # By one spelling: the memory is not to be filled with the ways to write one token.
        spelled = b"Bearer " + text.encode() if name == AUTHORIZATION else value
        digest = _digest(name, spelled)
        return await self._known(digest) or await self._loaded(
            digest, self._checked(text, connection)
        )

    def _checked(self, text: str, connection: HTTPConnection | None = None) -> Load:
        """How to load it, once all is right that the credential itself can tell.

        Where it was presented by a connection, a key that is not good is counted as a guess.
        """
        if text.startswith(API_KEY):
            prefix = api_key_prefix(text)
            if prefix is None:
                raise NotGood("malformed key")
            load = partial(self._of_key, prefix, text)
            return load if connection is None else partial(self._tried, prefix, connection, load)
        try:
            claims = self._tokens.read(text)
        except InvalidToken as error:
            raise NotGood(str(error)) from error
        return partial(self._of_token, claims)

    async def _known(self, digest: bytes) -> Good | None:
        if digest not in self._memory():
            return None
        if not self._revocations.fresh:
            await self._revocations.refresh()
        return self._memory().get(digest, self._clock.now())

    def _memory(self) -> Remembered[Good]:
        """What is remembered, unless it was verified by other keys than those of now."""
        if self._tokens.generation != self._verified_by:
            self._verified_by = self._tokens.generation
            self._remembered.forget(EVERYBODY)
        return self._remembered

    async def _loaded(self, digest: bytes, load: Load) -> Good:
        if not self._revocations.fresh:
            await self._revocations.refresh()
        before = self._revocations.generation, self._tokens.generation
        good = await load()
        # Something was taken from somebody meanwhile: this may be what was before.
        if (self._revocations.generation, self._tokens.generation) == before:
            self._memory().put(digest, good, owner=good.principal.id, expires_at=good.until)
        return good

    async def _of_token(self, claims: AccessClaims) -> Good:
        principal, session = await self._of_session(claims.session, "jwt")
        if session.kind != TOKEN or session.user_id != claims.subject:
            raise NotGood("session")
        return Good(principal, min(claims.expires_at, self._sessions.good_until(session)))

    async def _tried(self, prefix: str, connection: HTTPConnection, load: Load) -> Good:
        async with self._guesses.of_key(prefix, connection):
            return await load()

    async def _of_key(self, prefix: str, text: str) -> Good:
        found = await self._principals.of_key(prefix, text)
        if found is None:
            raise NotGood("unknown key")
        principal, key = found
        if not self._keys.alive(key):
            raise NotGood("key revoked or expired", principal)
        return Good(principal, key.expires_at, key)

    async def _of_ticket(self, connection: HTTPConnection, value: bytes) -> Good:
        """Read anew: whom a ticket stands for is remembered for nobody."""
        if connection.scope["type"] != "websocket":
            raise NotGood("a ticket for something else than a websocket")
        spent = await self._tickets.spend(value.decode("latin-1"))
        if spent is None:
            raise NotGood("ticket")
        hide(connection.scope)
        for each in (await self._standing.of(spent.sessions, spent.keys)).values():
            return Good(each.principal, each.until, each.key)
        raise NotGood("ticket of what has ended")

    async def _of_cookie(self, connection: HTTPConnection, value: str) -> Resolution:
        id = self._sessions.of_cookie(value)
        if id is None:
            reason = NotGood("cookie")
            raise self._invalid(connection, reason, self._cookie.clearing(connection))
        digest = _digest(b"cookie", value.encode())
        try:
            good = await self._known(digest) or await self._loaded(
                digest, partial(self._of_browser, id)
            )
        except NotGood:
            return Resolution(stale_cookie=True)
        if needs_same_origin(connection) and not permitted(connection, self._trusted_origins):
            refusal = Forbidden(
                "This change was not asked for by a page of this site.", code="csrf_failed"
            )
            refusals.note(connection, refusal, good.principal)
            raise refusal
        self._use(good, self._clock.now())
        return good.resolution

    async def _of_browser(self, id: uuid.UUID) -> Good:
        principal, session = await self._of_session(id, "session")
        if session.kind != BROWSER:
            raise NotGood("session")
        return Good(principal, self._sessions.good_until(session))

    async def _of_session(self, id: uuid.UUID, method: Method) -> tuple[Principal, UserSession]:
        found = await self._principals.of_session(id, method)
        if found is None:
            raise NotGood("session")
        if not self._sessions.alive(found[1]):
            raise NotGood("session", found[0])
        return found

    def _use(self, good: Good, now: datetime) -> None:
        if good.noted is not None and not due(now, good.noted):
            return
        principal = good.principal
        if principal.key_id is not None:
            good.noted = self._last_uses.note(ApiKey, principal.key_id, now)
        elif principal.session_id is not None:
            good.noted = self._last_uses.note(UserSession, principal.session_id, now)

    def _invalid(
        self, connection: HTTPConnection, reason: NotGood, headers: dict[str, str] | None = None
    ) -> Unauthenticated:
        """One body for every cause; the reason is for the log."""
        log.info(
            "credential refused: %s",
            reason,
            extra=refusals.circumstances(connection, reason.who),
        )
        return Unauthenticated(
            "The credential is not good: wrong, expired or revoked.",
            code="invalid_token",
            headers={**self.challenge("invalid_token"), **(headers or {})},
        )

    def _ambiguous(self, connection: HTTPConnection, message: str) -> InvalidRequest:
        refusal = InvalidRequest(message, headers=self.challenge("invalid_request"))
        refusals.note(connection, refusal, None)
        return refusal


def _presented(connection: HTTPConnection) -> list[tuple[bytes, bytes]]:
    """The explicit credentials; tickets last, so that none is spent beside what is not good."""
    found: list[tuple[bytes, bytes]] = []
    tickets: list[tuple[bytes, bytes]] = []
    for name, value in connection.scope["headers"]:
        if name == SUBPROTOCOL_HEADER:
            tickets += ((name, each) for each in offered(value))
        elif name in (AUTHORIZATION, API_KEY_HEADER):
            found.append((name, value))
    return found + tickets


def _lesser(one: Principal, other: Principal) -> Principal:
    """What two credentials of one account permit together: what both do."""
    scopes = [each.scopes for each in (one, other) if each.scopes is not None]
    return replace(
        one,
        permissions=intersection(one.permissions, other.permissions),
        scopes=None if not scopes else intersection(scopes[0], scopes[-1]),
        auth_time=min(one.auth_time, other.auth_time),
        mfa=one.mfa and other.mfa,
        manages_credentials=one.manages_credentials and other.manages_credentials,
    )


def _digest(name: bytes, value: bytes) -> bytes:
    """By the header's name as well: what is good in one place is not good in another."""
    return hashlib.sha256(name + b" " + value).digest()


def _text(name: bytes, value: bytes) -> str:
    """The credential itself; NotGood where the header holds none that we know."""
    text = value.decode("latin-1")
    if name == API_KEY_HEADER:
        if not text.startswith(API_KEY):
            raise NotGood("not an API key")
        return text
    scheme, _, credential = text.partition(" ")
    # Only spaces: Python takes \xa0, \x85 and \x1c for white space as well.
    credential = credential.strip(" ")
    if scheme.lower() == "apikey" and credential.startswith(API_KEY):
        return credential
    if scheme.lower() != "bearer" or not credential:
        raise NotGood("scheme")
    return credential
