"""Access tokens: one spelling, one algorithm, one purpose; everything else is refused."""

import base64
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from jose import jws

from backoffice.auth.tokens import (
    AccessTokens,
    InvalidToken,
    JoserfcSigner,
    JoseSigner,
    Signer,
    derived_key,
)
from backoffice.core import Clock
from backoffice.core.testing import ManualClock

MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = derived_key(b"k" * 32, "access token")
USER, SESSION = uuid.uuid4(), uuid.uuid4()


@pytest.fixture(params=[JoseSigner, JoserfcSigner])
def signer(request: pytest.FixtureRequest) -> Signer:
    signer: Signer = request.param(KEY)
    return signer


@pytest.fixture
def time() -> ManualClock:
    return ManualClock(MOMENT)


@pytest.fixture
def tokens(signer: Signer, time: ManualClock) -> AccessTokens:
    return access_tokens(signer, time)


def access_tokens(signer: Signer, time: Clock) -> AccessTokens:
    return AccessTokens(signer, time, issuer="shop", audience="api", lifetime=timedelta(minutes=15))


def encoded(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def claims(tokens: AccessTokens, **changed: Any) -> dict[str, Any]:
    _, payload, _ = tokens.issue(USER, SESSION).split(".")
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    found.update(changed)
    return {name: value for name, value in found.items() if value is not ...}


def signed(payload: Any, headers: dict[str, Any] | None = None, algorithm: str = "HS256") -> str:
    """A token with a signature by our own key, whatever it says."""
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    token: str = jws.sign(raw, KEY, headers=headers or {"typ": "at+jwt"}, algorithm=algorithm)
    return token


def refused(tokens: AccessTokens, token: str) -> None:
    with pytest.raises(InvalidToken):
        tokens.read(token)


def test_a_token_says_who_signed_in_and_by_which_session(tokens: AccessTokens) -> None:
    found = tokens.read(tokens.issue(USER, SESSION))
    assert (found.subject, found.session) == (USER, SESSION)


def test_both_libraries_read_each_others_tokens() -> None:
    jose, joserfc = (access_tokens(each, Clock()) for each in (JoseSigner(KEY), JoserfcSigner(KEY)))
    assert joserfc.read(jose.issue(USER, SESSION)).subject == USER
    assert jose.read(joserfc.issue(USER, SESSION)).subject == USER


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": 1},
        {"exp": ...},
        {"exp": "9999999999"},
        {"exp": 1e400},
        {"exp": [1]},
        {"exp": True},
        {"exp": 10**30},
        {"iat": 9999999999},
        {"iat": None},
        {"iss": "another"},
        {"iss": ...},
        {"iss": ["shop"]},
        {"aud": "another"},
        {"aud": ["api"]},
        {"aud": ...},
        {"sub": ...},
        {"sub": 1},
        {"sub": "no uuid"},
        {"sub": "x" * 500},
        {"sid": None},
        {"jti": ...},
        {"admin": True},
    ],
)
def test_a_token_signed_by_us_with_other_claims_is_refused(
    tokens: AccessTokens, changed: dict[str, Any]
) -> None:
    refused(tokens, signed(claims(tokens, **changed)))


@pytest.mark.parametrize("payload", [b"", b"[]", b"null", b"\xff", b"[" * 300, b"{}", b"1"])
def test_a_token_signed_by_us_that_is_no_set_of_claims_is_refused(
    tokens: AccessTokens, payload: bytes
) -> None:
    refused(tokens, signed(payload))


@pytest.mark.parametrize(
    "headers",
    [
        {"typ": "JWT"},
        {"typ": "at+jwt", "crit": ["x"], "x": 1},
        {"typ": "at+jwt", "kid": "../../dev/null"},
        {"typ": "at+jwt", "jku": "https://evil.example/keys"},
        {"typ": "at+jwt", "jwk": {"kty": "oct", "k": "AA"}},
    ],
)
def test_a_token_signed_by_us_with_another_header_is_refused(
    tokens: AccessTokens, headers: dict[str, Any]
) -> None:
    refused(tokens, signed(claims(tokens), headers))


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_algorithm_is_refused(tokens: AccessTokens, algorithm: str) -> None:
    refused(tokens, signed(claims(tokens), algorithm=algorithm))


@pytest.mark.parametrize("algorithm", ["none", "NONE", "nOnE", "", ["HS256"], {}, None, 1])
def test_no_algorithm_is_refused(tokens: AccessTokens, algorithm: Any) -> None:
    header = encoded({"alg": algorithm, "typ": "at+jwt"})
    refused(tokens, f"{header}.{encoded(claims(tokens))}.")


def test_a_token_has_one_spelling(tokens: AccessTokens) -> None:
    token = tokens.issue(USER, SESSION)
    header, payload, signature = token.split(".")
    others = [
        token + "=",
        token + " ",
        " " + token,
        token + "\n",
        f"{header}=.{payload}.{signature}",
        f"{header}.{payload}==.{signature}",
        f"{header}.{payload}.{signature[:10]} {signature[10:]}",
        f"{header}.{payload}.{signature[:10]}!{signature[10:]}",
        token + ".",
        f"{header}.{payload}",
        f"{header}.{payload}.",
        f"{header}.{payload}.{signature}.{signature}",
        token.replace("_", "/").replace("-", "+") + "/",
    ]
    for other in others:
        refused(tokens, other)
    # The last character of 32 bytes in base64url carries two bits that say nothing.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = alphabet[alphabet.index(token[-1]) ^ 1]
    refused(tokens, token[:-1] + twin)


@pytest.mark.parametrize("depth", [50, 1_000, 100_000])
def test_a_deeply_nested_header_is_refused_without_being_parsed(
    tokens: AccessTokens, depth: int
) -> None:
    header = encoded(b'{"alg":"HS256","x":' + b"[" * depth + b"]" * depth + b"}")
    refused(tokens, f"{header}.{encoded(claims(tokens))}.AAAA")


@pytest.mark.parametrize("token", ["", ".", "..", "...", "a.b.c", "é.é.é", "\x00", "." * 10_000])
def test_what_was_never_a_token_is_refused(tokens: AccessTokens, token: str) -> None:
    refused(tokens, token)


def test_a_token_of_another_key_or_purpose_is_refused(tokens: AccessTokens) -> None:
    for key in (derived_key(b"o" * 32, "access token"), derived_key(b"k" * 32, "refresh token")):
        other = access_tokens(JoseSigner(key), ManualClock(MOMENT))
        refused(tokens, other.issue(USER, SESSION))


def test_a_token_is_good_for_its_lifetime_and_no_longer(
    tokens: AccessTokens, time: ManualClock
) -> None:
    token = tokens.issue(USER, SESSION)
    time.advance(15 * 60 - 1)
    assert tokens.read(token).expires_at == MOMENT + timedelta(minutes=15)
    time.advance(1)
    refused(tokens, token)


def test_a_token_from_the_future_is_refused(tokens: AccessTokens, time: ManualClock) -> None:
    """A minute is allowed for, since no two machines' clocks agree."""
    token = tokens.issue(USER, SESSION)
    time.move_to(MOMENT - timedelta(minutes=1))
    assert tokens.read(token).issued_at == MOMENT
    time.move_to(MOMENT - timedelta(minutes=1, seconds=1))
    refused(tokens, token)
