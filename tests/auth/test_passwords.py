"""Passwords: what is taken, how it is kept, where it is hashed."""

import asyncio
import threading

import argon2
import pytest

from backoffice.auth.passwords import Passwords
from backoffice.core import InvalidInput

EMAIL = "ann@example.com"


@pytest.fixture(scope="module")
def passwords() -> Passwords:
    return Passwords()


@pytest.mark.parametrize(
    "good",
    ["eight888", "correct horse battery staple", "x" * 63 + "y", "пароль-пароль", "       7"],
)
def test_length_is_asked_for_and_nothing_else(passwords: Passwords, good: str) -> None:
    passwords.check(good, EMAIL)


@pytest.mark.parametrize("bad", ["", "seven77", "x" * 129, EMAIL, "ANN@EXAMPLE.COM", "00000000"])
def test_a_weak_password_is_refused_with_the_reason(passwords: Passwords, bad: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        passwords.check(bad, EMAIL)
    assert refused.value.code == "weak_password"


def test_the_hash_is_argon2id_of_the_strength_that_asvs_asks_for(passwords: Passwords) -> None:
    assert passwords.hash("correct horse").startswith("$argon2id$v=19$m=47104,t=1,p=1$")


def test_nothing_is_cut_off(passwords: Passwords) -> None:
    long = "x" * 100
    stored = passwords.hash(long + "a")
    assert passwords.verify_and_update(long + "a", stored) == (True, None)
    assert passwords.verify_and_update(long + "b", stored) == (False, None)


def test_two_keyboards_spell_one_password(passwords: Passwords) -> None:
    assert passwords.verify_and_update("cafe\u0301 noir", passwords.hash("caf\xe9 noir"))[0]


@pytest.mark.parametrize("stored", [None, "", "!", "nonsense", "$argon2id$", "pbkdf2_sha256$1$a$b"])
def test_an_unusable_hash_is_wrong_and_never_an_error(
    passwords: Passwords, stored: str | None
) -> None:
    assert passwords._verify("any password", stored) == (False, None)


def test_an_outdated_hash_comes_back_better(passwords: Passwords) -> None:
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash("old secret")
    right, better = passwords.verify_and_update("old secret", weak)
    assert right
    assert better is not None
    assert "m=47104" in better


@pytest.mark.anyio
async def test_hashing_leaves_the_event_loop(passwords: Passwords) -> None:
    threads: set[str] = set()
    real = passwords.hash

    def spy(password: str) -> str:
        threads.add(threading.current_thread().name)
        return real(password)

    passwords.hash = spy  # type: ignore[method-assign]
    await asyncio.gather(*(passwords.hashed("correct horse") for _ in range(4)))
    assert threads
    assert all(each.startswith("backoffice-passwords") for each in threads)
