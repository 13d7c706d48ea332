"""Passwords: how they are kept, and verified at one cost for all."""

from collections.abc import Iterator

import argon2
import pytest

from backoffice.auth import password_hashes
from backoffice.auth.password_costs import Kind
from backoffice.auth.passwords import Passwords

pytestmark = pytest.mark.costly_passwords

LONG = "x" * 100


@pytest.fixture(scope="module")
def passwords() -> Iterator[Passwords]:
    found = Passwords()
    yield found
    found.close()


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stored hashes that were run, the decoy's among them."""
    seen: list[str] = []
    real = password_hashes._matches

    def spy(password: str, stored: str, kind: Kind) -> bool:
        seen.append(stored)
        return real(password, stored, kind)

    monkeypatch.setattr(password_hashes, "_matches", spy)
    return seen


def test_the_hash_is_argon2id_of_the_strength_that_asvs_asks_for(passwords: Passwords) -> None:
    assert passwords.hash("correct horse").startswith("$argon2id$v=19$m=47104,t=1,p=1$")


def test_nothing_is_cut_off(passwords: Passwords) -> None:
    stored = passwords.hash(LONG + "a")
    assert passwords.verify_and_update(LONG + "a", stored) == (True, None)
    assert passwords.verify_and_update(LONG + "b", stored) == (False, None)


def test_two_keyboards_spell_one_password(passwords: Passwords) -> None:
    assert passwords.verify_and_update("cafe\u0301 noir", passwords.hash("caf\xe9 noir"))[0]


def test_a_hash_made_of_what_was_typed_is_verified_and_replaced(passwords: Passwords) -> None:
    typed = "cafe\u0301 noir"
    right, better = passwords.verify_and_update(typed, argon2.PasswordHasher().hash(typed))
    assert right
    assert better is not None
    assert passwords.verify_and_update("caf\xe9 noir", better) == (True, None)


UNUSABLE = [None, "", "!", "!unusable", "*", "nonsense", "$argon2id$", "pbkdf2_sha256$1$a$b"]


@pytest.mark.parametrize("stored", UNUSABLE)
def test_an_unusable_hash_is_wrong_and_never_an_error(
    passwords: Passwords, stored: str | None
) -> None:
    assert passwords._verify("any password", stored).right is False


@pytest.mark.parametrize("stored", [*UNUSABLE, "$2b$31$" + "a" * 53, "\x80", "x" * 5000])
@pytest.mark.parametrize("password", ["plain", "cafe\u0301"])
def test_an_unusable_hash_costs_what_a_usable_one_does(
    passwords: Passwords, runs: list[str], password: str, stored: str | None
) -> None:
    passwords._verify(password, passwords.hash("another"))
    usable = len(runs)
    passwords._verify(password, stored)
    ours = [each for each in runs[usable:] if each.startswith("$argon2id$v=19$m=47104,t=1,p=1$")]
    assert len(ours) == usable


@pytest.mark.parametrize("password", ["\ud800", "\ufdfa" * 100, "x" * 1025, "x" * 1_000_000])
def test_what_nobody_can_have_as_a_password_is_hashed_for_nobody(
    passwords: Passwords, runs: list[str], password: str
) -> None:
    assert passwords._verify(password, passwords.hash("another")).right is False
    assert passwords._verify(password, None).right is False
    assert runs == []


def test_an_outdated_hash_comes_back_better(passwords: Passwords) -> None:
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash("old secret")
    right, better = passwords.verify_and_update("old secret", weak)
    assert right
    assert better is not None
    assert "m=47104" in better


def test_a_wrong_password_replaces_no_hash(passwords: Passwords) -> None:
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash("old secret")
    assert passwords.verify_and_update("a guess", weak) == (False, None)


def test_an_unknown_hash_is_told_to_whoever_runs_the_app_and_not_shown(
    passwords: Passwords, caplog: pytest.LogCaptureFixture
) -> None:
    passwords.verify_and_update("any password", "$7$unheard-of")
    passwords.verify_and_update("any password", "!")
    [record] = [each for each in caplog.records if each.name == "backoffice.auth.passwords"]
    assert "cannot be used" in record.getMessage()
    assert "unheard-of" not in record.getMessage()
