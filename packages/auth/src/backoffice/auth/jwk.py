"""JSON Web Keys (RFC 7517): read strictly, written whole or as the public half alone."""

from collections.abc import Callable, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
    derive_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPrivateNumbers,
    RSAPublicKey,
    RSAPublicNumbers,
)

from backoffice.auth import jws
from backoffice.auth.signing_keys import ALGORITHMS, Private, Public, SigningKey
from backoffice.core import SetupError

Members = Mapping[str, Any]

_COORDINATE = 32
_PRIVATE = {"RSA": ("d", "p", "q", "dp", "dq", "qi"), "EC": ("d",), "OKP": ("d",)}
_PUBLIC = {"oct": ("k",), "RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
_COMMON = {"kty", "alg", "kid", "use", "key_ops"}
_OPERATIONS = {"sign", "verify"}


def read(members: Members) -> SigningKey:
    """The key; SetupError, which does not repeat it, for one that is not fit to sign tokens."""
    algorithm, kid, kind = members.get("alg"), members.get("kid"), members.get("kty")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise SetupError(f"alg must be one of {', '.join(ALGORITHMS)}")
    if kind != ALGORITHMS[algorithm]:
        raise SetupError(f"kty must be {ALGORITHMS[algorithm]} for {algorithm}")
    if kid is not None and not isinstance(kid, str):
        raise SetupError("kid must be a text")
    _check(members, kind)
    if kind == "oct":
        return SigningKey.of_secret(_bytes(members, "k"), kid)
    return _asymmetric(algorithm, kid, members)


def private(key: SigningKey) -> dict[str, Any]:
    """The whole key, for the file that only the app may read."""
    if key.secret is not None:
        return {**_named(key), "k": jws.encoded(key.secret)}
    return {**public(key), **_private_members(key.private)}


def public(key: SigningKey) -> dict[str, Any]:
    """What anybody may know, to verify by; SetupError for a secret, of which that is nothing."""
    match key.public:
        case RSAPublicKey():
            numbers = key.public.public_numbers()
            return {**_named(key), "n": _number(numbers.n), "e": _number(numbers.e)}
        case EllipticCurvePublicKey():
            point = key.public.public_numbers()
            x, y = _number(point.x, _COORDINATE), _number(point.y, _COORDINATE)
            return {**_named(key), "crv": "P-256", "x": x, "y": y}
        case Ed25519PublicKey():
            x = jws.encoded(key.public.public_bytes_raw())
            return {**_named(key), "crv": "Ed25519", "x": x}
    raise SetupError("a secret has no public half")


def _check(members: Members, kind: str) -> None:
    needed, private_names = _PUBLIC[kind], _PRIVATE.get(kind, ())
    if lacking := [name for name in needed if not isinstance(members.get(name), str)]:
        raise SetupError(f"the {kind} key lacks {', '.join(lacking)}")
    present = [name for name in private_names if name in members]
    if present and len(present) < len(private_names):
        raise SetupError(f"the {kind} key needs all of {', '.join(private_names)}, or none of them")
    if unknown := members.keys() - {*needed, *private_names, *_COMMON}:
        raise SetupError(f"nothing is known of {', '.join(sorted(map(repr, unknown)))[:200]}")
    if members.get("use", "sig") != "sig":
        raise SetupError("use must be sig")
    _check_operations(members.get("key_ops"), signs=kind == "oct" or bool(present))


def _check_operations(operations: object, *, signs: bool) -> None:
    if operations is None:
        return
    if not isinstance(operations, list) or not all(isinstance(each, str) for each in operations):
        raise SetupError("key_ops must be a list of texts")
    needed = "sign" if signs else "verify"
    if not {needed} <= {*operations} <= _OPERATIONS:
        raise SetupError(f"key_ops must hold {needed}, and nothing but sign and verify")


def _asymmetric(algorithm: str, kid: str | None, members: Members) -> SigningKey:
    kind = ALGORITHMS[algorithm]
    try:
        if "d" in members:
            return SigningKey.of_private(algorithm, kid, _PRIVATE_READERS[kind](members))
        return SigningKey(algorithm, kid, public=_PUBLIC_READERS[kind](members))
    except SetupError:
        raise
    except Exception:  # noqa: BLE001 - whatever the parser raises, it may quote the key
        raise SetupError(f"the {kind} key is none: its parts do not fit together") from None


def _bytes(members: Members, name: str) -> bytes:
    try:
        return jws.decoded(members[name])
    except (jws.InvalidToken, AttributeError):
        raise SetupError(f"{name} must be base64url without padding") from None


def _int(members: Members, name: str) -> int:
    return int.from_bytes(_bytes(members, name))


def _coordinate(members: Members, name: str) -> int:
    raw = _bytes(members, name)
    if len(raw) != _COORDINATE:
        raise SetupError(f"{name} must have {_COORDINATE} bytes (RFC 7518, 6.2)")
    return int.from_bytes(raw)


def _check_curve(members: Members, curve: str) -> None:
    if members["crv"] != curve:
        raise SetupError(f"crv must be {curve}")


def _rsa_public(members: Members) -> RSAPublicKey:
    return RSAPublicNumbers(_int(members, "e"), _int(members, "n")).public_key()


def _rsa_private(members: Members) -> RSAPrivateKey:
    p, q, d, dp, dq, qi = (_int(members, name) for name in ("p", "q", "d", "dp", "dq", "qi"))
    numbers = RSAPublicNumbers(_int(members, "e"), _int(members, "n"))
    return RSAPrivateNumbers(p, q, d, dp, dq, qi, numbers).private_key()


def _ec_public(members: Members) -> EllipticCurvePublicKey:
    _check_curve(members, "P-256")
    x, y = _coordinate(members, "x"), _coordinate(members, "y")
    return EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()


def _ec_private(members: Members) -> EllipticCurvePrivateKey:
    found = derive_private_key(_coordinate(members, "d"), SECP256R1())
    _check_halves(found, _ec_public(members))
    return found


def _ed25519_public(members: Members) -> Ed25519PublicKey:
    _check_curve(members, "Ed25519")
    return Ed25519PublicKey.from_public_bytes(_bytes(members, "x"))


def _ed25519_private(members: Members) -> Ed25519PrivateKey:
    found = Ed25519PrivateKey.from_private_bytes(_bytes(members, "d"))
    _check_halves(found, _ed25519_public(members))
    return found


def _check_halves(found: Private, other: Public) -> None:
    if found.public_key() != other:
        raise SetupError("the private half does not belong to the public half")


def _named(key: SigningKey) -> dict[str, Any]:
    kid = {} if key.kid is None else {"kid": key.kid}
    return {"kty": key.kind, **kid, "use": "sig", "alg": key.algorithm}


def _private_members(half: Private | None) -> dict[str, str]:
    match half:
        case RSAPrivateKey():
            found = half.private_numbers()
            numbers = (found.d, found.p, found.q, found.dmp1, found.dmq1, found.iqmp)
            return dict(zip(_PRIVATE["RSA"], map(_number, numbers), strict=True))
        case EllipticCurvePrivateKey():
            return {"d": _number(half.private_numbers().private_value, _COORDINATE)}
        case Ed25519PrivateKey():
            return {"d": jws.encoded(half.private_bytes_raw())}
    return {}


def _number(value: int, length: int | None = None) -> str:
    return jws.encoded(value.to_bytes(length or (value.bit_length() + 7) // 8))


_PUBLIC_READERS: dict[str, Callable[[Members], Public]] = {
    "RSA": _rsa_public,
    "EC": _ec_public,
    "OKP": _ed25519_public,
}
_PRIVATE_READERS: dict[str, Callable[[Members], Private]] = {
    "RSA": _rsa_private,
    "EC": _ec_private,
    "OKP": _ed25519_private,
}
