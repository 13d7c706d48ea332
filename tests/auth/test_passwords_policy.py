"""What is asked of a new password: length, and that nobody would guess it."""

import gzip
from dataclasses import dataclass
from importlib.resources import files

import pytest

from backoffice.auth import password_policy
from backoffice.auth.common_passwords import is_common
from backoffice.auth.password_policy import personal, refuse_weak
from backoffice.core import InvalidInput

EMAIL = "ann.lee@bookshop.example"


def refusal(password: str, *about: str, min_length: int = 8) -> InvalidInput:
    with pytest.raises(InvalidInput) as refused:
        refuse_weak(password, min_length, about or (EMAIL,))
    return refused.value


def most_common() -> list[str]:
    packed = files("django.contrib.auth").joinpath("common-passwords.txt.gz").read_bytes()
    return gzip.decompress(packed).decode().split()


@pytest.mark.parametrize(
    "good",
    [
        "eight88!",
        "correct horse battery staple",
        "x" * 63 + "y",
        "xy" * 512,
        "пароль-пароль",
        "       7",
        "lowercase only",
        "\U0001f40e\U0001f50b\U0001f4ce" * 3,
    ],
)
def test_length_is_asked_for_and_nothing_else(good: str) -> None:
    refuse_weak(good, 8, [EMAIL])


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("", "too_short"),
        ("seven77", "too_short"),
        ("xy" * 512 + "z", "too_long"),
        ("\ufdfa" * 100, "too_long"),  # 1,800 characters once it is normal
        ("00000000", "repeated"),
        ("password", "common"),
        ("PassWord1", "common"),
        ("\uff50assword", "common"),  # a full-width p
        ("passwordpassword", "common"),
        ("abc123abc123abc123", "common"),
        (EMAIL, "personal"),
        ("ANN.LEE@BOOKSHOP.EXAMPLE", "personal"),
        ("ann.lee@bookshop", "personal"),
        ("b00kshop", "personal"),
        ("half\ud800 a pair", "not_text"),
    ],
)
def test_a_weak_password_is_refused_with_the_reason(bad: str, reason: str) -> None:
    refused = refusal(bad)
    assert (refused.code, refused.data["reason"]) == ("weak_password", reason)


def test_the_least_length_is_a_setting_and_is_told() -> None:
    refused = refusal("fourteen chars", min_length=15)
    assert refused.data == {"reason": "too_short", "min_length": 15}
    refuse_weak("fifteen charact", 15, [EMAIL])


def test_length_counts_what_is_kept() -> None:
    assert refusal("e\u0301" * 7).data["reason"] == "too_short"


def test_the_three_thousand_most_common_of_the_least_length_are_refused() -> None:
    """ASVS 5.0, 6.2.4."""
    long_enough = [each for each in most_common() if len(each) >= 8][:3000]
    assert len(long_enough) == 3000
    assert [each for each in long_enough if not is_common(each)] == []


def test_a_piece_of_a_common_password_is_not_common() -> None:
    assert not is_common("\npassword\nbaseball\n ")
    assert not is_common("iloveyou and you love me")


@dataclass
class Person:
    email: str = "a@b.example"
    first_name: str | None = "Guinevere"
    last_name: str = ""
    name: int = 5


def test_a_password_like_the_name_is_refused() -> None:
    about = personal(Person())
    assert about == ["a@b.example", "Guinevere"]
    assert refusal("guinevere1", *about).data["reason"] == "personal"


def test_a_megabyte_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing looks at it but for its length."""
    monkeypatch.setattr(password_policy, "normalised", None)
    for hostile in ("x" * 1_000_000, "\ufdfa" * 1_000_000, "a\u0300\u0316" * 400_000):
        assert refusal(hostile).data["reason"] == "too_long"
