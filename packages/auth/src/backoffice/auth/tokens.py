"""Signed tokens (JWT, RFC 7519): what is in one, and what each kind is for.

Each kind has a `typ` and an audience of its own, so that none serves in the place of another
(RFC 8725, 3.11 and 3.12). A token is known by its `jti`, never by its text: whoever has the text
of an ES256 token can write a second one that verifies as well.
"""

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from backoffice.auth.jws import InvalidToken, flat_object
from backoffice.auth.key_ring import KeyRing
from backoffice.auth.user_keys import read_uuid
from backoffice.core import Clock

__all__ = [
    "ACCESS",
    "AccessClaims",
    "AccessTokens",
    "Claims",
    "InvalidToken",
    "TokenKind",
    "Tokens",
]

#: Clocks of two machines do not agree.
SKEW = timedelta(minutes=1)
_COMMON = frozenset({"iss", "aud", "sub", "jti", "iat", "exp"})
_MAX_TEXT = 256
#: In the year 2242: beyond it no machine of today has to count.
_LAST_SECOND = 2**33


@dataclass(frozen=True)
class TokenKind:
    """What tokens are for: each kind is refused wherever another is asked for."""

    #: The `typ` of the header, which is of this kind alone.
    typ: str
    #: Follows the app's audience. An access token is for the app itself, and has none.
    purpose: str = ""
    #: Claims besides those of every kind; each is a text.
    claims: frozenset[str] = frozenset()


#: RFC 9068, 2.1: an access token says that it is one.
ACCESS = TokenKind("at+jwt", claims=frozenset({"sid"}))


@dataclass(frozen=True)
class Claims:
    """What a good token says; `more` has the claims that only its kind has."""

    subject: str
    token_id: str
    issued_at: datetime
    #: When the token says, or when its key retires if that is earlier.
    expires_at: datetime
    more: Mapping[str, str]


@dataclass(frozen=True)
class AccessClaims:
    """What an access token says: who signed in, by which session, until when.

    It is over at `expires_at`: when it says, or when its key retires if that is earlier.
    """

    subject: uuid.UUID
    session: uuid.UUID
    token_id: str
    issued_at: datetime
    expires_at: datetime


class Tokens:
    """Issues and reads tokens of one kind, for one issuer and one app."""

    def __init__(
        self,
        kind: TokenKind,
        ring: KeyRing,
        clock: Clock,
        *,
        issuer: str,
        audience: str,
        lifetime: timedelta,
    ) -> None:
        self._kind = kind
        self._ring = ring
        self._clock = clock
        self._issuer = issuer
        self._audience = f"{audience}#{kind.purpose}" if kind.purpose else audience
        self._names = _COMMON | kind.claims
        self.lifetime = lifetime

    def issue(self, subject: str, **more: str) -> str:
        """A new token, good from now for the lifetime."""
        issued = self._clock.now()
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": subject,
            "jti": uuid.uuid4().hex,
            "iat": int(issued.timestamp()),
            "exp": int((issued + self.lifetime).timestamp()),
            **more,
        }
        payload = json.dumps(claims, separators=(",", ":"), ensure_ascii=False).encode()
        return self._ring.sign(payload, self._kind.typ, issued)

    def read(self, token: str) -> Claims:
        """What a good token says; InvalidToken for any other, and never another exception."""
        moment = self._clock.now()
        verified = self._ring.verified(token, self._kind.typ, moment)
        claims = flat_object(verified.payload)
        if claims.keys() != self._names:
            raise InvalidToken("claims")
        if claims["iss"] != self._issuer or claims["aud"] != self._audience:
            raise InvalidToken("issuer or audience")
        found = Claims(
            subject=_text(claims["sub"]),
            token_id=_text(claims["jti"]),
            issued_at=_moment(claims["iat"]),
            expires_at=_earlier(_moment(claims["exp"]), verified.until),
            more={name: _text(claims[name]) for name in self._kind.claims},
        )
        if not found.issued_at - SKEW <= moment < found.expires_at:
            raise InvalidToken("time")
        return found


class AccessTokens:
    """Issues and reads access tokens."""

    def __init__(
        self,
        ring: KeyRing,
        clock: Clock,
        *,
        issuer: str,
        audience: str,
        lifetime: timedelta,
        read_id: Callable[[str], uuid.UUID] = read_uuid,
    ) -> None:
        self._read_id = read_id
        self._tokens = Tokens(
            ACCESS, ring, clock, issuer=issuer, audience=audience, lifetime=lifetime
        )
        self._ring = ring
        self.lifetime = lifetime

    @property
    def generation(self) -> int:
        """Another one whenever the keys change: what was read before is to be read again."""
        return self._ring.generation

    def issue(self, subject: uuid.UUID, session: uuid.UUID) -> str:
        """A new token for a user's session, good from now for the lifetime."""
        return self._tokens.issue(str(subject), sid=str(session))

    def read(self, token: str) -> AccessClaims:
        """The claims of a good token; InvalidToken for any other."""
        found = self._tokens.read(token)
        return AccessClaims(
            subject=_id(found.subject, self._read_id),
            session=_id(found.more["sid"], read_uuid),
            token_id=found.token_id,
            issued_at=found.issued_at,
            expires_at=found.expires_at,
        )


def _earlier(one: datetime, other: datetime | None) -> datetime:
    return one if other is None else min(one, other)


def _text(value: str | int) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_TEXT:
        raise InvalidToken("claims")
    return value


def _id(text: str, read: Callable[[str], uuid.UUID]) -> uuid.UUID:
    try:
        return read(text)
    except ValueError:
        raise InvalidToken("claims") from None


def _moment(value: str | int) -> datetime:
    if not isinstance(value, int) or not 0 <= value <= _LAST_SECOND:
        raise InvalidToken("claims")
    return datetime.fromtimestamp(value, UTC)
