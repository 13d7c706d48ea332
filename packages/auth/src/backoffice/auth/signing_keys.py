"""Keys that sign tokens: which there are, how strong they must be, where they come from.

A key has one algorithm for good. It is made here, or read from a JWK (`jwk.py`) or a private key
in PEM, never from bytes that could be either a secret or somebody's public key. What is too weak
is a SetupError when the app starts, which never repeats the key.
"""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from types import NoneType
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from backoffice.auth.key_forms import has_small_factor, is_key_text, is_roca
from backoffice.core import SetupError
from backoffice.core.settings import SECRET_BYTES

Private: TypeAlias = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey
Public: TypeAlias = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

#: Each algorithm, with the `kty` of the keys that it takes.
ALGORITHMS = {
    "HS256": "oct",
    "RS256": "RSA",
    "PS256": "RSA",
    "ES256": "EC",
    "Ed25519": "OKP",
    "EdDSA": "OKP",  # what RFC 9864 replaced by Ed25519: some clients know only this name
}
RSA_BITS, LARGEST_RSA_BITS = 2048, 8192
#: 128 bits of strength, as of all others here (NIST SP 800-57, table 2).
GENERATED_RSA_BITS = 3072
_PUBLIC: dict[str, type] = {
    "oct": NoneType,
    "RSA": RSAPublicKey,
    "EC": EllipticCurvePublicKey,
    "OKP": Ed25519PublicKey,
}
_KID = re.compile(r"[A-Za-z0-9._~@:+/=-]{1,128}")


@dataclass(frozen=True)
class SigningKey:
    """A key of one algorithm: a secret, or a public key with or without its private half."""

    algorithm: str
    kid: str | None
    secret: bytes | None = field(default=None, repr=False)
    private: Private | None = field(default=None, repr=False)
    public: Public | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        kind = ALGORITHMS.get(self.algorithm)
        if kind is None or not isinstance(self.public, _PUBLIC[kind]):
            raise SetupError(f"{self.algorithm} takes no key of this kind")
        if (self.secret is None) is (self.public is None):
            raise SetupError("a key is a secret, or has a public half")
        if self.kid is not None and not _KID.fullmatch(self.kid):
            raise SetupError("kid must be 1 to 128 of letters, digits and . _ ~ @ : + / = -")
        if self.secret is not None:
            check_secret(self.secret)
        if isinstance(self.public, RSAPublicKey):
            _check_rsa(self.public)
        if isinstance(self.public, EllipticCurvePublicKey):
            _check_curve(self.public)

    @classmethod
    def of_secret(cls, secret: bytes, kid: str | None) -> "SigningKey":
        """An HS256 key."""
        return cls("HS256", kid, secret=secret)

    @classmethod
    def of_private(cls, algorithm: str, kid: str | None, private: Private) -> "SigningKey":
        """A key that signs, and the public half that goes with it."""
        return cls(algorithm, kid, private=private, public=private.public_key())

    @classmethod
    def generated(cls, algorithm: str) -> "SigningKey":
        """A new key with a new kid."""
        kind = ALGORITHMS[algorithm]
        if kind == "oct":
            return cls.of_secret(secrets.token_bytes(SECRET_BYTES), new_kid())
        return cls.of_private(algorithm, new_kid(), _GENERATORS[kind]())

    @classmethod
    def from_pem(cls, pem: bytes, algorithm: str | None = None) -> "SigningKey":
        """A private key in PEM that is not encrypted, with a new kid.

        Without an algorithm it is RS256, ES256 or Ed25519, as the key is.
        """
        private = _private_of(pem)
        usual = next((name for known, name in _OF_PEM if isinstance(private, known)), None)
        if usual is None:
            raise SetupError("this private key is neither RSA, nor EC, nor Ed25519")
        return cls.of_private(algorithm or usual, new_kid(), private)

    @property
    def kind(self) -> str:
        """The `kty` of the key."""
        return ALGORITHMS[self.algorithm]

    @property
    def can_sign(self) -> bool:
        """Whether this is more than a public key."""
        return self.secret is not None or self.private is not None

    @property
    def signature_length(self) -> int:
        """Bytes of every signature by this key."""
        if self.secret is not None:
            return 32
        return (self.public.key_size + 7) // 8 if isinstance(self.public, RSAPublicKey) else 64


def new_kid() -> str:
    """A name for a key, which nothing else has."""
    return secrets.token_hex(8)


def _private_of(pem: bytes) -> Private:
    try:
        found = load_pem_private_key(pem, password=None)
    except Exception:  # noqa: BLE001 - whatever the parser raises, it may quote the key
        raise SetupError("this is no private key in PEM without a password") from None
    return found  # type: ignore[return-value]  # of_pem looks whether it is one of ours


def check_secret(secret: bytes) -> None:
    """SetupError for a secret that is short, or that is a key which others may know."""
    if len(secret) < SECRET_BYTES:
        raise SetupError(f"a secret must have at least {SECRET_BYTES} bytes (RFC 7518, 3.2)")
    if is_key_text(secret):
        raise SetupError(
            "the secret is itself a key or a certificate: where that is public, anybody could "
            "sign. Make one with `backoffice secrets generate`"
        )


def _check_rsa(public: RSAPublicKey) -> None:
    numbers = public.public_numbers()
    if not RSA_BITS <= public.key_size <= LARGEST_RSA_BITS:
        raise SetupError(f"an RSA key must have {RSA_BITS} to {LARGEST_RSA_BITS} bits")
    if not (2**16 < numbers.e < 2**256 and numbers.e % 2):
        raise SetupError("the exponent of an RSA key must be odd and above 65536 (FIPS 186-5)")
    if has_small_factor(numbers.n):
        raise SetupError("this RSA key can be factored: a small prime divides its modulus")
    if is_roca(numbers.n):
        raise SetupError("this RSA key is of a make that can be factored (CVE-2017-15361)")


def _check_curve(public: EllipticCurvePublicKey) -> None:
    if not isinstance(public.curve, SECP256R1):
        raise SetupError("ES256 needs a key on the curve P-256")


_GENERATORS: dict[str, Callable[[], Private]] = {
    "RSA": lambda: generate_rsa(65537, GENERATED_RSA_BITS),
    "EC": lambda: generate_ec(SECP256R1()),
    "OKP": Ed25519PrivateKey.generate,
}
_OF_PEM: tuple[tuple[type, str], ...] = (
    (RSAPrivateKey, "RS256"),
    (EllipticCurvePrivateKey, "ES256"),
    (Ed25519PrivateKey, "Ed25519"),
)
