"""The defects of Wycheproof's JWS and JWK vectors, built anew with keys of ours.

`json_web_signature_test.json`, `json_web_crypto_test.json` and `json_web_key_test.json` sign texts
such as "foo": a reader of claims would refuse them all for the wrong reason. So each kind of defect
is made here over whatever payload is asked for, and the good case beside it.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from backoffice.auth import jwk
from backoffice.auth.jws import decoded, encoded
from backoffice.auth.signing_keys import SigningKey
from tests.auth.forging import raw_signature, segment

VECTORS = Path(__file__).parent / "vectors"
#: Order of the group of P-256, and of that of Ed25519.
N_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
N_ED25519 = 2**252 + 27742317777372353535851937790883648493
P_P256 = 2**256 - 2**224 + 2**192 + 2**96 - 1


@dataclass(frozen=True)
class Case:
    """A token, and whether it is good; `disputed` says why a label of Wycheproof is not ours."""

    name: str
    text: str
    good: bool = False
    disputed: str = ""


@dataclass(frozen=True)
class Content:
    """What is signed: a header and a payload that are good together."""

    key: SigningKey
    head: dict[str, Any]
    payload: bytes

    def signed(self, head: Any = None, payload: bytes | None = None) -> str:
        """The first two segments."""
        first = segment(self.head if head is None else head)
        return f"{first}.{encoded(self.payload if payload is None else payload)}"

    def token(self, signed: str | None = None, key: SigningKey | None = None) -> str:
        """These segments with the key's signature of just this text."""
        text = self.signed() if signed is None else signed
        return f"{text}.{encoded(raw_signature(key or self.key, text.encode()))}"

    def with_signature(self, signature: bytes) -> str:
        return f"{self.signed()}.{encoded(signature)}"

    @property
    def parts(self) -> tuple[str, str, str]:
        head, payload, signature = self.token().split(".")
        return head, payload, signature


def cases(content: Content) -> Iterator[Case]:
    """Every case for a key."""
    yield Case("good", content.token(), good=True)
    for make in (structure, confusion, spelling, *_OF_KIND[content.key.algorithm]):
        yield from make(content)


def structure(content: Content) -> Iterator[Case]:
    """hs256, es256 and rs256: parts that are changed, missing, or too many."""
    head, payload, signature = content.parts
    other = segment({**content.head, "kid": "other"})
    flattened = {"protected": head, "payload": payload, "signature": signature}
    general = {"payload": payload, "signatures": [flattened]}
    broken = {
        "modified signature": f"{head}.{payload}.{_flipped(signature)}",
        "modified last byte": content.with_signature(_bit_flipped(decoded(signature), -1)),
        "missing signature": f"{head}.{payload}.",
        "missing signature and separator": f"{head}.{payload}",
        "modified payload": f"{head}.{_flipped(payload)}.{signature}",
        "missing payload": f"{head}..{signature}",
        "missing payload and separator": f"{head}.{signature}",
        "modified header": f"{other}.{payload}.{signature}",
        "missing header": f".{payload}.{signature}",
        "missing header and separator": f"{payload}.{signature}",
        "missing header and signature": f".{payload}.",
        "missing header, signature and separators": payload,
        "empty": "",
        "extra empty component": f"{head}.{payload}.{signature}.",
        "extra component": f"{head}.{payload}.{signature}.foo",
        "five components": f"{head}.{payload}.{signature}.foo.bar",
        "flattened JSON": json.dumps(flattened),
        "general JSON": json.dumps(general),
        "no algorithm, no signature": content.signed(_without(content.head, "alg")) + ".",
        "no algorithm, a signature": content.token(content.signed(_without(content.head, "alg"))),
    }
    for alg in ("none", "None", "NONE", "nOnE"):
        none = content.signed({**content.head, "alg": alg})
        broken |= {f"alg {alg}": f"{none}.", f"alg {alg}, signed": content.token(none)}
    yield from (Case(name, text) for name, text in broken.items())


def confusion(content: Content) -> Iterator[Case]:
    """Symmetric instead of asymmetric, a key from the header, another primitive or hash."""
    for alg in ("HS256", "HS384", "HS512", "RS256", "RS384", "PS256", "ES256", "ES384", "EdDSA"):
        if alg != content.key.algorithm:
            changed = content.signed({**content.head, "alg": alg})
            yield Case(f"alg {alg} said", content.token(changed))
    attacker = SigningKey.generated("ES256")
    for name in ("jwk", "jku", "x5u", "x5c"):
        value = jwk.public(attacker) if name == "jwk" else "https://evil.example"
        embedded = content.signed({**content.head, "alg": "ES256", name: value})
        yield Case(f"{name} embedded", content.token(embedded, attacker))
    for material in _public_bytes(content.key):
        text = content.signed({**content.head, "alg": "HS256"})
        mac = hmac.digest(material, text.encode(), hashlib.sha256)
        yield Case(f"HMAC with {len(material)} public bytes", f"{text}.{encoded(mac)}")


def spelling(content: Content) -> Iterator[Case]:
    """base64: junk that a lax reader skips, with a signature of the text as it stands."""
    head, payload, signature = content.parts
    clean = f"{head}.{payload}"
    for junk in ("    ", "####", "?", "\n", "=", "\0", "\xe9", "."):
        name = f"{junk!r}"
        if junk.isascii() and junk != ".":
            yield Case(f"{name} after the header", content.token(f"{head}{junk}.{payload}"))
            yield Case(f"{name} before the payload", content.token(f"{head}.{junk}{payload}"))
            yield Case(f"{name} after the payload", content.token(f"{head}.{payload}{junk}"))
        yield Case(f"{name} before the signature", f"{clean}.{junk}{signature}")
        yield Case(f"{name} after the signature", f"{clean}.{signature}{junk}")
        yield Case(f"{name} for a character", f"{clean}.{junk}{signature[1:]}")
    for name, text in (
        ("372", f"{head[:-1]}?{head[-1]}.{payload}.{signature}"),
        ("373", f"{clean}?.{signature}"),
    ):
        yield Case(name, text, disputed="labelled valid, but '?' is no character of base64url")
    for number in ("367", "370"):
        why = "labelled invalid for its padding, but it is the very text of valid 357"
        yield Case(number, content.token(), good=True, disputed=why)
    yield from _unused_bits(content)
    for indent in (0, 1, "\t", "\n \r\n"):
        spaced = json.dumps(content.head, indent=indent).encode()
        yield Case(f"white space {indent!r} in JSON", content.token(content.signed(spaced)), True)


def _unused_bits(content: Content) -> Iterator[Case]:
    head, payload, signature = content.parts
    for place, part in enumerate((head, payload, signature)):
        if len(part) % 4:
            parts = [head, payload, signature]
            parts[place] = _flipped(part, -1)
            yield Case(f"unused bits of part {place}", ".".join(parts))
            if place < 2:
                yield Case(
                    f"unused bits of part {place}, signed", content.token(".".join(parts[:2]))
                )


def rsa_padding(content: Content) -> Iterator[Case]:
    """rs256: each padding that Wycheproof modifies, around the hash of our own message."""
    own = content.key.private
    assert isinstance(own, rsa.RSAPrivateKey)
    numbers = own.private_numbers()
    n = numbers.public_numbers.n
    for group in vectors("rsa_signature_2048_sha256")["testGroups"]:
        modulus = int.from_bytes(decoded(group["keyJwk"]["n"]))
        exponent = int.from_bytes(decoded(group["keyJwk"]["e"]))
        for test in group["tests"]:
            block = _opened(bytes.fromhex(test["sig"]), modulus, exponent)
            moved = block and _rehashed(
                block, bytes.fromhex(test["msg"]), content.signed().encode()
            )
            if moved and int.from_bytes(moved) < n:
                signature = _raw_rsa(int.from_bytes(moved), numbers).to_bytes(256)
                name = f"rsa {test['tcId']} {test['comment']}"
                good = test["result"] == "valid"
                if test["result"] != "acceptable":
                    yield Case(name, content.with_signature(signature), good)


def _raw_rsa(block: int, numbers: rsa.RSAPrivateNumbers) -> int:
    """The block to the private exponent, by the Chinese remainders: four times as fast."""
    one, other = pow(block, numbers.dmp1, numbers.p), pow(block, numbers.dmq1, numbers.q)
    return other + numbers.iqmp * (one - other) % numbers.p * numbers.q


def _opened(signature: bytes, modulus: int, exponent: int) -> bytes | None:
    value = int.from_bytes(signature)
    if len(signature) != 256 or value >= modulus:
        return None
    return pow(value, exponent, modulus).to_bytes(256)


def _rehashed(block: bytes, message: bytes, signed: bytes) -> bytes | None:
    """The block with our hash in the place of that of the vector's message; None without one."""
    for name in ("sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "sha512_256", "md5"):
        old, new = (hashlib.new(name, each).digest() for each in (message, signed))
        if old in block:
            return block.replace(old, new)
    return None


def rsa_edges(content: Content) -> Iterator[Case]:
    """Signatures that are no residue, or the same one in another size."""
    assert isinstance(content.key.public, rsa.RSAPublicKey)
    n = content.key.public.public_numbers().n
    good = decoded(content.parts[2])
    value = int.from_bytes(good)
    size = len(good)
    for name, each in {
        "0": 0,
        "1": 1,
        "2": 2,
        "n-1": n - 1,
        "n": n,
        "-1": 2 ** (8 * size) - 1,
    }.items():
        yield Case(f"the signature is {name}", content.with_signature(each.to_bytes(size)))
    yield Case("not reduced", content.with_signature((value + n).to_bytes(size + 1)))
    for name, raw in _resized(good):
        yield Case(name, content.with_signature(raw))


def rsa_other_primitive(content: Content) -> Iterator[Case]:
    """The other padding, another salt, another hash, by the right key and under the right name."""
    own = content.key.private
    assert isinstance(own, rsa.RSAPrivateKey)
    text, sha256 = content.signed().encode(), hashes.SHA256()
    wrong: dict[str, tuple[padding.AsymmetricPadding, hashes.HashAlgorithm]] = {
        "PKCS1 with SHA-1": (padding.PKCS1v15(), hashes.SHA1()),
        "PKCS1 with SHA-384": (padding.PKCS1v15(), hashes.SHA384()),
        "PSS without salt": (padding.PSS(padding.MGF1(sha256), 0), sha256),
        "PSS with 20 bytes of salt": (padding.PSS(padding.MGF1(sha256), 20), sha256),
        "PSS with 33 bytes of salt": (padding.PSS(padding.MGF1(sha256), 33), sha256),
        "PSS with MGF1 of SHA-1": (padding.PSS(padding.MGF1(hashes.SHA1()), 32), sha256),
        "PSS with SHA-384": (padding.PSS(padding.MGF1(hashes.SHA384()), 48), hashes.SHA384()),
    }
    if content.key.algorithm == "PS256":
        wrong["PKCS1"] = (padding.PKCS1v15(), sha256)
    else:
        wrong["PSS"] = (padding.PSS(padding.MGF1(sha256), 32), sha256)
    for name, (form, digest) in wrong.items():
        yield Case(name, content.with_signature(own.sign(text, form, digest)))


def pss_encoding(content: Content) -> Iterator[Case]:
    """ps256: each byte of an encoded message flipped before it is signed."""
    assert isinstance(content.key.private, rsa.RSAPrivateKey)
    numbers = content.key.private.private_numbers()
    n, e = numbers.public_numbers.n, numbers.public_numbers.e
    size = (n.bit_length() + 7) // 8
    block = pow(int.from_bytes(decoded(content.parts[2])), e, n).to_bytes(size)
    for place in (0, 1, 2, 7, 40, size // 2, size - 66, size - 34, size - 33, size - 2, size - 1):
        changed = int.from_bytes(_bit_flipped(block, place))
        if changed < n:
            signature = _raw_rsa(changed, numbers).to_bytes(size)
            yield Case(f"byte {place} of the encoding", content.with_signature(signature))


def ecdsa_edges(content: Content) -> Iterator[Case]:
    """es256: r and s that are no scalars, too long, too short, or in ASN.1."""
    good = decoded(content.parts[2])
    r, s = int.from_bytes(good[:32]), int.from_bytes(good[32:])
    edges = {"0": 0, "1": 1, "n-1": N_P256 - 1, "n": N_P256, "n+1": N_P256 + 1}
    edges |= {"p": P_P256, "all ones": 2**256 - 1, "r": r, "s": s}
    for one, first in edges.items():
        for other, second in edges.items():
            if (one, other) != ("r", "s"):
                raw = first.to_bytes(32) + second.to_bytes(32)
                yield Case(f"r is {one}, s is {other}", content.with_signature(raw))
    # Whoever has (r, s) has (r, n-s) too: labelled valid (378), and no other token by its jti.
    twin = r.to_bytes(32) + (N_P256 - s).to_bytes(32)
    yield Case("s is n-s", content.with_signature(twin), good=True)
    yield Case("r+n", content.with_signature((r + N_P256).to_bytes(33) + s.to_bytes(33)))
    yield Case("s+n", content.with_signature(r.to_bytes(33) + (s + N_P256).to_bytes(33)))
    yield Case("33 bytes each", content.with_signature(r.to_bytes(33) + s.to_bytes(33)))
    yield Case("trailing zeros", content.with_signature(good[:32] + b"\0" + good[32:] + b"\0"))
    yield Case("2^13 bits each", content.with_signature(r.to_bytes(1024) + s.to_bytes(1024)))
    assert isinstance(content.key.private, ec.EllipticCurvePrivateKey)
    der = content.key.private.sign(content.signed().encode(), ec.ECDSA(hashes.SHA256()))
    yield Case("ASN.1", content.with_signature(der))
    yield from (Case(name, content.with_signature(raw)) for name, raw in _resized(good))
    for digest in (hashes.SHA384(), hashes.SHA512()):
        pair = decode_dss_signature(
            content.key.private.sign(content.signed().encode(), ec.ECDSA(digest))
        )
        raw = b"".join(each.to_bytes(32) for each in pair)
        yield Case(f"ECDSA with {digest.name}", content.with_signature(raw))
    for test in _tests("ecdsa_secp256r1_sha256_p1363"):
        name = f"ecdsa {test['tcId']} over ours"
        yield Case(name, content.with_signature(bytes.fromhex(test["sig"])))


def eddsa_edges(content: Content) -> Iterator[Case]:
    """Ed25519: s that is not reduced, halves exchanged, what Wycheproof has over our message."""
    good = decoded(content.parts[2])
    r, s = good[:32], int.from_bytes(good[32:], "little")
    for factor in (1, 2, 7):
        if s + factor * N_ED25519 < 2**256:
            raised = (s + factor * N_ED25519).to_bytes(32, "little")
            yield Case(f"s + {factor}L", content.with_signature(r + raised))
    for name, raw in {"s is 0": r + bytes(32), "r is 0": bytes(32) + good[32:]}.items():
        yield Case(name, content.with_signature(raw))
    yield Case("exchanged", content.with_signature(good[32:] + r))
    yield from (Case(name, content.with_signature(raw)) for name, raw in _resized(good))
    for test in _tests("ed25519"):
        name = f"ed25519 {test['tcId']} over ours"
        yield Case(name, content.with_signature(bytes.fromhex(test["sig"])))


def hmac_edges(content: Content) -> Iterator[Case]:
    """Macs that are shortened, of another hash, or of nothing."""
    assert content.key.secret is not None
    text, good = content.signed().encode(), decoded(content.parts[2])
    yield from (Case(name, content.with_signature(raw)) for name, raw in _resized(good))
    for name in ("sha1", "sha384", "sha512", "md5"):
        mac = hmac.digest(content.key.secret, text, name)
        yield Case(f"HMAC with {name}", content.with_signature(mac))
        yield Case(f"HMAC with {name}, cut", content.with_signature(mac[:32]))
    plain = hashlib.sha256(text).digest()
    yield Case("a hash without key", content.with_signature(plain))
    for name, key in {"no key": b"", "zeros": bytes(32), "the kid": b"key-HS256"}.items():
        yield Case(f"HMAC by {name}", content.with_signature(hmac.digest(key, text, "sha256")))


def vectors(name: str) -> Any:
    """A file of Wycheproof's."""
    return json.loads((VECTORS / f"{name}_test.json").read_text())


def _tests(name: str) -> Iterator[dict[str, Any]]:
    for group in vectors(name)["testGroups"]:
        yield from group["tests"]


def _resized(good: bytes) -> Iterator[tuple[str, bytes]]:
    yield from {
        "empty": b"",
        "one byte": good[:1],
        "first byte missing": good[1:],
        "last byte missing": good[:-1],
        "half": good[: len(good) // 2],
        "zero before": b"\0" + good,
        "zero after": good + b"\0",
        "twice": good + good,
        "two bytes after": good + b"\0\0",
    }.items()


def _public_bytes(key: SigningKey) -> list[bytes]:
    match key.public:
        case ec.EllipticCurvePublicKey():
            point = key.public.public_numbers()
            x, y = point.x.to_bytes(32), point.y.to_bytes(32)
            return [x, x + y, b"\4" + x + y, bytes([2 + point.y % 2]) + x]
        case rsa.RSAPublicKey():
            n = key.public.public_numbers().n
            return [n.to_bytes((n.bit_length() + 7) // 8), str(n).encode()]
        case None:
            return []
    return [key.public.public_bytes_raw()]


def _flipped(text: str, place: int = 0) -> str:
    """The text with another character of base64url at that place."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    characters = list(text)
    characters[place] = alphabet[alphabet.index(text[place]) ^ 1]
    return "".join(characters)


def _bit_flipped(raw: bytes, place: int) -> bytes:
    changed = bytearray(raw)
    changed[place] ^= 1
    return bytes(changed)


def _without(members: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in members.items() if key != name}


Make = Callable[[Content], Iterator[Case]]
_OF_KIND: dict[str, tuple[Make, ...]] = {
    "HS256": (hmac_edges,),
    "RS256": (rsa_padding, rsa_edges, rsa_other_primitive),
    "PS256": (pss_encoding, rsa_edges, rsa_other_primitive),
    "ES256": (ecdsa_edges,),
    "Ed25519": (eddsa_edges,),
    "EdDSA": (eddsa_edges,),
}
