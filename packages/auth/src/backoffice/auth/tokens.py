"""Access tokens: JWTs of one algorithm, one key and one shape, and nothing else.

The library behind the seam is python-jose by default. What it lets pass, or breaks on, is
refused before it sees the token: a header other than ours, a spelling of base64url other than
the canonical one, a token longer than any of ours. So a token has one spelling, `alg`, `crit`,
`jwk`, `kid` tricks have nothing to work on, and a deeply nested header is never parsed.
"""

import base64
import binascii
import hashlib
import hmac
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from typing import Any, Protocol

from jose import jws
from jose.exceptions import JOSEError

from backoffice.core import Clock, SetupError

ALGORITHM = "HS256"
TYPE = "at+jwt"  # RFC 9068, 2.1: an access token says that it is one.
MAX_LENGTH = 1024
_HEADER = {"alg": ALGORITHM, "typ": TYPE}
_CLAIMS = {"iss", "aud", "sub", "sid", "jti", "iat", "exp"}


class InvalidToken(Exception):
    """The token is not good; the reason is for the log, never for the client."""


@dataclass(frozen=True)
class AccessClaims:
    """What an access token says: who signed in, by which session, until when."""

    subject: uuid.UUID
    session: uuid.UUID
    token_id: str
    issued_at: datetime
    expires_at: datetime


class Signer(Protocol):
    """Signs claims and verifies tokens with one key; the seam to a JWT library."""

    def sign(self, claims: dict[str, Any]) -> str:
        """The compact form of a signed token."""

    def payload(self, token: str) -> bytes:
        """The signed bytes; InvalidToken when the signature is not ours."""


class JoseSigner:
    """python-jose, reached only by tokens whose header and spelling are ours."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def sign(self, claims: dict[str, Any]) -> str:
        """The compact form of a signed token."""
        return jws.sign(claims, self._key, headers={"typ": TYPE}, algorithm=ALGORITHM)

    def payload(self, token: str) -> bytes:
        """The signed bytes; InvalidToken when the signature is not ours."""
        try:
            return jws.verify(token, self._key, [ALGORITHM])
        except (JOSEError, ValueError, TypeError, RecursionError) as error:
            raise InvalidToken("signature") from error


class JoserfcSigner:
    """joserfc, the stricter library, for those who install it."""

    def __init__(self, key: bytes) -> None:
        if find_spec("joserfc") is None:
            raise SetupError(
                "BACKOFFICE_AUTH__TOKEN_LIBRARY is joserfc, which is not installed; "
                "install fastapi-backoffice-auth[joserfc]"
            )
        from joserfc.jwk import OctKey

        self._key = OctKey.import_key(key)

    def sign(self, claims: dict[str, Any]) -> str:
        """The compact form of a signed token."""
        from joserfc import jws as rfc_jws

        payload = json.dumps(claims, separators=(",", ":")).encode()
        return rfc_jws.serialize_compact(dict(_HEADER), payload, self._key, [ALGORITHM])

    def payload(self, token: str) -> bytes:
        """The signed bytes; InvalidToken when the signature is not ours."""
        from joserfc import jws as rfc_jws
        from joserfc.errors import JoseError

        try:
            found: bytes = rfc_jws.deserialize_compact(token, self._key, [ALGORITHM]).payload
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            raise InvalidToken("signature") from error
        return found


def derived_key(secret: bytes, purpose: str) -> bytes:
    """A key of its own for each purpose, so that no token serves for another (RFC 8725, 3.12)."""
    return hmac.digest(secret, b"backoffice v1 " + purpose.encode(), hashlib.sha256)


class AccessTokens:
    """Issues and reads access tokens for one issuer and one audience."""

    def __init__(
        self, signer: Signer, clock: Clock, *, issuer: str, audience: str, lifetime: timedelta
    ) -> None:
        self._signer = signer
        self._clock = clock
        self._issuer = issuer
        self._audience = audience
        self.lifetime = lifetime

    def issue(self, subject: uuid.UUID, session: uuid.UUID) -> str:
        """A new token for a user's session, good from now for the lifetime."""
        issued = self._clock.now()
        return self._signer.sign(
            {
                "iss": self._issuer,
                "aud": self._audience,
                "sub": str(subject),
                "sid": str(session),
                "jti": uuid.uuid4().hex,
                "iat": int(issued.timestamp()),
                "exp": int((issued + self.lifetime).timestamp()),
            }
        )

    def read(self, token: str) -> AccessClaims:
        """The claims of a good token; InvalidToken for any other."""
        _check_spelling(token)
        claims = _object(self._signer.payload(token))
        if claims.keys() != _CLAIMS:
            raise InvalidToken("claims")
        if claims["iss"] != self._issuer or claims["aud"] != self._audience:
            raise InvalidToken("issuer or audience")
        try:
            found = AccessClaims(
                subject=uuid.UUID(claims["sub"]),
                session=uuid.UUID(claims["sid"]),
                token_id=str(claims["jti"]),
                issued_at=_moment(claims["iat"]),
                expires_at=_moment(claims["exp"]),
            )
        except (ValueError, TypeError, AttributeError, OverflowError, OSError) as error:
            raise InvalidToken("claims") from error
        now = self._clock.now()
        if not found.issued_at - timedelta(seconds=60) <= now < found.expires_at:
            raise InvalidToken("time")
        return found


def _check_spelling(token: str) -> None:
    if len(token) > MAX_LENGTH:
        raise InvalidToken("length")
    parts = token.split(".")
    if len(parts) != 3:
        raise InvalidToken("shape")
    header, *_ = [_canonical(part) for part in parts]
    if len(header) > 100 or _object(header) != _HEADER:
        raise InvalidToken("header")


def _canonical(part: str) -> bytes:
    """The bytes of a part spelled in the one canonical way (RFC 7515, 2: no padding)."""
    try:
        found = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidToken("base64url") from error
    if base64.urlsafe_b64encode(found).rstrip(b"=").decode() != part:
        raise InvalidToken("base64url")
    return found


def _object(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise InvalidToken("json") from error
    if not isinstance(found, dict):
        raise InvalidToken("json")
    return found


def _moment(value: object) -> datetime:
    if type(value) is not int:
        raise TypeError("not a NumericDate")
    return datetime.fromtimestamp(value, UTC)
