"""Secrets kept out of log records."""

import io
import logging
import sys
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from backoffice.core.redaction import MASK, Redacted, named_secrets, redacted

OPAQUE = "Zm9vYmFyYmF6cXV4-3q2-7wABAgMEBQYHCAkKCwwNDg8"
JWT = f"eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiIxIn0.{OPAQUE}"
SECRET = "s3cr3t and 'quoted' \\ ünïcode"


def record(message: Any, *args: Any, **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord("shop", logging.INFO, "shop.py", 1, message, args, None)
    made.__dict__.update(extra)
    return made


def passed(made: logging.LogRecord, *secrets: Any) -> logging.LogRecord:
    assert Redacted(*secrets).filter(made) is True
    return made


# By shape and by name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://ann:s3cr3t@db/shop", f"postgresql://ann:{MASK}@db/shop"),
        ("rediss://:s3cr3t@host:6379/0", f"rediss://:{MASK}@host:6379/0"),
        ("at 'smtp://a:p@s3cr3t@mail'", f"at 'smtp://a:{MASK}@mail'"),
        ("a://u:s3cr3t@h,b://u:s3cr3t@h", f"a://u:{MASK}@h"),
        (f"the token {JWT}!", f"the token {MASK}!"),
        ("hash $argon2id$v=19$m=1,t=1$s3cr3t$x done", f"hash {MASK} done"),
        ("hash $2b$12$s3cr3ts3cr3t.", f"hash {MASK}"),
        (f"cookie value {OPAQUE}", f"cookie value {MASK}"),
        ("-----BEGIN RSA PRIVATE KEY-----\ns3cr3t\n-----END", f"{MASK}"),
        ("-----BEGIN PRIVATE KEY-----\ns3cr3t", f"{MASK}"),
        ("password=s3cr3t&x=1", f"password={MASK}&x=1"),
        ("new_password = s3cr3t, next", f"new_password = {MASK}, next"),
        ("PASSWORD: s3cr3t", f"PASSWORD: {MASK}"),
        ("password2='s3 cr3t' x", f"password2={MASK} x"),
        ('"password": "s3\\"cr3t", "x": 1', f'"password": {MASK}, "x": 1'),
        ("{'accessToken': 's3cr3t'}", f"{{'accessToken': {MASK}}}"),
        ('{\\"password\\": \\"s3cr3t\\"}', f'{{\\"password\\": {MASK}'),
        ("client_secret=s3cr3t", f"client_secret={MASK}"),
        ("BACKOFFICE_SECRET_KEY=s3cr3t", f"BACKOFFICE_SECRET_KEY={MASK}"),
        ("X-API-Key: s3cr3t", f"X-API-Key: {MASK}"),
        ("Authorization: Bearer s3cr3t", f"Authorization: {MASK}"),
        ("Authorization: AWS4 Credential=a, Signature=s3cr3t\nx", f"Authorization: {MASK}\nx"),
        ("(b'authorization', b'Bearer s3cr3t')", f"(b'authorization', {MASK})"),
        ("Cookie: a=1; backoffice_session=s3cr3t\nHost: x", f"Cookie: {MASK}\nHost: x"),
        ("set-cookie: id=s3cr3t; Path=/", f"set-cookie: {MASK}"),
        ("token=Bearer s3cr3t rest", f"token={MASK} rest"),
        ("İ password=s3cr3t", f"İ password={MASK}"),
    ],
)
def test_what_has_the_shape_or_the_name_of_a_secret_is_masked(text: str, expected: str) -> None:
    masked = redacted(text)
    assert "s3cr3t" not in masked
    assert masked.startswith(expected)
    assert redacted(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        "",
        "credential refused: signature",
        "backoffice.auth.tokens.InvalidToken: expired",
        "the password is not right",
        "max_tokens=100, token_type=bearer, tokens: 3",
        "password=None token=null",
        "password=SecretStr('**********')",
        "secret key: set, and long enough",
        "user 0b9f3c52-7d0f-4c1c-9d0c-0f4a1d2b3c4d signed in",
        "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "test_a_spent_refresh_token_sent_again_within_the_grace_span_gives_its_successor",
        "AbstractAsyncContextManagerOfSomethingElseEntirely",
        "BACKOFFICE_AUTH__PASSWORD_MIN_LENGTH_AND_THEN_SOME_MORE",
        "https://shop.example/books?mail=ann@example.com",
        "ann@example.com wrote to bob@example.com at 12:00:01",
        '  File "/srv/app/lib/python3.11/site-packages/backoffice/auth/principals.py", line 181',
    ],
)
def test_what_only_looks_like_one_stays(text: str) -> None:
    assert redacted(text) == text


HOSTILE = [
    *("a", "aA1", "password", "password=", "password='", 'password="', "token:", "'token',"),
    *("eyJ", "eyJaaaaaa.", "://a:", "://@", "@://a:", "$2b$", "token    ", "authorization: "),
    *(
        "cookie:",
        "password='\\",
        "token=bearer ",
        "-_",
        "aB_1 ",
        "secret_key",
        "token\\",
        "xtoken:",
    ),
    "-----BEGIN PRIVATE KEY-----",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_no_text_takes_long(piece: str) -> None:
    """A megabyte takes 0.2 s at the most, alone on a machine; quadratic would be minutes."""
    text = piece * (1_000_000 // len(piece))
    started = time.process_time()
    redacted(text)
    assert time.process_time() - started < 20


# By value


class Inner(BaseSettings):
    password: SecretStr = SecretStr("inner s3cr3t")


class Outer(BaseSettings):
    secret_key: SecretStr = SecretStr("outer s3cr3t")
    url: SecretStr = SecretStr("redis://ann:p%40ss-s3cr3t@host/0")
    old: list[SecretStr] = [SecretStr("older s3cr3t")]
    inner: Inner = Inner()
    name: str = "a public name"


def test_known_secrets_are_masked_in_every_spelling() -> None:
    from json import dumps
    from urllib.parse import quote, quote_plus

    spelled = [SECRET, quote(SECRET, safe=""), quote_plus(SECRET), repr(SECRET), dumps(SECRET)]
    for each in spelled:
        made = passed(record("it is <%s>", each), SECRET)
        assert "cr3t" not in made.getMessage(), each
        assert made.getMessage().startswith("it is <")


def test_the_secrets_of_settings_are_known() -> None:
    known = Redacted(Outer())
    for secret in ("outer s3cr3t", "p%40ss-s3cr3t", "p@ss-s3cr3t", "older s3cr3t", "inner s3cr3t"):
        assert known.redacted(f"x {secret} y") == f"x {MASK} y"
    assert known.redacted("a public name at redis on host") == "a public name at redis on host"


def test_a_secret_that_begins_another_leaves_none_of_it() -> None:
    assert Redacted("s3cr3t s3cr3t", "s3cr3t s3cr3t and more").redacted(
        "s3cr3t s3cr3t and more"
    ) == (MASK)


def test_what_is_too_short_to_be_a_secret_masks_no_words() -> None:
    assert Redacted("post", SecretStr("")).redacted("posted") == "posted"


def test_of_named_values_those_are_secrets_whose_names_say_so() -> None:
    values = {
        "BACKOFFICE_SECRET_KEY": "one",
        "BACKOFFICE_SECRET_KEYS": "two",
        "BACKOFFICE_PREVIOUS_SECRET_KEYS": '["five", "six"]',
        "BACKOFFICE_DATABASE_URL": "postgresql://ann:three@host/db",
        "backoffice_mail__password": "four",
        "BACKOFFICE_AUTH__ISSUER": "public",
        "BACKOFFICE_AUTH__TOKEN_LIBRARY": "public",
        "BACKOFFICE_REDIS_URL": "redis://host",
        "BACKOFFICE_OTHER_URL": "postgresql://postgres:postgres@host/db",
    }
    found = {each for each in named_secrets(values) if each}
    assert found == {"one", "two", "three", "four", "five", "six"}


# Records


def test_a_clean_record_stays_as_it_was() -> None:
    args = ("ann", 3, Decimal(1))
    made = record("%s has %s of %s", *args, route="/books", items=[1, "two"])
    before = dict(made.__dict__)
    assert passed(made).__dict__ == before
    assert made.args is args or made.args == args


def test_an_argument_is_masked_in_its_place() -> None:
    """uvicorn's formatter of access lines takes five arguments, and no fewer."""
    args = ("127.0.0.1:1", "GET", "/verify?token=s3cr3t", "1.1", 200)
    made = passed(record('%s - "%s %s HTTP/%s" %d', *args))
    assert made.args == ("127.0.0.1:1", "GET", f"/verify?token={MASK}", "1.1", 200)


def test_a_name_in_the_message_and_its_secret_among_the_arguments() -> None:
    assert passed(record("password=%s", "s3cr3t")).getMessage() == f"password={MASK}"


def test_named_arguments_are_masked_by_their_name() -> None:
    made = passed(record("%(user)s knows %(password)s", {"user": "ann", "password": "s3cr3t"}))
    assert made.getMessage() == f"ann knows {MASK}"


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"password": "s3cr3t"}, MASK),
        ({"headers": {"X-API-Key": "s3cr3t", "Host": "x"}}, {"X-API-Key": MASK, "Host": "x"}),
        ({"url": "redis://:s3cr3t@h"}, f"redis://:{MASK}@h"),
        ({"parts": ("a", ["token=s3cr3t"])}, ("a", [f"token={MASK}"])),
        ({"some": {"password=s3cr3t"}}, {f"password={MASK}"}),
        ({"error": ValueError("password=s3cr3t")}, f"password={MASK}"),
        ({"raw": b"password=s3cr3t"}, f"b'password={MASK}'"),
        ({"keys": {"token=s3cr3t": 1}}, {f"token={MASK}": 1}),
        ({"token": None}, None),
    ],
    ids=str,
)
def test_extras_are_masked(extra: Mapping[str, Any], expected: Any) -> None:
    made = passed(record("told", **extra))
    (name,) = extra
    assert made.__dict__[name] == expected


def test_what_was_given_is_not_changed() -> None:
    headers = {"X-API-Key": "s3cr3t"}
    passed(record("%s", headers, headers=headers))
    assert headers == {"X-API-Key": "s3cr3t"}


def failing(text: str) -> logging.LogRecord:
    made = record("it failed")
    error = ValueError(text)
    try:
        raise error from KeyError(f"cause of {text}")
    except ValueError:
        made.exc_info = sys.exc_info()
    return made


def test_an_exception_and_its_cause_are_masked_for_every_handler_after() -> None:
    made = passed(failing(f"postgresql://ann:s3cr3t@db and {JWT}"))
    assert made.exc_info is None
    shown = logging.Formatter().format(made)
    assert "s3cr3t" not in shown
    assert JWT not in shown
    assert "ValueError: postgresql://ann:" in shown
    assert "Traceback" in shown


def test_an_exception_without_secrets_stays_an_exception() -> None:
    made = failing("a plain fault")
    assert passed(made).exc_info is not None
    assert made.exc_text is None


def test_a_stack_is_masked() -> None:
    made = record("here")
    made.stack_info = "Stack:\n  connect('redis://:s3cr3t@h')"
    assert "s3cr3t" not in str(passed(made).stack_info)


class Untellable:
    def __str__(self) -> str:
        raise RuntimeError("s3cr3t")

    __repr__ = __str__


@pytest.mark.parametrize(
    "made",
    [
        record("%s %s", "password=s3cr3t"),
        record("%d", "password=s3cr3t"),
        record("no place", "password=s3cr3t"),
        record("%s", Untellable()),
        record("%s %s", Untellable()),
        record(Untellable()),
        record("x", password=Untellable()),
        record("x", thing=Untellable()),
        record("x", things={"a": Untellable()}),
        record("%(a)s", {"b": "password=s3cr3t"}),
        record(ValueError("password=s3cr3t")),
        record(None),
    ],
    ids=range(12),
)
def test_no_record_breaks_it_and_none_lets_a_secret_pass(made: logging.LogRecord) -> None:
    shown = logging.Formatter("%(message)s").format(passed(made))
    assert shown
    assert "s3cr3t" not in shown + repr(made.args)


def test_nesting_without_end_is_cut_off() -> None:
    endless: dict[str, Any] = {"password": "s3cr3t"}
    endless["self"] = endless
    made = passed(record("x", endless=endless))
    assert "s3cr3t" not in str(made.__dict__["endless"])


# @pytest.mark.shows_secrets
def test_it_serves_alone_on_a_handler_of_the_apps_own() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(Redacted("hunter2 hunter2"))
    log = logging.getLogger("tests.redaction")
    log.addHandler(handler)
    try:
        log.warning("the key %s of %s", "hunter2 hunter2", "redis://:s3cr3t@h", extra={"a": 1})
    finally:
        log.removeHandler(handler)
    assert stream.getvalue() == f"the key {MASK} of redis://:{MASK}@h\n"


def test_a_secret_of_other_bytes_than_utf_8_is_masked_too() -> None:
    written = b"\xff\xfe s3cr3t hunter2".decode("utf-8", "surrogateescape")
    assert "s3cr3t" not in Redacted(written).redacted(f"it was {written}")
