"""Vectors of others, and their defects built over our own claims: for both libraries.

No invalid one is accepted, every valid one of the algorithms offered is, and nothing but
InvalidToken is raised.
"""

import json
from collections import Counter
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from backoffice.auth import jwk
from backoffice.auth.jws import InvalidToken
from backoffice.auth.key_files import KeyFile
from backoffice.auth.key_ring import KeyRing, RingKey
from backoffice.auth.signatures import Library, Signature
from backoffice.auth.signing_keys import SigningKey
from backoffice.core import SetupError
from tests.auth.defects import VECTORS, Case, Content, cases, vectors
from tests.auth.forging import KEYS, LIBRARIES, MOMENT, OFFERED, claims, header, token, tokens_of

#: Of the size of Wycheproof's, so that its paddings fit.
RSA_2048 = generate_private_key(65537, 2048)
FILES = {
    "ES256": "ecdsa_secp256r1_sha256_p1363",
    "RS256": "rsa_signature_2048_sha256",
    "PS256": "rsa_pss_2048_sha256_mgf1_32",
    "Ed25519": "ed25519",
    "EdDSA": "ed25519",
}
OF_FILES = [(name, library) for name, library in OFFERED if name in FILES]
#: Label and what came of it, of every vector of a file.
COUNTS = {
    "ES256": {("valid", "accepted"): 173, ("invalid", "refused"): 89},
    # Two valid ones are by keys with the exponent 3, which are refused at start.
    "RS256": {("valid", "accepted"): 7, ("invalid", "refused"): 249, ("valid", "weak key"): 2},
    "PS256": {("valid", "accepted"): 63, ("invalid", "refused"): 45},
    "Ed25519": {("valid", "accepted"): 117, ("invalid", "refused"): 64},
}
COUNTS["EdDSA"] = COUNTS["Ed25519"]


def key_of(algorithm: str) -> SigningKey:
    if algorithm in ("RS256", "PS256"):
        return SigningKey.of_private(algorithm, f"key-{algorithm}", RSA_2048)
    return KEYS[algorithm]


def group_key(algorithm: str, group: dict[str, Any]) -> SigningKey:
    members = group.get("publicKeyJwk") or group.get("keyJwk")
    if members is not None:
        return jwk.read({**members, "alg": algorithm, "kid": "k"})
    public: Any = load_pem_public_key(group["publicKeyPem"].encode())
    return SigningKey(algorithm, "k", public=public)


@pytest.mark.parametrize(("algorithm", "library"), OF_FILES)
def test_signatures_of_wycheproof(algorithm: str, library: Library) -> None:
    """Those labelled acceptable may go either way, and are counted nowhere."""
    outcomes: Counter[tuple[str, str]] = Counter()
    for group in vectors(FILES[algorithm])["testGroups"]:
        try:
            signature = Signature.of(group_key(algorithm, group), library)
        except SetupError:
            outcomes.update((test["result"], "weak key") for test in group["tests"])
            continue
        for test in group["tests"]:
            message, given = bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"])
            outcomes[test["result"], outcome(signature, message, given)] += 1
    judged = {each: count for each, count in outcomes.items() if each[0] != "acceptable"}
    assert judged == COUNTS[algorithm]


def outcome(signature: Signature, message: bytes, given: bytes) -> str:
    try:
        signature.check(message, given)
    except InvalidToken:
        return "refused"
    return "accepted"


RFC = json.loads((VECTORS / "rfc_examples.json").read_text())


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("example", RFC, ids=[each["source"] for each in RFC])
def test_examples_of_the_rfcs_are_good(example: dict[str, Any], library: Library) -> None:
    if (example["jwk"]["alg"], library) not in OFFERED:
        return
    key = jwk.read(example["jwk"])
    # A public key alone makes no ring: another one, which is not asked, does.
    other = [] if key.secret else [RingKey(SigningKey.generated("ES256"))]
    later = None if key.secret else MOMENT.replace(year=2099)
    ring = KeyRing([RingKey(key, retire_after=later), *other], library)
    assert ring.verified(example["jws"], example["typ"], MOMENT).payload


_made: dict[tuple[str, bytes, int], list[Case]] = {}


def all_cases(content: Content) -> list[Case]:
    """Those of this content, made once for both libraries."""
    name = (content.key.algorithm, content.payload, len(content.head))
    if name not in _made:
        _made[name] = list(cases(content))
    return _made[name]


def judged(case: Case, read: Any) -> str:
    """How it went wrong; nothing where it went right."""
    try:
        read(case.text)
    except InvalidToken:
        return f"{case.name}: refused" if case.good else ""
    except BaseException as error:  # noqa: BLE001 - that none escapes is what is tested
        return f"{case.name}: {type(error).__name__}"
    return "" if case.good else f"{case.name}: accepted"


@pytest.mark.parametrize(("algorithm", "library"), OFFERED)
@pytest.mark.parametrize("payload", [b"foo", b"\xff" * 2000], ids=len)
def test_defects_of_any_jws(algorithm: str, library: Library, payload: bytes) -> None:
    key = key_of(algorithm)
    ring = KeyRing([RingKey(key)], library)
    head = {"alg": algorithm, "kid": key.kid}
    made = all_cases(Content(key, head, payload))
    assert len(made) > 80
    wrong = [judged(each, lambda text: ring.verified(text, None, MOMENT)) for each in made]
    assert [each for each in wrong if each] == []


def test_a_jws_of_nothing_is_one() -> None:
    key = KEYS["HS256"]
    ring = KeyRing([RingKey(key)], "python-jose")
    assert ring.verified(token(key, payload=b""), "at+jwt", MOMENT).payload == b""


@pytest.mark.parametrize(("algorithm", "library"), OFFERED)
def test_the_same_defects_over_our_claims(algorithm: str, library: Library) -> None:
    key = key_of(algorithm)
    tokens = tokens_of(key, library=library)
    made = all_cases(Content(key, header(key), json.dumps(claims()).encode()))
    wrong = [judged(each, tokens.read) for each in made]
    assert [each for each in wrong if each] == []
    assert Counter(each.good for each in made)[True] >= 6
    if algorithm == "RS256":
        # The others have no hash of the message to exchange, and are among the edges.
        rebuilt = Counter(each.good for each in made if each.name.startswith("rsa "))
        assert rebuilt == {True: 9, False: 210}


def test_every_label_of_wycheproof_that_is_disputed_has_its_reason() -> None:
    """346 and 350 (a PS256 key, PS384 said) and 347 and 351 (alg ES521, which does not exist) are
    labelled valid: a key verifies by its own algorithm alone, and one without is refused."""
    made = cases(Content(KEYS["HS256"], header(KEYS["HS256"]), b"x"))
    assert {each.name for each in made if each.disputed} == {"367", "370", "372", "373"}
    key = key_of("PS256")
    with pytest.raises(InvalidToken):
        tokens_of(key, library="joserfc").read(token(key, header(key, alg="PS384")))
    with pytest.raises(SetupError, match="alg must be one of"):
        jwk.read({**jwk.private(KEYS["ES256"]), "alg": "ES521"})


def whole(key: SigningKey, **changed: Any) -> dict[str, Any]:
    found = {**jwk.private(key), **changed}
    return {name: value for name, value in found.items() if value is not ...}


HS, ES, RS = (KEYS[name] for name in ("HS256", "ES256", "RS256"))
EC_PUBLIC = jwk.public(ES)
OTHER_HS = SigningKey.of_secret(b"another secret, of 32 bytes at least", "other")
BYTES = bytes(range(65))
#: json_web_key_test.json, by its numbers; 14 and 15 are of HS384 and HS512, which are not offered.
KEY_SETS: dict[str, tuple[bool, list[dict[str, Any]]]] = {
    "1 mixed symmetry": (False, [whole(HS), EC_PUBLIC]),
    "2 3 two secrets": (True, [whole(HS), whole(OTHER_HS)]),
    "4 one kid twice": (False, [whole(HS), whole(OTHER_HS, kid=HS.kid)]),
    "5 rs256": (True, [whole(RS)]),
    "6 wrong use and alg": (False, [whole(RS, alg="RSA1_5", use="enc")]),
    "10 short": (False, [whole(HS, k="AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg")]),
    "11 short, HS384": (False, [whole(HS, alg="HS384")]),
    "12 short, HS512": (False, [whole(HS, alg="HS512")]),
    "13 long": (True, [whole(SigningKey.of_secret(BYTES, "long"))]),
    "16 empty": (False, [whole(HS, k="")]),
    "17 empty, HS384": (False, [whole(HS, alg="HS384", k="")]),
    "18 empty, HS512": (False, [whole(HS, alg="HS512", k="")]),
    "19 ES521": (False, [whole(ES, alg="ES521")]),
    "20 ES224": (False, [whole(ES, alg="ES224")]),
    "21 use enc": (False, [whole(ES, use="enc")]),
    "22 point off the curve": (False, [whole(ES, y=EC_PUBLIC["x"])]),
    "23 wrong curve": (False, [whole(ES, crv="P-384")]),
    "24 wrong kty": (False, [whole(ES, kty="RSA")]),
    "25 A256GCM": (False, [whole(HS, alg="A256GCM")]),
    "26 A256KW": (False, [whole(HS, alg="A256KW")]),
    "353 354 key for encryption": (False, [whole(RS, use="enc")]),
    "355 356 key_ops": (False, [whole(ES, key_ops=["encrypt", "decrypt"])]),
    "351 key_ops of signatures": (True, [whole(RS, key_ops=["sign", "verify"])]),
}


@pytest.mark.parametrize("name", KEY_SETS)
def test_key_sets(name: str, tmp_path: Any) -> None:
    """7 (a key that can be factored), 8 (1024 bits) and 9 (exponent 1) are among the keys."""
    good, members = KEY_SETS[name]
    file = KeyFile(tmp_path / "keys.json")
    file.path.touch(0o600)
    file.path.write_text(json.dumps({"keys": members}))
    if good:
        assert KeyRing(file.read()[0], "joserfc")
    else:
        with pytest.raises(SetupError):
            file.read()
