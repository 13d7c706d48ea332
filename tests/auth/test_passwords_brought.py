"""Hashes that people bring from elsewhere: made by the real makers, or published."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import bcrypt
import pytest
from django.contrib.auth import hashers as django
from fastapi_users.password import PasswordHelper
from passlib.context import CryptContext
from werkzeug.security import generate_password_hash

from backoffice.auth.passwords import Passwords

pytestmark = pytest.mark.costly_passwords

PASSWORD = "pa\xdfwort & 馬"
SALT = "aSaltOf22Characters123"


def by_bcrypt(ident: bytes) -> str:
    # The three idents name one algorithm, of implementations without the faults of old ones.
    return bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).replace(b"$2b$", ident).decode()


def by_passlib(scheme: str, **costs: Any) -> str:
    made = CryptContext([scheme], **{f"{scheme}__{name}": cost for name, cost in costs.items()})
    return made.hash(PASSWORD)


def by_django(hasher: Any) -> str:
    # Any: Django has no types.
    hasher.rounds = 4
    return str(hasher.encode(PASSWORD, hasher.salt()))


#: By who made it. Made when first asked for: to make them all takes two seconds.
BROUGHT: dict[str, Callable[[], str]] = {
    "Django pbkdf2_sha256": lambda: django.PBKDF2PasswordHasher().encode(PASSWORD, SALT),
    "Django pbkdf2_sha1": lambda: django.PBKDF2SHA1PasswordHasher().encode(PASSWORD, SALT),
    "Django argon2": lambda: django.Argon2PasswordHasher().encode(PASSWORD, SALT),
    "Django bcrypt_sha256": lambda: by_django(django.BCryptSHA256PasswordHasher()),
    "Django bcrypt": lambda: by_django(django.BCryptPasswordHasher()),
    "Django scrypt": lambda: django.ScryptPasswordHasher().encode(PASSWORD, SALT),
    "werkzeug, its default": lambda: generate_password_hash(PASSWORD),
    "werkzeug scrypt": lambda: generate_password_hash(PASSWORD, "scrypt:16384:8:2", 8),
    "werkzeug pbkdf2": lambda: generate_password_hash(PASSWORD, "pbkdf2"),
    "werkzeug pbkdf2, sha1": lambda: generate_password_hash(PASSWORD, "pbkdf2:sha1:1000"),
    "werkzeug pbkdf2, sha512": lambda: generate_password_hash(PASSWORD, "pbkdf2:sha512:1000"),
    "fastapi-users": lambda: PasswordHelper().hash(PASSWORD),
    "bcrypt 2a": lambda: by_bcrypt(b"$2a$"),
    "bcrypt 2b": lambda: by_bcrypt(b"$2b$"),
    "bcrypt 2y": lambda: by_bcrypt(b"$2y$"),
    "passlib pbkdf2_sha1": lambda: by_passlib("pbkdf2_sha1", rounds=1000),
    "passlib pbkdf2_sha256": lambda: by_passlib("pbkdf2_sha256", rounds=1000),
    "passlib pbkdf2_sha512": lambda: by_passlib("pbkdf2_sha512", rounds=1000),
    "passlib bcrypt_sha256": lambda: by_passlib("bcrypt_sha256", rounds=4),
    "passlib scrypt": lambda: by_passlib("scrypt", rounds=10),
    "passlib argon2i": lambda: by_passlib("argon2", type="I", memory_cost=64),
    "passlib argon2d": lambda: by_passlib("argon2", type="D", memory_cost=64),
    "phpass": lambda: by_passlib("phpass", rounds=8),
}
#: Published by the authors: phpass's test.php, crypt_blowfish's wrapper.c, RFC 7914 (12).
PUBLISHED = [
    ("test12345", "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0"),
    ("test12345", "$H$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0"),
    ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    ("U*U*U", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"),
    (
        "pleaseletmein",
        "scrypt:16384:8:1$SodiumChloride$7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f654"
        "5da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887",
    ),
]


@functools.cache
def brought(maker: str) -> str:
    return BROUGHT[maker]()


@pytest.fixture(scope="module")
def passwords() -> Iterator[Passwords]:
    found = Passwords()
    yield found
    found.close()


@pytest.mark.parametrize("maker", BROUGHT)
def test_a_hash_of_another_system_lets_in_and_is_replaced(passwords: Passwords, maker: str) -> None:
    right, better = passwords.verify_and_update(PASSWORD, brought(maker))
    assert right
    assert better is not None
    assert passwords.verify_and_update(PASSWORD, better) == (True, None)


@pytest.mark.parametrize("maker", BROUGHT)
def test_a_hash_of_another_system_lets_nobody_else_in(
    passwords: Passwords, caplog: pytest.LogCaptureFixture, maker: str
) -> None:
    assert passwords.verify_and_update(PASSWORD + "!", brought(maker)) == (False, None)
    assert caplog.messages == []


@pytest.mark.parametrize("maker", BROUGHT)
def test_a_damaged_hash_is_wrong_and_never_an_error(passwords: Passwords, maker: str) -> None:
    whole = brought(maker)
    for damaged in (whole[:-1], whole[:-3] + "\x00\xff!", whole.replace("$", "$$")):
        assert passwords.verify_and_update(PASSWORD, damaged) == (False, None)


@pytest.mark.parametrize(("password", "stored"), PUBLISHED)
def test_published_hashes_verify(passwords: Passwords, password: str, stored: str) -> None:
    assert passwords.verify_and_update(password, stored)[0]
    assert not passwords.verify_and_update(password + "!", stored)[0]


def test_the_unusable_password_of_django_lets_nobody_in(passwords: Passwords) -> None:
    unusable = django.make_password(None)
    assert passwords.verify_and_update(unusable, unusable) == (False, None)


@pytest.mark.parametrize("maker", ["bcrypt", "Django's bcrypt"])
def test_a_long_password_behind_bcrypt_lets_in_and_is_whole_from_then_on(
    passwords: Passwords, maker: str
) -> None:
    """Makers cut it at 72 bytes, which the hash cannot tell; what replaces it can."""
    long = "p" * 71 + "\xdf" + "tail"
    stored = bcrypt.hashpw(long.encode()[:72], bcrypt.gensalt(4)).decode()
    right, better = passwords.verify_and_update(
        long, stored if maker == "bcrypt" else f"bcrypt${stored}"
    )
    assert right
    assert better is not None
    assert passwords.verify_and_update(long, better)[0]
    assert not passwords.verify_and_update(long + "!", better)[0]


def test_a_nul_behind_bcrypt_is_wrong_and_never_an_error(passwords: Passwords) -> None:
    assert passwords.verify_and_update("a\0b", brought("bcrypt 2b")) == (False, None)
