"""What a key looks like from outside: to tell a secret from a key, and a weak RSA key from a good.

A public key that serves as an HMAC secret lets everybody sign (CVE-2024-33663 and its kin), in
whatever form it is written.
"""

import base64
import json
from collections.abc import Callable, Iterator
from math import gcd, isqrt, prod
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key
from cryptography.x509 import load_der_x509_certificate

_ARMOUR = (b"-----BEGIN", b"---- BEGIN")
_STARTS = (b"ssh-", b"ecdsa-sha2-", b"sk-ssh-", b"sk-ecdsa-")
_SMALL_PRIMES = prod(n for n in range(2, 752) if all(n % d for d in range(2, isqrt(n) + 1)))
_TELLING_PRIMES = (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)


def is_key_text(raw: bytes) -> bool:
    """Whether these bytes are a key or certificate: PEM, OpenSSH, JWK, DER, or base64 of DER."""
    if any(each in raw for each in _ARMOUR) or raw.lstrip().startswith(_STARTS):
        return True
    return _is_jwk(raw) or any(map(_is_der, _readings(raw)))


def is_roca(modulus: int) -> bool:
    """Whether it has the fingerprint of keys made by Infineon's library (CVE-2017-15361).

    Their primes, and so the product, are powers of 65537 modulo many small primes; a key of
    another make has that by a chance of about one in a hundred million.
    """
    return all(modulus % prime in _powers(prime) for prime in _TELLING_PRIMES)


def has_small_factor(modulus: int) -> bool:
    """Whether a prime below 752 divides it (NIST SP 800-89, 5.3.3)."""
    return gcd(modulus, _SMALL_PRIMES) != 1


def _powers(prime: int) -> set[int]:
    return {pow(65537, exponent, prime) for exponent in range(prime - 1)}


def _is_jwk(raw: bytes) -> bool:
    try:
        found: Any = json.loads(raw)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and not {"kty", "keys"}.isdisjoint(found)


def _readings(raw: bytes) -> Iterator[bytes]:
    """The bytes themselves, and what they are if they are base64 of something."""
    yield raw
    packed = b"".join(raw.split()).translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
    try:
        yield base64.b64decode(packed + b"=" * (-len(packed) % 4), validate=True)
    except ValueError:
        return


def _is_der(raw: bytes) -> bool:
    return any(_loads(load, raw) for load in _LOADERS)


def _loads(load: Callable[[bytes], object], raw: bytes) -> bool:
    try:
        load(raw)
    except Exception:  # noqa: BLE001 - cryptography has many ways to say no
        return False
    return True


def _load_point(raw: bytes) -> EllipticCurvePublicKey:
    # A compressed point has no certain mark: one in 250 secrets of 33 bytes would be taken for one.
    if not raw.startswith(b"\x04"):
        raise ValueError("no uncompressed point")
    return EllipticCurvePublicKey.from_encoded_point(SECP256R1(), raw)


_LOADERS: tuple[Callable[[bytes], object], ...] = (
    load_der_public_key,
    lambda raw: load_der_private_key(raw, password=None),
    load_der_x509_certificate,
    _load_point,
)
