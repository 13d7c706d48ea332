"""Tokens: what is in a good one, and that nothing else is one."""

import json
import uuid
from collections.abc import Sequence
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from backoffice.auth import jws
from backoffice.auth.jws import MAX_LENGTH
from backoffice.auth.key_ring import KeyRing, RingKey
from backoffice.auth.signatures import Library
from backoffice.auth.signing_keys import SigningKey
from backoffice.auth.tokens import ACCESS, AccessTokens, InvalidToken, TokenKind, Tokens
from backoffice.core.testing import ManualClock
from tests.auth.forging import (
    KEYS,
    LIBRARIES,
    MOMENT,
    NOW,
    OFFERED,
    SESSION,
    USER,
    claims,
    header,
    segment,
    token,
    tokens_of,
)

KEY = KEYS["HS256"]

KINDS = (
    ACCESS,
    TokenKind("reset+jwt", "reset"),
    TokenKind("verify+jwt", "verify"),
    TokenKind("mfa+jwt", "mfa", frozenset({"methods"})),
    TokenKind("ticket+jwt", "ticket", frozenset({"sid"})),
)
PAIRS = list(product(KINDS, KINDS))


@pytest.fixture
def time() -> ManualClock:
    return ManualClock(MOMENT)


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> Library:
    library: Library = request.param
    return library


@pytest.fixture
def tokens(library: Library, time: ManualClock) -> AccessTokens:
    return tokens_of(KEY, library=library, clock=time)


def refused(tokens: AccessTokens | Tokens, text: str) -> None:
    with pytest.raises(InvalidToken):
        tokens.read(text)


def numbered(values: Sequence[object]) -> list[str]:
    """Names of cases, each once."""
    return [f"{number}-{each!r}"[:50] for number, each in enumerate(values)]


def segment_bytes(value: Any) -> bytes:
    return json.dumps(value).encode()


def of_kind(kind: TokenKind, key: SigningKey = KEY, audience: str = "api") -> Tokens:
    ring = KeyRing([RingKey(key)], "joserfc")
    lifetime = timedelta(minutes=15)
    clock = ManualClock(MOMENT)
    return Tokens(kind, ring, clock, issuer="shop", audience=audience, lifetime=lifetime)


@pytest.mark.parametrize(("algorithm", "library"), OFFERED)
def test_a_token_says_who_signed_in_by_which_session_and_until_when(
    algorithm: str, library: Library
) -> None:
    tokens = tokens_of(KEYS[algorithm], library=library)
    found = tokens.read(tokens.issue(uuid.UUID(USER), uuid.UUID(SESSION)))
    assert (str(found.subject), str(found.session)) == (USER, SESSION)
    assert (found.issued_at, found.expires_at) == (MOMENT, MOMENT + timedelta(minutes=15))


@pytest.mark.parametrize(("algorithm", "library"), OFFERED)
def test_a_token_that_another_signer_makes_with_the_key_is_good(
    algorithm: str, library: Library
) -> None:
    assert str(tokens_of(KEYS[algorithm], library=library).read(token(KEYS[algorithm])).subject)


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256"])
def test_both_libraries_read_each_others_tokens(algorithm: str) -> None:
    one, other = (tokens_of(KEYS[algorithm], library=each) for each in LIBRARIES)
    for writer, reader in ((one, other), (other, one)):
        text = writer.issue(uuid.UUID(USER), uuid.UUID(SESSION))
        assert str(reader.read(text).subject) == USER


def test_no_two_tokens_have_the_same_id(tokens: AccessTokens) -> None:
    issued = [tokens.issue(uuid.UUID(USER), uuid.UUID(SESSION)) for _ in range(50)]
    assert len({tokens.read(each).token_id for each in issued}) == 50


def test_the_longest_token_that_can_be_issued_is_short_enough_to_be_read() -> None:
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

    key = SigningKey.of_private("RS256", "k" * 128, generate_private_key(65537, 4096))
    ring = KeyRing([RingKey(key)], "python-jose")
    long = "\N{GRINNING FACE}" * 200
    minute = timedelta(minutes=1)
    tokens = AccessTokens(ring, ManualClock(MOMENT), issuer=long, audience=long, lifetime=minute)
    text = tokens.issue(uuid.UUID(USER), uuid.UUID(SESSION))
    assert tokens.read(text)
    # A signature of 8192 bits takes 683 characters more.
    assert len(text) + 683 < MAX_LENGTH


WRONG_CLAIMS: list[dict[str, Any]] = [
    *({name: ...} for name in ("iss", "aud", "sub", "sid", "jti", "iat", "exp")),
    *({name: None} for name in ("iss", "aud", "sub", "sid", "jti", "iat", "exp")),
    *({name: True} for name in ("iss", "aud", "sub", "sid", "jti", "iat", "exp")),
    *({name: [claims()[name]]} for name in ("iss", "aud", "sub", "sid", "jti", "iat", "exp")),
    *({name: {"a": claims()[name]}} for name in ("iss", "aud", "sub", "sid", "jti", "iat", "exp")),
    *({name: ""} for name in ("iss", "aud", "sub", "sid", "jti", "iat", "exp")),
    *({name: 1} for name in ("iss", "aud", "sub", "sid", "jti")),
    *({name: "x" * 5000} for name in ("iss", "aud", "sub", "sid", "jti")),
    *({name: "\ud800"} for name in ("iss", "aud", "sub", "sid", "jti")),
    *({name: claims()[name] + "\0"} for name in ("iss", "aud", "sub", "sid")),
    {"exp": NOW},
    {"exp": 1},
    {"exp": -1},
    {"exp": str(NOW + 900)},
    {"exp": float(NOW + 900)},
    {"exp": NOW + 900.5},
    {"exp": 1e400},
    {"exp": float("nan")},
    {"exp": 10**30},
    {"exp": 10**14},
    {"exp": 2**63},
    {"iat": NOW + 61},
    {"iat": 10**14},
    {"iat": -62135596800},
    {"iat": str(NOW)},
    {"iss": "another"},
    {"iss": "sho"},
    {"iss": "SHOP"},
    {"aud": "another"},
    {"aud": "api#reset"},
    {"sub": "no uuid"},
    {"sub": USER.upper()},
    {"sub": USER.replace("-", "")},
    {"sub": f"{{{USER}}}"},
    {"sub": f"urn:uuid:{USER}"},
    {"sub": f" {USER}"},
    {"nbf": NOW},
    {"admin": True},
    {"scope": "admin"},
    {"\ud800": "x"},
]


@pytest.mark.parametrize("changed", WRONG_CLAIMS, ids=numbered(WRONG_CLAIMS))
def test_a_token_of_our_key_with_other_claims_is_refused(
    tokens: AccessTokens, changed: dict[str, Any]
) -> None:
    refused(tokens, token(KEY, payload=claims(**changed)))


DEEP = b"[" * 900 + b"]" * 900
WRONG_PAYLOADS = [
    *(b"", b" ", b"null", b"1", b'"x"', b"[]", b"{}", b"\xff", b"{", b"foo", b"[" * 300),
    *(DEEP, b'{"sub":' + DEEP + b"}", b'{"a":' * 500 + b"1" + b"}" * 500),
    segment(claims()).encode(),
    b"\xef\xbb\xbf" + b'{"sub":"x"}',
    '{"sub":"x"}'.encode("utf-16"),
]


@pytest.mark.parametrize("payload", WRONG_PAYLOADS, ids=numbered(WRONG_PAYLOADS))
def test_a_token_of_our_key_that_is_no_set_of_claims_is_refused(
    tokens: AccessTokens, payload: bytes
) -> None:
    refused(tokens, token(KEY, payload=payload))


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "sid", "jti", "iat", "exp"])
def test_a_claim_said_twice_is_refused(tokens: AccessTokens, name: str) -> None:
    text = json.dumps(claims())
    value = json.dumps(claims()[name])
    for twice in (f'{{"{name}":{value},{text[1:]}', f'{text[:-1]},"{name}":{value}}}'):
        refused(tokens, token(KEY, payload=twice.encode()))


def test_a_number_of_six_thousand_digits_is_refused(tokens: AccessTokens) -> None:
    payload = segment(claims()).encode()
    digits = b'{"exp":' + b"9" * 6000 + b"}"
    refused(tokens, token(KEY, payload=digits))
    refused(tokens, token(KEY, payload=payload))


OTHER_ALGORITHMS: list[Any] = ["HS384", "HS512", "RS256", "none", "", None, 1, [], ...]
OTHER_KIDS: list[Any] = ["", "other", "../../dev/null", "' OR 1=1", None, 1, [], ...]
WRONG_HEADERS: list[Any] = [
    *(header(KEY, typ=typ) for typ in ("JWT", "AT+JWT", "application/at+jwt", "", None, 1, ...)),
    *(header(KEY, typ=each.typ) for each in KINDS[1:]),
    *(header(KEY, alg=each) for each in OTHER_ALGORITHMS),
    *(header(KEY, kid=each) for each in OTHER_KIDS),
    header(KEY, kid="k" * 65536),
    header(KEY, crit=["x"], x=1),
    header(KEY, crit=[]),
    header(KEY, crit=None),
    header(KEY, b64=False),
    header(KEY, b64=True, crit=["b64"]),
    header(KEY, zip="DEF"),
    header(KEY, cty="JWT"),
    header(KEY, jku="https://evil.example/keys"),
    header(KEY, jwk={"kty": "oct", "k": "AAAA"}),
    header(KEY, x5u="https://evil.example/cert"),
    header(KEY, x5c=["MIIB"]),
    header(KEY, x5t="AAAA"),
    header(KEY, unknown="x"),
    *([], "x", 1, {}, [header(KEY)], b"null", b"", b"\xff", b"{", b"not json"),
    b'{"alg":"HS256","alg":"HS256","kid":"x","typ":"at+jwt"}',
]


@pytest.mark.parametrize("head", WRONG_HEADERS, ids=numbered(WRONG_HEADERS))
def test_a_token_of_our_key_with_another_header_is_refused(tokens: AccessTokens, head: Any) -> None:
    refused(tokens, token(KEY, head=head))


@pytest.mark.parametrize(
    ("head", "payload"),
    [
        (segment_bytes(header(KEY)) + b" " * 400, None),
        (None, segment_bytes(claims()) + b" " * 6000),
        (None, segment_bytes(claims(jti="[" * 9))),
        (None, segment_bytes(claims(jti="{" * 9))),
    ],
    ids=["header", "token", "brackets", "braces"],
)
def test_what_is_longer_or_deeper_than_any_of_ours_is_refused(
    tokens: AccessTokens, head: bytes | None, payload: bytes | None
) -> None:
    refused(tokens, token(KEY, head, payload))


def test_white_space_in_the_json_of_a_header_is_the_signers_affair(tokens: AccessTokens) -> None:
    spaced = json.dumps(header(KEY), indent=3).encode()
    assert tokens.read(token(KEY, head=spaced))


@pytest.mark.parametrize("algorithm", ["none", "NONE", "nOnE", "", ["HS256"], {}, None, 1])
def test_no_algorithm_is_refused(tokens: AccessTokens, algorithm: Any) -> None:
    head = segment(header(KEY, alg=algorithm))
    refused(tokens, f"{head}.{segment(claims())}.")


def test_a_token_has_one_spelling(tokens: AccessTokens) -> None:
    text = token(KEY)
    head, payload, signature = text.split(".")
    others = [
        *(
            text + tail
            for tail in ("=", "==", " ", "\n", "\0", ".", "A", "\N{FULLWIDTH DIGIT ONE}")
        ),
        *(lead + text for lead in (" ", "\n", ".", "=", "Bearer ", "\ufeff")),
        f"{head}=.{payload}.{signature}",
        f"{head}.{payload}==.{signature}",
        f"{head}.{payload}.{signature[:10]} {signature[10:]}",
        f"{head}.{payload}.{signature[:10]}!{signature[10:]}",
        f"{head}.{payload}.{signature[:10]}\n{signature[10:]}",
        *(
            f"{head}.{payload}",
            f"{head}.{payload}.",
            f"{head}..{signature}",
            f".{payload}.{signature}",
        ),
        f"{text}.{signature}",
        f"{text}.{payload}.{signature}",
        text.replace("_", "/").replace("-", "+") + "/",
        text.upper(),
        text.encode().hex(),
    ]
    for other in others:
        refused(tokens, other)


@pytest.mark.parametrize("part", [0, 1, 2])
def test_the_unused_bits_of_a_part_are_zero(part: int) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    tokens = tokens_of(KEY)
    for number in range(40):  # lengths that leave two bits, four bits, and none
        parts = token(KEY, head=b" " * (number % 3) + segment_bytes(header(KEY))).split(".")
        if len(parts[part]) % 4 == 0:
            continue
        place = alphabet.index(parts[part][-1])
        parts[part] = parts[part][:-1] + alphabet[place ^ 1]
        refused(tokens, ".".join(parts))


@pytest.mark.parametrize("depth", [50, 200, 340, 500, 1_000, 100_000])
def test_a_deeply_nested_header_is_refused_without_being_parsed(
    tokens: AccessTokens, depth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jws, "_reader", "what reads JSON is not asked")
    head = segment(b'{"alg":"HS256","x":' + b"[" * depth + b"]" * depth + b"}")
    refused(tokens, f"{head}.{segment(claims())}.AAAA")


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "\xe9.\xe9.\xe9",
        "\0",
        "." * 10_000,
        "a" * 1_000_000,
        "\ud800",
    ],
    ids=lambda each: repr(each)[:20],
)
def test_what_was_never_a_token_is_refused(tokens: AccessTokens, text: str) -> None:
    refused(tokens, text)


def test_a_token_of_another_key_is_refused(tokens: AccessTokens) -> None:
    stranger = SigningKey.of_secret(b"o" * 32, KEY.kid)
    refused(tokens, token(stranger))


def test_a_token_is_good_for_its_lifetime_and_no_longer(
    tokens: AccessTokens, time: ManualClock
) -> None:
    text = token(KEY)
    time.advance(15 * 60 - 1)
    assert tokens.read(text).expires_at == MOMENT + timedelta(minutes=15)
    time.advance(1)
    refused(tokens, text)


def test_a_token_from_the_future_is_refused(tokens: AccessTokens, time: ManualClock) -> None:
    """A minute is allowed for, since no two machines' clocks agree."""
    text = token(KEY)
    time.move_to(MOMENT - timedelta(minutes=1))
    assert tokens.read(text).issued_at == MOMENT
    time.move_to(MOMENT - timedelta(minutes=1, seconds=1))
    refused(tokens, text)


@pytest.mark.parametrize(("written", "read"), PAIRS, ids=lambda kind: kind.typ.partition("+")[0])
def test_a_token_serves_its_own_kind_and_no_other(written: TokenKind, read: TokenKind) -> None:
    text = of_kind(written).issue(USER, **dict.fromkeys(written.claims, SESSION))
    if written is read:
        assert of_kind(read).read(text).subject == USER
    else:
        refused(of_kind(read), text)


@pytest.mark.parametrize(
    ("written", "read"), [(one, other) for one, other in PAIRS if one is not other]
)
def test_neither_type_nor_audience_alone_makes_a_token_of_another_kind(
    written: TokenKind, read: TokenKind
) -> None:
    audience = f"api#{written.purpose}" if written.purpose else "api"
    said = {"aud": audience, **dict.fromkeys(read.claims, SESSION)}
    only_typ = token(KEY, header(KEY, typ=read.typ), {**claims(sid=...), **said})
    refused(of_kind(read), only_typ)
    said["aud"] = f"api#{read.purpose}" if read.purpose else "api"
    only_audience = token(KEY, header(KEY, typ=written.typ), {**claims(sid=...), **said})
    refused(of_kind(read), only_audience)


def test_two_apps_with_one_key_do_not_take_each_others_tokens() -> None:
    text = of_kind(ACCESS, audience="one").issue(USER, sid=SESSION)
    assert of_kind(ACCESS, audience="one").read(text)
    refused(of_kind(ACCESS, audience="other"), text)
