"""What an attacker, or another signer, may write: any header, any payload, any spelling.

Signed with cryptography alone, so that no library under test vouches for itself.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509 import CertificateBuilder, Name, random_serial_number

from backoffice.auth import jwk
from backoffice.auth.jws import encoded
from backoffice.auth.key_ring import KeyRing, RingKey
from backoffice.auth.signatures import Library
from backoffice.auth.signing_keys import SigningKey
from backoffice.auth.tokens import AccessTokens
from backoffice.core import Clock
from backoffice.core.testing import ManualClock

MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW = int(MOMENT.timestamp())
USER = "b1a1f3f2-4a36-4d0c-8a4e-0d8a6f9b6a01"
SESSION = "0b5d6a52-7f3b-4a57-9f58-0a3f0c2f6b02"
DER, PEM, X962, OPENSSH = Encoding.DER, Encoding.PEM, Encoding.X962, Encoding.OpenSSH
SPKI = PublicFormat.SubjectPublicKeyInfo
LIBRARIES: tuple[Library, ...] = ("python-jose", "joserfc")
#: Every algorithm with the libraries that have it.
OFFERED: tuple[tuple[str, Library], ...] = (
    *((name, library) for name in ("HS256", "RS256", "ES256") for library in LIBRARIES),
    *((name, "joserfc") for name in ("PS256", "Ed25519", "EdDSA")),
)
NAMES = ("HS256", "RS256", "ES256", "PS256", "Ed25519", "EdDSA")
#: Made once: an RSA key takes a while.
KEYS = {name: replace(SigningKey.generated(name), kid=f"key-{name}") for name in NAMES}


def raw_signature(key: SigningKey, signed: bytes) -> bytes:
    """The key's signature of these bytes, by its own algorithm."""
    if key.secret is not None:
        return hmac.digest(key.secret, signed, hashlib.sha256)
    match key.private:
        case rsa.RSAPrivateKey():
            return key.private.sign(signed, rsa_padding(key.algorithm), hashes.SHA256())
        case ec.EllipticCurvePrivateKey():
            r, s = decode_dss_signature(key.private.sign(signed, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32) + s.to_bytes(32)
        case Ed25519PrivateKey():
            return key.private.sign(signed)
    raise AssertionError(key)


def rsa_padding(algorithm: str) -> padding.AsymmetricPadding:
    if algorithm == "RS256":
        return padding.PKCS1v15()
    return padding.PSS(padding.MGF1(hashes.SHA256()), 32)


def segment(value: Any) -> str:
    """Base64url of these bytes, or of this value as JSON."""
    return encoded(value if isinstance(value, bytes) else json.dumps(value).encode())


def header(key: SigningKey, **changed: Any) -> dict[str, Any]:
    """The header of an access token; `...` takes a member out."""
    return without({"alg": key.algorithm, "kid": key.kid, "typ": "at+jwt", **changed})


def claims(**changed: Any) -> dict[str, Any]:
    """The claims of an access token that is good at MOMENT; `...` takes one out."""
    good = {
        "iss": "shop",
        "aud": "api",
        "sub": USER,
        "sid": SESSION,
        "jti": "7d1f0f1c2b5a4c5e9b0c3f7a6d8e1b2c",
        "iat": NOW,
        "exp": NOW + 900,
    }
    return without({**good, **changed})


def without(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not ...}


def token(key: SigningKey, head: Any = None, payload: Any = None) -> str:
    """A token with a signature that verifies, whatever it says."""
    first = segment(header(key) if head is None else head)
    signed = f"{first}.{segment(claims() if payload is None else payload)}"
    return f"{signed}.{encoded(raw_signature(key, signed.encode()))}"


def tokens_of(
    *keys: SigningKey, library: Library = "python-jose", clock: Clock | None = None
) -> AccessTokens:
    """The access tokens of an app that has these keys; by default it is MOMENT for good."""
    return AccessTokens(
        KeyRing([RingKey(each) for each in keys], library),
        clock or ManualClock(MOMENT),
        issuer="shop",
        audience="api",
        lifetime=timedelta(minutes=15),
    )


def certificate(key: SigningKey, encoding: Encoding) -> bytes:
    nobody = Name([])
    assert key.private is not None
    assert isinstance(key.private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    return (
        CertificateBuilder(nobody, nobody, key.private.public_key(), random_serial_number())
        .not_valid_before(MOMENT)
        .not_valid_after(MOMENT + timedelta(days=1))
        .sign(key.private, hashes.SHA256())
        .public_bytes(encoding)
    )


def public_bytes(key: SigningKey, encoding: Encoding, form: PublicFormat) -> bytes:
    assert key.public is not None
    return key.public.public_bytes(encoding, form)


def pem_body(pem: bytes) -> bytes:
    return b"".join(pem.splitlines()[1:-1])


def key_forms(key: SigningKey) -> dict[str, bytes]:
    """Every form in which an attacker may have our public key."""
    pem, der = public_bytes(key, PEM, SPKI), public_bytes(key, DER, SPKI)
    found = {
        "pem": pem,
        "pem without the last newline": pem.rstrip(),
        "pem with CRLF": pem.replace(b"\n", b"\r\n"),
        "pem after text": b"key:\n" + pem,
        "pem after white space": b" \n" + pem,
        "pem body": pem_body(pem),
        "pem body in lines": b"\n".join(pem.splitlines()[1:-1]),
        "der": der,
        "der in base64url": base64.urlsafe_b64encode(der).rstrip(b"="),
        "openssh": public_bytes(key, OPENSSH, PublicFormat.OpenSSH),
        "certificate pem": certificate(key, PEM),
        "certificate der": certificate(key, DER),
        "certificate body": pem_body(certificate(key, PEM)),
        "jwk": json.dumps(jwk.public(key)).encode(),
        "jwk set": json.dumps({"keys": [jwk.public(key)]}).encode(),
    }
    if isinstance(key.public, rsa.RSAPublicKey):
        found["pkcs1 pem"] = public_bytes(key, PEM, PublicFormat.PKCS1)
        found["pkcs1 der"] = public_bytes(key, DER, PublicFormat.PKCS1)
    else:
        found["point"] = public_bytes(key, X962, PublicFormat.UncompressedPoint)
    return found


def pem_of(private: Any) -> bytes:
    pem: bytes = private.private_bytes(PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem
