"""How easily a secret is guessed: what doctor says of BACKOFFICE_SECRET_KEY."""

import secrets

import pytest

from backoffice.core import Settings
from backoffice.core.checks import Finding, _previous, _secret
from backoffice.core.secret_strength import ENOUGH, bits, period, weakness

STRONG = "zJ7w2Qd0fXl9-yT4bRk6_mVh1NcUe8sPaGoIxB3tE5Y"


def judged(key: str) -> Finding:
    (found,) = _secret(Settings(secret_key=key))  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize(
    ("key", "level", "said"),
    [
        (STRONG, "ok", "hard to guess"),
        ("09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7", "error", "tutorials"),
        ("CHANGE_ME_before_going_live_0123456789", "error", "tutorials"),
        ("django-insecure-9h2k1n4v7c3x8z6q5w0e", "error", "tutorials"),
        ("k" * 32, "error", "repeats itself after 1 "),
        ("hunter2-" * 5, "error", "repeats itself after 8 "),
        ("abcdefghijklmnopqrstuvwxyz0123456789", "error", "sequence"),
        ("correct horse battery staple and more", "warning", "78 bits, 128 are enough"),
        ("aaaaaaaabbbbbbbbccccccccddddddddeeee", "warning", "bits, 128 are enough"),
    ],
)
def test_each_is_judged_by_how_it_was_made(key: str, level: str, said: str) -> None:
    found = judged(key)
    assert (found.id, found.level) == ("core.secret-key", level)
    assert said in found.message
    assert ("secrets generate" in found.fix) == (level != "ok")
    assert key not in found.message + found.fix


def test_whatever_our_own_command_makes_is_strong() -> None:
    made = [secrets.token_urlsafe(32) for _ in range(2000)]
    made += [secrets.token_hex(32) for _ in range(2000)]
    assert [each for each in made if weakness(each) or bits(each) < ENOUGH] == []


def test_earlier_keys_are_judged_as_well() -> None:
    found = Settings(secret_key=STRONG, previous_secret_keys=[STRONG, "p" * 32])  # type: ignore[arg-type]
    (weak,) = _previous(found)
    assert (weak.id, weak.level) == ("core.previous-secret-keys", "error")


@pytest.mark.parametrize(
    ("text", "expected"), [("aaaa", 1), ("abab", 2), ("abcabca", 3), ("ab", 2)]
)
def test_a_period_is_where_a_text_begins_again(text: str, expected: int) -> None:
    assert period(text) == expected
