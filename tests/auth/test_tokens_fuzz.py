"""Thousands of tokens that nobody should send: each is refused, and by InvalidToken alone.

The seeds are fixed: a failure is the same failure again.
"""

import json
import random
import string
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from backoffice.auth.jws import InvalidToken
from backoffice.auth.signatures import Library, Signature
from backoffice.auth.signing_keys import SigningKey
from backoffice.auth.tokens import AccessTokens
from tests.auth.forging import KEYS, NOW, OFFERED, claims, header, segment, token, tokens_of

BASE64URL = string.ascii_letters + string.digits + "-_"
JUNK = " \t\n\r\0\x7f=+/?#!.,{}[]\"'\\%&;:<>\xa0\xe9\u200b\ufeff\uff21\U0001f600\ud800"
NAMES = ("alg", "kid", "typ", "crit", "b64", "jwk", "jku", "x5u", "x5c", "x5t", "zip", "cty", "p2c")
CLAIMS = ("iss", "aud", "sub", "sid", "jti", "iat", "exp", "nbf", "admin", "__proto__", "")

PLAUSIBLE = "plausible"

Chance = random.Random
Case = tuple[str, str]


def value(chance: Chance, depth: int = 0) -> Any:
    """Any JSON value, and some that are none."""
    plain: list[Callable[[], Any]] = [
        lambda: None,
        lambda: chance.choice([True, False]),
        lambda: chance.choice([0, 1, -1, 2**31, 2**53, 2**63, 2**64, 10**30, -(10**18)]),
        lambda: chance.choice([0.0, 1.5, 1e308, float("inf"), float("-inf"), float("nan")]),
        lambda: "".join(chance.choices(JUNK.replace("\ud800", ""), k=chance.randrange(6))),
        lambda: chance.choice(["HS256", "none", "RS256", "at+jwt", "key-HS256", "shop", "api"]),
        lambda: "x" * chance.choice([0, 1, 255, 256, 257, 5000]),
        lambda: chance.choice(["\ud800", "\udfff\ud800", "a\0b", "1" * 400]),
    ]
    if depth < 3 and chance.random() < 0.3:
        items = [value(chance, depth + 1) for _ in range(chance.randrange(4))]
        return chance.choice([items, {str(number): each for number, each in enumerate(items)}])
    return chance.choice(plain)()


def texts(chance: Chance, key: SigningKey) -> Iterator[Case]:
    """A good token with its text damaged."""
    good = token(key)
    for _ in range(700):
        place, other = chance.randrange(len(good)), chance.randrange(len(good))
        low, high = sorted((place, other))
        character = chance.choice(BASE64URL + JUNK)
        yield from (
            (
                "flip",
                good[:place] + chr(ord(good[place]) ^ 1 << chance.randrange(8)) + good[place + 1 :],
            ),
            ("replace", good[:place] + character + good[place + 1 :]),
            ("insert", good[:place] + character + good[place:]),
            ("cut", good[:place]),
            ("cut out", good[:low] + good[high:] if low < high else good[1:]),
            ("repeat", good[:high] + good[low:]),
        )
        parts = good.split(".")
        chance.shuffle(parts)
        yield "shuffle", ".".join(chance.choices(parts, k=chance.randrange(6)))


def flipped(chance: Chance, character: str) -> str:
    return chr(ord(character) ^ 1 << chance.randrange(8))


def headers(chance: Chance, key: SigningKey) -> Iterator[Case]:
    """A header with members of any type, under a signature that is good."""
    for _ in range(400):
        names = chance.sample(NAMES, chance.randrange(1, 4))
        yield "header", token(key, {**header(key), **{name: value(chance) for name in names}})
        yield "any header", token(key, value(chance))
        twice = json.dumps(header(key))[:-1] + f',"{chance.choice(NAMES[:3])}":"x"}}'
        yield "twice", token(key, twice.encode())


def payloads(chance: Chance, key: SigningKey) -> Iterator[Case]:
    """Claims of any type, under a signature that is good."""
    for _ in range(400):
        names = chance.sample(CLAIMS, chance.randrange(1, 4))
        changed = {name: value(chance) for name in names}
        yield PLAUSIBLE if plausible(changed) else "claims", token(key, payload=claims(**changed))
        yield "any claims", token(key, payload=value(chance) or {})
        yield "bytes", token(key, payload=chance.randbytes(chance.randrange(200)))
        raw = json.dumps(claims()).encode()
        place = chance.randrange(len(raw) - 1)
        yield "cut claims", token(key, payload=raw[:place])


def plausible(changed: dict[str, Any]) -> bool:
    """Whether claims that are so changed are good still."""
    return all(_is_plausible(name, each) for name, each in changed.items())


def _is_plausible(name: str, given: Any) -> bool:
    if type(given) is int:
        return {"exp": NOW < given <= 2**33, "iat": 0 <= given <= NOW}.get(name, False)
    if name == "jti":
        return isinstance(given, str) and 0 < len(given) <= 256 and "\ud800" not in given
    return name in claims() and given == claims()[name]


def unsigned(chance: Chance, key: SigningKey) -> Iterator[Case]:
    """What costs an attacker no key: any bytes for each part."""
    for _ in range(400):
        sizes = [chance.choice([0, 1, 2, 3, 31, 32, 33, 64, 256, 400]) for _ in range(3)]
        yield "random", ".".join(segment(chance.randbytes(size)) for size in sizes)
        text = "".join(chance.choices(BASE64URL + JUNK, k=chance.randrange(300)))
        yield "text", text
        head = segment({**header(key), "alg": chance.choice(["none", "HS256", key.algorithm])})
        yield "wrong signature", f"{head}.{segment(claims())}.{segment(chance.randbytes(64))}"
        depth = chance.choice([5, 90, 300, 990, 1000, 1010, 3000])
        bracket, back = chance.choice(["[]", ('{"a":', "}")])
        deep = bracket * depth + "1" + back * chance.choice([0, depth])
        head = '{"alg":"HS256","x":' + deep + "}"
        yield "nested", f"{segment(head.encode())}.AA.AA"
        yield "nested alone", f"{segment(deep.encode())}.{segment(deep.encode())}.AA"


SOURCES = (texts, headers, payloads, unsigned)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
@pytest.mark.parametrize(("algorithm", "library"), OFFERED)
def test_a_malformed_token_is_refused_and_nothing_else_is_raised(
    algorithm: str, library: Library, source: Callable[[Chance, SigningKey], Iterator[Case]]
) -> None:
    key = KEYS[algorithm]
    tokens = tokens_of(key, library=library)
    assert tokens.read(token(key))
    made = list(source(random.Random(f"{algorithm} {source.__name__}"), key))
    assert len(made) > 1000
    assert [(name, text[:80]) for name, text in made if not refused(tokens, name, text, key)] == []


def refused(tokens: AccessTokens, name: str, text: str, key: SigningKey) -> bool:
    try:
        tokens.read(text)
    except InvalidToken as error:
        return len(str(error)) < 40
    except BaseException:  # noqa: BLE001 - that none escapes is what is tested
        return False
    # A claim may have been replaced by itself: that is the good token again.
    return name == PLAUSIBLE or text.split(".")[:2] == token(key).split(".")[:2]


def test_what_makes_python_jose_run_out_of_stack_is_refused() -> None:
    """1,368 bytes that nobody signed, and that its own error class does not cover."""
    head = segment(b'{"alg":"HS256","x":' + b"[" * 1004)
    assert len(head) == 1364
    for text in (f"{head}.e.e", f"{head}.e30.e30", f"{head}..", head):
        with pytest.raises(InvalidToken):
            tokens_of(KEYS["HS256"]).read(text)


def test_the_reason_of_a_refusal_repeats_nothing_of_the_token() -> None:
    chance = random.Random(5)
    tokens = tokens_of(KEYS["HS256"])
    for source in SOURCES:
        for _, text in source(chance, KEYS["HS256"]):
            try:
                tokens.read(text)
            except InvalidToken as error:
                shown = "".join(traceback.format_exception_only(error))
                assert len(shown) < 80
                assert not any(len(part) > 9 and part in shown for part in text.split("."))


@pytest.mark.parametrize(
    "raised", [RecursionError, OverflowError, MemoryError, KeyError, TypeError]
)
@pytest.mark.parametrize("library", ["python-jose", "joserfc"])
def test_whatever_a_library_raises_is_a_refusal(
    library: Library, raised: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = tokens_of(KEYS["ES256"], library=library)
    text = token(KEYS["ES256"])
    assert tokens.read(text)

    def fail(*_: object) -> bool:
        raise raised("it fails")

    monkeypatch.setattr("jose.backends.cryptography_backend.CryptographyECKey.verify", fail)
    monkeypatch.setattr("joserfc._rfc7518.jws_algs.ESAlgorithm.verify", fail)
    if library == "python-jose":
        tokens = tokens_of(KEYS["ES256"], library=library)
    with pytest.raises(InvalidToken):
        tokens.read(text)


@pytest.mark.parametrize("size", [0, 1, 63, 65, 128, 4096])
def test_a_signature_of_another_length_never_reaches_a_library(size: int) -> None:
    signature = Signature(64, None, lambda *_: True)
    signature.check(b"x", bytes(64))
    with pytest.raises(InvalidToken):
        signature.check(b"x", bytes(size))


@pytest.mark.parametrize("answer", [1, "yes", None, object(), [True]])
def test_only_a_plain_yes_of_a_library_is_a_yes(
    answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "jose.backends.cryptography_backend.CryptographyHMACKey.verify", lambda *_: answer
    )
    with pytest.raises(InvalidToken):
        tokens_of(KEYS["HS256"]).read(token(KEYS["HS256"]))
