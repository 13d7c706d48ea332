"""The compact form of a signed token (RFC 7515, 3.1), read so strictly that it has one spelling.

Nothing here knows a key. What is no header of ours, no canonical base64url, no flat JSON, or is
longer than anything that we sign, ends here as InvalidToken, before a library of signatures sees
it. `crit`, `b64`, `jku`, `jwk`, `x5u`, `x5c` and `zip` have nothing to work on: the header may
hold `alg`, `kid` and `typ`, and nothing else (RFC 8725, 3.10).
"""

import binascii
import json
from dataclasses import dataclass
from typing import Any

#: Characters. The longest that we issue, with RSA of 8192 bits and the longest issuer, has 4,200.
MAX_LENGTH = 8192
MAX_HEADER_LENGTH = 512
#: Brackets in one JSON text: far too few to reach a parser's limit of recursion.
MAX_BRACKETS = 8

_MEMBERS = {"alg", "kid", "typ"}
#: Other characters of standard base64 become NUL, which is in no alphabet.
_TO_BASE64 = bytes.maketrans(b"-_+/=", b"+/\0\0\0")
#: The last character of a segment that is no multiple of four has bits which say nothing.
_LAST = {0: frozenset(range(128)), 2: frozenset(b"AQgw"), 3: frozenset(b"AEIMQUYcgkosw048")}


class InvalidToken(Exception):
    """The token is not good; the reason is for the log, never for the client."""


@dataclass(frozen=True)
class Header:
    """What a token says of its signature; believed only where a key of ours says the same."""

    alg: str
    kid: str | None = None
    typ: str | None = None

    def encoded(self) -> str:
        """The header's segment of a token."""
        members = {"alg": self.alg, "kid": self.kid, "typ": self.typ}
        return encoded_json({name: value for name, value in members.items() if value is not None})


@dataclass(frozen=True)
class Compact:
    """The parts of a token; nothing of it is verified yet."""

    header: Header
    payload: bytes
    signature: bytes
    signed: bytes

    @classmethod
    def of(cls, token: str) -> "Compact":
        """The parts of a token in its one spelling; InvalidToken for any other text."""
        if len(token) > MAX_LENGTH:
            raise InvalidToken("length")
        parts = token.split(".")
        if len(parts) != 3 or len(parts[0]) > MAX_HEADER_LENGTH:
            raise InvalidToken("shape")
        header, payload, signature = map(decoded, parts)
        signed = token.rpartition(".")[0].encode()
        return cls(_header(header), payload, signature, signed)


def decoded(segment: str) -> bytes:
    """The bytes of base64url in the one canonical spelling (RFC 7515, 2: no padding)."""
    try:
        raw = segment.encode("ascii")
        found = binascii.a2b_base64(
            raw.translate(_TO_BASE64) + b"=" * (-len(raw) % 4), strict_mode=True
        )
    except ValueError:  # binascii.Error and UnicodeEncodeError are of its kind
        raise InvalidToken("base64url") from None
    if raw and raw[-1] not in _LAST[len(raw) % 4]:
        raise InvalidToken("base64url")
    return found


def encoded(raw: bytes) -> str:
    """Base64url without padding."""
    return (
        binascii.b2a_base64(raw, newline=False).rstrip(b"=").translate(_FROM_BASE64).decode("ascii")
    )


def encoded_json(members: dict[str, Any]) -> str:
    """A segment that holds this object."""
    return encoded(json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode())


def flat_object(raw: bytes) -> dict[str, str | int]:
    """The members of a JSON object of texts and whole numbers; InvalidToken for anything else.

    Each member once, no `true`, no fraction, no NaN, no half of a surrogate pair: whoever reads a
    claim finds a plain `str` or `int`.
    """
    if raw.count(b"[") + raw.count(b"{") > MAX_BRACKETS:
        raise InvalidToken("json")
    try:
        found = _reader.decode(raw.decode())
    except (ValueError, RecursionError):
        raise InvalidToken("json") from None
    if type(found) is not dict:
        raise InvalidToken("json")
    return found


def _header(raw: bytes) -> Header:
    members = flat_object(raw)
    if not members.keys() <= _MEMBERS or "alg" not in members:
        raise InvalidToken("header")
    if any(type(value) is not str for value in members.values()):
        raise InvalidToken("header")
    return Header(**members)  # type: ignore[arg-type]  # each is a text, as was seen above


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member twice")
    for name, value in pairs:
        if type(value) is str:
            value.encode()
        elif type(value) is not int:
            raise ValueError("neither text nor a whole number")
        name.encode()
    return found


def _no_number(_: str) -> int:
    raise ValueError("no whole number")


_FROM_BASE64 = bytes.maketrans(b"+/", b"-_")
_reader = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_no_number, parse_constant=_no_number
)
