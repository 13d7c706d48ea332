"""Those who are turned away are in the audit log, and cannot fill it."""

import asyncio
from typing import Any

import pytest

from backoffice.auth import User, turned_away
from backoffice.core import TooManyRequests, Unauthenticated, Unavailable
from backoffice.core.testing import ManualClock
from backoffice.ratelimit import limits as rate_limits
from tests.auth.conftest import House
from tests.auth.test_guesses import ANN, HOME, stranger, tries

THROTTLED, LINK = "auth.throttled", "auth.link_refused"


@pytest.fixture(autouse=True)
def limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKOFFICE_AUTH__ACCOUNT_LIMIT", "2/15 minutes")
    monkeypatch.setenv("BACKOFFICE_AUTH__ACCOUNT_LIMIT_OF_STRANGERS", "4/hour")
    monkeypatch.setenv("BACKOFFICE_AUTH__RECOVERY_LIMIT", "2/hour")
    monkeypatch.setenv("BACKOFFICE_AUTH__REGISTER_LIMIT", "1/hour")
    monkeypatch.setenv("BACKOFFICE_AUTH__GUESS_LIMIT", "2/hour")
    monkeypatch.setenv("BACKOFFICE_AUTH__PUBLIC_URL", "https://shop.example.org")


def logged(house: House, event: str = THROTTLED) -> list[Any]:
    """The entries about that event, the oldest first."""
    found = house.call(house.services.audit.entries(event=event))
    return sorted(found, key=lambda each: each.number or 0)


def of_limits(house: House) -> list[tuple[str, str, str]]:
    return [(each.data["limit"], each.subject, each.address) for each in logged(house)]


def guess(house: House, client: Any = HOME, times: int = 1, email: str = ANN) -> None:
    async def all_at_once() -> None:
        await asyncio.gather(
            *(tries(house, client, email=email) for _ in range(times)), return_exceptions=True
        )

    house.call(all_at_once())


def subject(user: User) -> str:
    return f"user:{user.id}"


def test_who_guesses_too_often_is_there_once_with_the_account(house: House) -> None:
    user = house.user()
    guess(house, times=10)
    assert of_limits(house) == [("auth.guess-here", subject(user), HOME.address)]
    assert logged(house)[0].outcome == "failure"


def test_an_address_without_an_account_is_told_of_as_well(house: House) -> None:
    guess(house, times=10, email="nobody@example.com")
    assert of_limits(house) == [("auth.guess-here", "", HOME.address)]


def test_an_account_that_many_networks_guess_at_is_there_once(house: House) -> None:
    user = house.user()
    for number in range(10):
        guess(house, stranger(number))
    assert of_limits(house) == [("auth.guess-account", subject(user), stranger(4).address)]


def test_it_is_told_again_an_hour_later(time: ManualClock, house: House) -> None:
    house.user()
    guess(house, times=5)
    time.advance(3601)
    guess(house, times=5)
    assert len(logged(house)) == 2


def test_who_registers_or_asks_for_links_too_often_is_there(house: House) -> None:
    body = {"email": ANN, "password": "a rather long one"}
    answers = [house.client.post("/auth/register", json=body).status_code for _ in range(3)]
    assert answers == [202, 429, 429]
    asked = [house.client.post("/auth/forgot-password", json={"email": ANN}) for _ in range(4)]
    assert [each.status_code for each in asked] == [202, 202, 429, 429]
    assert [each[0] for each in of_limits(house)] == ["auth.register", "auth.recover"]


@pytest.mark.parametrize("route", ["verify", "reset-password"])
def test_a_link_that_is_not_good_is_there_and_so_are_too_many(house: House, route: str) -> None:
    body = {"token": "bol_" + "x" * 43, "password": "a rather long one"}
    body = body if route == "reset-password" else {"token": body["token"]}
    answers = [house.client.post(f"/auth/{route}", json=body).status_code for _ in range(5)]
    assert answers == [400, 400, 429, 429, 429]
    assert len(logged(house, LINK)) == 1
    assert [each[0] for each in of_limits(house)] == ["auth.guess"]
    assert not any("xxx" in str(vars(each)) for each in logged(house, LINK))


def test_any_number_of_networks_does_not_fill_the_log(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turned_away, "_ALL", rate_limits("5/hour"))

    async def come() -> None:
        for number in range(50):
            await house.services.turned_away.with_link(stranger(number))

    house.call(come())
    assert len(logged(house, LINK)) == 5


def test_who_cannot_be_written_down_is_refused_all_the_same(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.user()
    guess(house, times=2)

    def away() -> Any:
        raise Unavailable("The database does not answer.")

    async def refused() -> None:
        with pytest.raises(TooManyRequests):
            await tries(house, HOME)

    monkeypatch.setattr(house.services.turned_away._database, "session", away)
    house.call(refused())


def test_the_chain_is_whole_afterwards(house: House) -> None:
    house.user()
    guess(house, times=10)
    assert not house.call(house.services.audit.verified()).faults
    with pytest.raises((TooManyRequests, Unauthenticated)):
        house.call(tries(house, HOME))
