"""Hostile tokens over HTTP: none gets in, none breaks anything, none is written down."""

import logging
import random

import pytest

from tests.auth.conftest import House
from tests.auth.forging import KEYS
from tests.auth.test_tokens_fuzz import texts, unsigned

#: What a client can put into a header at all.
SENDABLE = range(0x21, 0x7F)


def test_a_thousand_hostile_tokens_are_a_thousand_times_401(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.user()
    good = house.token()
    chance = random.Random(11)
    made = [text for source in (texts, unsigned) for _, text in source(chance, KEYS["HS256"])]
    hostile = [
        each
        for each in chance.sample(made, 3000)
        if each and all(ord(character) in SENDABLE for character in each)
    ][:1000]
    assert len(hostile) == 1000
    for text in hostile:
        for path in ("/who", "/feed"):
            answer = house.get(path, text)
            assert (answer.status_code, answer.json()["detail"]["code"]) == (401, "invalid_token")
    assert house.get("/who", good).status_code == 200


@pytest.mark.parametrize("size", [8193, 100_000, 1_000_000])
def test_a_huge_token_is_refused_and_not_logged(
    house: House, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = house.get("/who", "e" * size)
    assert (answer.status_code, answer.json()["detail"]["code"]) == (401, "invalid_token")
    ours = [each for each in caplog.records if each.name.startswith("backoffice")]
    assert all(len(each.getMessage()) < 200 for each in ours)
