"""Keys that are weak, wrong or not what they say are refused at start, and never shown."""

import base64
import hashlib
import hmac
import json
import random
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from math import prod
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    PrivateFormat,
)

from backoffice.auth import jwk
from backoffice.auth.jws import InvalidToken, decoded, encoded
from backoffice.auth.key_forms import is_key_text, is_roca
from backoffice.auth.key_ring import KeyRing, RingKey
from backoffice.auth.signing_keys import SigningKey
from backoffice.core import SetupError
from tests.auth.forging import (
    KEYS,
    LIBRARIES,
    OFFERED,
    PEM,
    SPKI,
    certificate,
    header,
    key_forms,
    pem_of,
    public_bytes,
    token,
    tokens_of,
)

ASYMMETRIC = ("RS256", "ES256")


def refuse_secret(material: bytes, told: str) -> None:
    with pytest.raises(SetupError, match=told):
        SigningKey.of_secret(material, "k")
    with pytest.raises(SetupError, match=told):
        jwk.read({"kty": "oct", "alg": "HS256", "kid": "k", "k": encoded(material)})


FORMS = [(name, form) for name in ASYMMETRIC for form in key_forms(KEYS[name])]


@pytest.mark.parametrize(("algorithm", "form"), FORMS)
def test_a_public_key_in_any_form_is_no_secret(algorithm: str, form: str) -> None:
    material = key_forms(KEYS[algorithm])[form]
    refuse_secret(material, "itself a key")


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(("algorithm", "form"), FORMS)
def test_a_token_signed_with_our_public_key_as_a_secret_is_refused(
    algorithm: str, form: str, library: Any
) -> None:
    key = KEYS[algorithm]
    tokens = tokens_of(key, library=library)
    for alg in ("HS256", "HS384", "HS512", key.algorithm, "none"):
        signed = token(key, header(key, alg=alg)).rpartition(".")[0]
        digest = {"HS384": hashlib.sha384, "HS512": hashlib.sha512}.get(alg, hashlib.sha256)
        mac = hmac.digest(key_forms(key)[form], signed.encode(), digest)
        with pytest.raises(InvalidToken):
            tokens.read(f"{signed}.{encoded(mac)}")


@pytest.mark.parametrize(
    "secret", ["k" * 32, "a secret of words, which is long enough", "MIIB" * 9]
)
def test_a_secret_that_is_no_key_is_good(secret: str) -> None:
    assert not is_key_text(secret.encode())


def test_made_secrets_are_never_taken_for_keys() -> None:
    chance = random.Random(7)
    for size in (32, 33, 48, 65, 100):
        for _ in range(200):
            raw = chance.randbytes(size)
            assert not is_key_text(raw)
            assert not is_key_text(base64.urlsafe_b64encode(raw))


@pytest.mark.parametrize("size", [0, 1, 3, 16, 31])
def test_a_short_or_empty_secret_is_refused(size: int) -> None:
    refuse_secret(b"s" * size, "at least 32 bytes")


def rsa_jwk(bits: int = 2048, exponent: int = 65537) -> dict[str, Any]:
    """A JWK that the strength of its key does not keep from being written."""
    numbers = rsa.generate_private_key(exponent, bits).private_numbers()
    found = numbers.public_numbers
    named = dict(zip(("n", "e"), (found.n, found.e), strict=True))
    names = ("d", "p", "q", "dp", "dq", "qi")
    values = (numbers.d, numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp)
    named |= dict(zip(names, values, strict=True))
    written = {
        name: encoded(each.to_bytes((each.bit_length() + 7) // 8)) for name, each in named.items()
    }
    return {"kty": "RSA", "alg": "RS256", "kid": "k", **written}


@pytest.mark.parametrize("bits", [1024, 1536, 2040])
def test_an_rsa_key_under_2048_bits_is_refused(bits: int) -> None:
    members = rsa_jwk(bits)
    public = {name: members[name] for name in ("kty", "alg", "kid", "n", "e")}
    pem = pem_of(rsa.generate_private_key(65537, bits))
    for written in (members, public):
        with pytest.raises(SetupError, match="2048"):
            jwk.read(written)
    with pytest.raises(SetupError, match="2048"):
        SigningKey.from_pem(pem)


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 17, 65536, 65538, 2**256 + 1])
def test_an_rsa_key_with_an_odd_exponent_out_of_bounds_is_refused(exponent: int) -> None:
    modulus = jwk.public(KEYS["RS256"])["n"]
    e = encoded(exponent.to_bytes(40).lstrip(b"\0"))
    with pytest.raises(SetupError, match=r"exponent|fit together"):
        jwk.read({"kty": "RSA", "alg": "RS256", "kid": "k", "n": modulus, "e": e})


def test_an_rsa_key_with_the_exponent_3_is_refused_as_pem_too() -> None:
    with pytest.raises(SetupError, match="exponent"):
        SigningKey.from_pem(pem_of(rsa.generate_private_key(3, 2048)))


def test_an_rsa_key_that_can_be_factored_is_refused() -> None:
    """A modulus as those of CVE-2017-15361: a power of 65537 modulo each small prime."""
    primes = prod(n for n in range(3, 702) if all(n % d for d in range(2, n)))
    powers = (pow(65537, exponent, primes) for exponent in count(9))
    modulus = next(each for each in powers if each % 2) + primes * 2**1100
    n = encoded(modulus.to_bytes((modulus.bit_length() + 7) // 8))
    with pytest.raises(SetupError, match="CVE-2017-15361"):
        jwk.read({"kty": "RSA", "alg": "RS256", "kid": "k", "n": n, "e": "AQAB"})


@pytest.mark.parametrize("factor", [2, 3, 743])
def test_an_rsa_key_with_a_small_factor_is_refused(factor: int) -> None:
    modulus = factor * (2**2048 // factor)
    n = encoded(modulus.to_bytes(257).lstrip(b"\0"))
    with pytest.raises(SetupError, match="small prime"):
        jwk.read({"kty": "RSA", "alg": "RS256", "kid": "k", "n": n, "e": "AQAB"})


def test_good_rsa_keys_have_no_such_fingerprint() -> None:
    assert KEYS["RS256"].public is not None
    for key in (KEYS["RS256"], KEYS["PS256"]):
        assert isinstance(key.public, rsa.RSAPublicKey)
        assert not is_roca(key.public.public_numbers().n)


def changed(name: str, **members: Any) -> dict[str, Any]:
    """The JWK of one of our keys, with these members; `...` takes one out."""
    found = {**jwk.private(KEYS[name]), **members}
    return {name: value for name, value in found.items() if value is not ...}


def ec_bytes(member: str) -> bytes:
    return decoded(jwk.private(KEYS["ES256"])[member])


def other_half(name: str, member: str) -> str:
    value: str = jwk.private(SigningKey.generated(name))[member]
    return value


BAD: list[tuple[str, Callable[[], dict[str, Any]]]] = [
    ("nothing", dict),
    ("no alg", lambda: changed("ES256", alg=...)),
    ("alg none", lambda: changed("HS256", alg="none")),
    ("alg of another kind", lambda: changed("ES256", alg="RS256")),
    ("alg HS384", lambda: changed("HS256", alg="HS384")),
    ("alg that does not exist", lambda: changed("ES256", alg="ES521")),
    ("alg ES224", lambda: changed("ES256", alg="ES224")),
    ("alg of encryption", lambda: changed("RS256", alg="RSA1_5")),
    ("alg a list", lambda: changed("ES256", alg=["ES256"])),
    ("no kty", lambda: changed("ES256", kty=...)),
    ("kty of another kind", lambda: changed("ES256", kty="RSA")),
    ("kty oct of a public key", lambda: changed("ES256", kty="oct", alg="HS256")),
    ("use enc", lambda: changed("ES256", use="enc")),
    ("key_ops encrypt", lambda: changed("RS256", key_ops=["encrypt", "decrypt"])),
    ("key_ops without sign", lambda: changed("ES256", key_ops=["verify"])),
    ("key_ops and more", lambda: changed("ES256", key_ops=["sign", "verify", "deriveKey"])),
    ("key_ops a text", lambda: changed("ES256", key_ops="sign")),
    ("key_ops of one text", lambda: changed("ES256", key_ops=["sign, verify"])),
    ("kid a number", lambda: changed("HS256", kid=1)),
    ("kid too long", lambda: changed("HS256", kid="k" * 129)),
    ("kid with quotes", lambda: changed("HS256", kid='a"b')),
    ("kid with a line", lambda: changed("HS256", kid="a\nb")),
    ("unknown member", lambda: changed("HS256", retireafter="2026-03-01T12:00:00Z")),
    ("x5u", lambda: changed("RS256", x5u="https://evil.example")),
    ("no k", lambda: changed("HS256", k=...)),
    ("k a number", lambda: changed("HS256", k=1)),
    ("k empty", lambda: changed("HS256", k="")),
    ("k with padding", lambda: changed("HS256", k=encoded(b"k" * 32) + "=")),
    ("k with spaces", lambda: changed("HS256", k=" " + encoded(b"k" * 32))),
    ("curve P-384 said", lambda: changed("ES256", crv="P-384")),
    ("curve P-521 said", lambda: changed("ES256", crv="P-521")),
    ("curve secp256k1 said", lambda: changed("ES256", crv="secp256k1")),
    ("point off the curve", lambda: changed("ES256", y=encoded(b"\1" * 32))),
    ("point at infinity", lambda: changed("ES256", x=encoded(bytes(32)), y=encoded(bytes(32)))),
    ("x too short", lambda: changed("ES256", x=encoded(b"\1" * 31))),
    ("x too long", lambda: changed("ES256", x=encoded(bytes(1) + b"\1" * 32))),
    ("x with a zero before it", lambda: changed("ES256", x=encoded(b"\0" + ec_bytes("x")))),
    ("d with a zero before it", lambda: changed("ES256", d=encoded(b"\0" + ec_bytes("d")))),
    ("d of another key", lambda: changed("ES256", d=other_half("ES256", "d"))),
    ("d zero", lambda: changed("ES256", d=encoded(bytes(32)))),
    ("d beyond the order", lambda: changed("ES256", d=encoded(b"\xff" * 32))),
    ("no y", lambda: changed("ES256", y=...)),
    ("n of another key", lambda: changed("RS256", n=other_half("RS256", "n"))),
    ("d of another rsa key", lambda: changed("RS256", d=other_half("RS256", "d"))),
    ("p of another rsa key", lambda: changed("RS256", p=other_half("RS256", "p"))),
    ("half of the private members", lambda: changed("RS256", q=...)),
    ("oth", lambda: changed("RS256", oth=[])),
    ("n empty", lambda: changed("RS256", n="")),
    (
        "n even",
        lambda: changed(
            "RS256", n=encoded(b"\xfe" * 256), **dict.fromkeys(jwk._PRIVATE["RSA"], ...)
        ),
    ),
    ("Ed448", lambda: changed("Ed25519", crv="Ed448")),
    ("X25519", lambda: changed("Ed25519", crv="X25519")),
    ("Ed25519 too short", lambda: changed("Ed25519", x=encoded(b"\1" * 31))),
    ("Ed25519 d of another", lambda: changed("Ed25519", d=other_half("Ed25519", "d"))),
]


@pytest.mark.parametrize("make", [make for _, make in BAD], ids=[name for name, _ in BAD])
def test_a_jwk_that_is_not_right_is_refused(make: Callable[[], dict[str, Any]]) -> None:
    members = make()
    with pytest.raises(SetupError) as refused:
        jwk.read(members)
    shown = f"{refused.value!r} {refused.value} {refused.value.__cause__}"
    secrets = [members.get(name) for name in ("k", "d", "p", "q", "dp", "dq", "qi")]
    assert not any(isinstance(each, str) and each and each in shown for each in secrets)


@pytest.mark.parametrize(
    "private",
    [
        lambda: ec.generate_private_key(ec.SECP384R1()),
        lambda: ec.generate_private_key(ec.SECP256K1()),
        lambda: ed448.Ed448PrivateKey.generate(),
        lambda: dsa.generate_private_key(2048),
    ],
    ids=["P-384", "secp256k1", "Ed448", "DSA"],
)
def test_a_pem_of_a_kind_that_signs_nothing_here_is_refused(private: Callable[[], Any]) -> None:
    with pytest.raises(SetupError):
        SigningKey.from_pem(pem_of(private()))


def test_a_pem_that_is_no_open_private_key_is_refused() -> None:
    key = KEYS["ES256"]
    assert key.private is not None
    locked = key.private.private_bytes(PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    for material in (
        public_bytes(key, PEM, SPKI),
        locked,
        certificate(key, PEM),
        b"",
        b"\xff" * 99,
    ):
        with pytest.raises(SetupError, match="no private key in PEM"):
            SigningKey.from_pem(material)


@pytest.mark.parametrize(
    ("algorithm", "other"), [("RS256", "ES256"), ("ES256", "RS256"), ("Ed25519", "HS256")]
)
def test_a_pem_signs_by_an_algorithm_of_its_kind_alone(algorithm: str, other: str) -> None:
    pem = pem_of(KEYS[algorithm].private)
    assert SigningKey.from_pem(pem).algorithm == algorithm
    with pytest.raises(SetupError, match=other):
        SigningKey.from_pem(pem, other)


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256", "Ed25519", "none", "HS512"])
def test_a_key_has_an_algorithm_of_its_kind(algorithm: str) -> None:
    for name, key in KEYS.items():
        if name != algorithm and {name, algorithm} not in SAME_KIND:
            with pytest.raises(SetupError):
                replace(key, algorithm=algorithm)
    with pytest.raises(SetupError):
        SigningKey(algorithm, "k")
    with pytest.raises(SetupError):
        SigningKey(algorithm, "k", secret=b"s" * 32, public=KEYS["ES256"].public)


SAME_KIND = ({"RS256", "PS256"}, {"Ed25519", "EdDSA"})


@pytest.mark.parametrize(("algorithm", "library"), OFFERED)
def test_a_key_that_is_written_and_read_again_signs_alike(algorithm: str, library: Any) -> None:
    again = jwk.read(json.loads(json.dumps(jwk.private(KEYS[algorithm]))))
    assert tokens_of(KEYS[algorithm], library=library).read(token(again))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "PS256", "Ed25519"])
def test_the_public_half_holds_nothing_of_the_private_one(algorithm: str) -> None:
    whole, half = jwk.private(KEYS[algorithm]), jwk.public(KEYS[algorithm])
    assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & half.keys()
    assert half.items() <= whole.items()
    assert not jwk.read(half).can_sign


def test_a_secret_has_no_public_half() -> None:
    with pytest.raises(SetupError):
        jwk.public(KEYS["HS256"])


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256", "Ed25519"])
def test_a_key_shows_nothing_of_itself(algorithm: str) -> None:
    shown = repr(RingKey(KEYS[algorithm])) + repr(KeyRing([RingKey(KEYS[algorithm])], "joserfc"))
    assert "object at" not in shown.partition("KeyRing")[0]
    assert (KEYS[algorithm].secret or b"none").hex() not in shown
