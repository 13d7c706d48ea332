"""Opaque credentials: how refresh tokens, session cookies and API keys are spelled.

Each is a public part by which it is found and a part that cannot be guessed, with a prefix that
says what it is. None serves in the place of another: each has a prefix and a key of its own.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import string
import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

API_KEY = "bo_"
REFRESH = "bor_"
_ALPHABET = string.ascii_letters + string.digits
_PREFIX_LENGTH, _SECRET_LENGTH, _CHECK_LENGTH = 12, 32, 6
_MAC_BYTES = 24


@dataclass(frozen=True)
class NewApiKey:
    """A key just made: `text` is shown once, `prefix` and `digest` are kept."""

    text: str = field(repr=False)
    prefix: str
    digest: str = field(repr=False)


def new_api_key() -> NewApiKey:
    """A key of 190 bits of chance, in letters and digits, that ends in its own checksum."""
    prefix = API_KEY + _random(_PREFIX_LENGTH)
    body = f"{prefix}_{_random(_SECRET_LENGTH)}"
    text = body + _checksum(body)
    return NewApiKey(text, prefix, digest(text))


def api_key_prefix(text: str) -> str | None:
    """The part by which a well-formed key is found; None for a text that was never a key."""
    prefix, _, secret = text.removeprefix(API_KEY).partition("_")
    well_formed = (
        text.startswith(API_KEY)
        and len(prefix) == _PREFIX_LENGTH
        and len(secret) == _SECRET_LENGTH + _CHECK_LENGTH
        and text.isascii()
        and hmac.compare_digest(_checksum(text[:-_CHECK_LENGTH]), text[-_CHECK_LENGTH:])
    )
    return API_KEY + prefix if well_formed else None


def digest(text: str) -> str:
    """SHA-256, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def derived_key(secret: bytes, purpose: str) -> bytes:
    """A key of its own for each purpose, so that no token serves for another (RFC 8725, 3.12)."""
    return hmac.digest(secret, b"backoffice v1 " + purpose.encode(), hashlib.sha256)


class Seal:
    """Signs a session's id and generation into a token that carries nothing else.

    What a previous key has sealed is opened still, while the secret is being changed.
    """

    def __init__(self, key: bytes, prefix: str = "", previous: Sequence[bytes] = ()) -> None:
        self._keys = (key, *previous)
        self._prefix = prefix

    @classmethod
    def of_secrets(cls, secrets: Sequence[bytes], purpose: str, prefix: str = "") -> "Seal":
        """A seal for this purpose alone; the first secret seals, each of them opens."""
        first, *previous = (derived_key(each, purpose) for each in secrets)
        return cls(first, prefix, previous)

    def sealed(self, session: uuid.UUID, generation: int = 0) -> str:
        """The token of this session and generation; the same each time."""
        content = session.bytes + generation.to_bytes(4)
        return self._prefix + _encoded(content + _mac(self._keys[0], content))

    def opened(self, token: str) -> tuple[uuid.UUID, int] | None:
        """Session and generation of a token that this seal made; None for a forged one."""
        if not token.startswith(self._prefix) or len(token) > 100:
            return None
        raw = _decoded(token.removeprefix(self._prefix))
        if raw is None or len(raw) != 20 + _MAC_BYTES:
            return None
        content, mac = raw[:20], raw[20:]
        if not any(hmac.compare_digest(mac, _mac(each, content)) for each in self._keys):
            return None
        return uuid.UUID(bytes=content[:16]), int.from_bytes(content[16:])


def _mac(key: bytes, content: bytes) -> bytes:
    return hmac.digest(key, content, hashlib.sha256)[:_MAC_BYTES]


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _checksum(body: str) -> str:
    """CRC-32 in base 62: a mistyped key, or a string of another make, never asks the database."""
    value = zlib.crc32(body.encode())
    digits = ""
    while value:
        value, rest = divmod(value, 62)
        digits = _ALPHABET[rest] + digits
    return digits.rjust(_CHECK_LENGTH, _ALPHABET[0])


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(text: str) -> bytes | None:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if _encoded(raw) == text else None
