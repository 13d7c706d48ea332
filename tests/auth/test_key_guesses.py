"""Guessing API keys: counted by network and key, before the database is asked."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from backoffice.auth.credentials import _checksum
from backoffice.auth.remembered import EVERYBODY
from backoffice.core.testing.clients import client
from tests.auth.conftest import House

HERE, ELSEWHERE = "203.0.113.7", "198.51.100.9"


@pytest.fixture(autouse=True)
def limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKOFFICE_AUTH__GUESS_LIMIT", "5/minute")


def guess_at(key: str, number: int) -> str:
    """A key of the same beginning, well formed, with another secret."""
    body = key[:-6][:-6] + f"{number:06}"
    return body + _checksum(body)


def outcome(house: House, key: str, address: str = HERE) -> str:
    """`good`, or the code by which the key is refused that comes from there."""
    from_there = client(house.client, client=(address, 50_000))
    answer = from_there.get("/auth/me", headers={"X-API-Key": key})
    return "good" if answer.status_code == 200 else str(answer.json()["detail"]["code"])


def forget(house: House) -> None:
    """As when it was found good longer ago than is remembered."""
    house.services.resolver._remembered.forget(EVERYBODY)


def test_after_five_wrong_secrets_a_network_waits(house: House) -> None:
    key = house.key(house.user())
    codes = [outcome(house, guess_at(key, number)) for number in range(7)]
    assert codes == ["invalid_token"] * 5 + ["rate_limited"] * 2


def test_the_owner_is_let_in_from_everywhere_else(house: House) -> None:
    key = house.key(house.user())
    for number in range(7):
        outcome(house, guess_at(key, number), ELSEWHERE)
    assert outcome(house, key, HERE) == "good"
    forget(house)
    assert outcome(house, key, ELSEWHERE) == "rate_limited"


def test_a_key_that_is_known_to_be_good_is_not_held_to_it(house: House) -> None:
    key = house.key(house.user())
    assert outcome(house, key) == "good"
    for number in range(7):
        outcome(house, guess_at(key, number))
    assert outcome(house, key) == "good"


def test_another_key_is_counted_by_itself(house: House) -> None:
    user = house.user()
    key, other = house.key(user), house.key(user)
    for number in range(7):
        outcome(house, guess_at(key, number))
    assert outcome(house, other) == "good"


def test_right_ones_are_not_counted(house: House) -> None:
    key = house.key(house.user())
    for _ in range(12):
        assert outcome(house, key) == "good"
        forget(house)


def test_forty_at_once_are_forty(house: House) -> None:
    key = house.key(house.user())
    with ThreadPoolExecutor(8) as threads:
        guesses = [threads.submit(outcome, house, guess_at(key, each)) for each in range(40)]
        codes = [each.result() for each in guesses]
    assert (codes.count("invalid_token"), codes.count("rate_limited")) == (5, 35)


def test_a_route_answers_429_with_when_to_come_back(house: House) -> None:
    key = house.key(house.user())
    answers = [house.get("/auth/me", key=guess_at(key, number)) for number in range(6)]
    assert [each.status_code for each in answers] == [401] * 5 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert house.get("/auth/me", token=house.token()).status_code == 200


def test_the_audit_log_is_told_once(house: House) -> None:
    key = house.key(house.user())
    for number in range(9):
        outcome(house, guess_at(key, number))
    found = house.call(house.services.audit.entries(event="auth.throttled"))
    assert [each.data["limit"] for each in found] == ["auth.guess-key"]
