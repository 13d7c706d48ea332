"""The quick way to an address's normal form gives what the long one gives."""

import random
import string

import pytest

from backoffice.auth.addresses import normal_email
from backoffice.auth.user_files.addresses import normal_address
from backoffice.auth.user_files.faults import Refused
from backoffice.core import InvalidInput

PIECES = [
    *("a", "Ann", "o'neil", "x" * 64, "x" * 65, "", ".", "a.b", "a..b", "+tag", "=1"),
    *("ä", "\ufb01", "\u0130", "x.test", "1.2.3.4", "\u3002com", "a b", "a\tb", '"a"', "K.com"),
    *("EXAMPLE.com", "bücher.de", "xn--bcher-kva.de", "xn--", "localhost", "a-.com", "-a.com"),
    *(f"{'d' * 63}.com", f"{'d' * 64}.com", f"{'d.' * 90}com", f"{'d.' * 130}com"),
    *("a_b.com", "a.b.", "..", "com.c", "[1.2.3.4]"),
]


def by(way: object, text: str) -> str | None:
    try:
        return way(text)  # type: ignore[operator, no-any-return]
    except (Refused, InvalidInput):
        return None


@pytest.mark.parametrize("name", PIECES)
def test_both_ways_agree(name: str) -> None:
    for domain in PIECES:
        text = f"{name}@{domain}"
        assert by(normal_address, text) == by(normal_email, text), text


def test_both_ways_agree_about_what_chance_makes() -> None:
    chance = random.Random(7)
    letters = string.ascii_letters + string.digits + "....--__++@@'=äß "
    for _ in range(3000):
        text = "".join(chance.choices(letters, k=chance.randint(1, 90)))
        assert by(normal_address, text) == by(normal_email, text), text
