"""Guessing passwords: counted before they are looked at, and never at the owner's cost."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from httpx2 import Response
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth.events import SignInFailed
from backoffice.auth.sessions import BROWSER, Client
from backoffice.core import Forbidden, TooManyRequests, Unauthenticated
from backoffice.core.testing import ManualClock, SentMail
from tests.auth.conftest import PASSWORD, House

ANN = "ann@example.com"
HOME = Client(address="203.0.113.7", network="203.0.113.7")


@pytest.fixture(autouse=True)
def limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKOFFICE_AUTH__ACCOUNT_LIMIT", "5/15 minutes")
    monkeypatch.setenv("BACKOFFICE_AUTH__ACCOUNT_LIMIT_OF_STRANGERS", "20/hour")
    monkeypatch.setenv("BACKOFFICE_AUTH__PUBLIC_URL", "https://shop.example.org")
    monkeypatch.setenv("BACKOFFICE_MAIL__URL", "memory:")


def stranger(number: int) -> Client:
    """From a network of its own, as of a botnet."""
    address = f"198.51.{number // 256}.{number % 256}"
    return Client(address=address, network=address)


def tries(house: House, client: Client, password: str = "wrong one", email: str = ANN) -> Any:
    return house.services.sign_in.with_password(email, password, BROWSER, client)


def outcome(house: House, client: Client, password: str = "wrong one", email: str = ANN) -> str:
    try:
        house.call(tries(house, client, password, email))
    except (Unauthenticated, TooManyRequests) as error:
        return type(error).__name__
    return "signed in"


def test_after_five_wrong_ones_a_network_waits_and_others_do_not(house: House) -> None:
    house.user()
    assert [outcome(house, HOME) for _ in range(6)] == ["Unauthenticated"] * 5 + ["TooManyRequests"]
    assert outcome(house, HOME, PASSWORD) == "TooManyRequests"
    assert outcome(house, stranger(1), PASSWORD) == "signed in"


def test_right_ones_are_not_counted(house: House) -> None:
    house.user()
    assert [outcome(house, HOME, PASSWORD) for _ in range(12)] == ["signed in"] * 12


def test_an_address_without_an_account_is_answered_alike(house: House) -> None:
    house.user()
    known = [outcome(house, HOME) for _ in range(7)]
    unknown = [outcome(house, HOME, email="nobody@example.com") for _ in range(7)]
    assert known == unknown


def test_a_hundred_guesses_at_once_are_a_hundred(house: House) -> None:
    house.user()

    async def together() -> list[Any]:
        return await asyncio.gather(
            *(tries(house, HOME) for _ in range(100)), return_exceptions=True
        )

    kinds = [type(each).__name__ for each in house.call(together())]
    assert (kinds.count("Unauthenticated"), kinds.count("TooManyRequests")) == (5, 95)


def test_strangers_keep_each_other_out_and_never_the_owner(house: House) -> None:
    house.user()
    assert outcome(house, HOME, PASSWORD) == "signed in"
    guesses = [outcome(house, stranger(number)) for number in range(25)]
    assert guesses == ["Unauthenticated"] * 20 + ["TooManyRequests"] * 5
    assert outcome(house, HOME, PASSWORD) == "signed in"
    assert outcome(house, stranger(30), PASSWORD) == "TooManyRequests"


def test_a_network_is_known_for_a_while(time: ManualClock, house: House) -> None:
    house.user()
    assert outcome(house, HOME, PASSWORD) == "signed in"
    time.advance(91 * 24 * 3600)
    for number in range(20):
        outcome(house, stranger(number))
    assert outcome(house, HOME, PASSWORD) == "TooManyRequests"


def test_the_neighbours_of_an_ipv6_address_are_known(house: House) -> None:
    house.user()
    network = "2001:db8:1:2::/64"
    assert outcome(house, Client("2001:db8:1:2::7", network), PASSWORD) == "signed in"
    for number in range(20):
        outcome(house, stranger(number))
    assert outcome(house, Client("2001:db8:1:2:abcd::1", network), PASSWORD) == "signed in"


def test_the_zeros_of_an_ipv6_network_may_be_left_out(house: House) -> None:
    house.user()
    network = "2001:0:0:2::/64"
    assert outcome(house, Client("2001::2:a:b:c:d", network), PASSWORD) == "signed in"
    for number in range(20):
        outcome(house, stranger(number))
    assert outcome(house, Client("2001:0:0:2::7", network), PASSWORD) == "signed in"


def test_a_network_stays_known_however_often_the_account_is_used_elsewhere(house: House) -> None:
    user = house.user()
    assert outcome(house, HOME, PASSWORD) == "signed in"

    async def used() -> None:
        async with house.services.database.session() as session:
            for number in range(300):
                session.add(house.services.sessions.opened(user, BROWSER, stranger(number)))
            await session.commit()

    house.call(used())
    for number in range(400, 420):
        outcome(house, stranger(number))
    assert outcome(house, HOME, PASSWORD) == "signed in"


def test_a_wrong_one_is_counted_whatever_refuses_it(house: House) -> None:
    house.user()

    async def refused(event: SignInFailed, session: AsyncSession) -> None:
        raise Forbidden("not here")

    house.services.events.within(SignInFailed)(refused)
    for _ in range(5):
        with pytest.raises(Forbidden):
            house.call(tries(house, HOME))
    with pytest.raises(TooManyRequests):
        house.call(tries(house, HOME))


def test_an_owner_abroad_gets_in_by_a_mail(house: House) -> None:
    house.user()
    for number in range(20):
        outcome(house, stranger(number))
    abroad = stranger(99)
    assert outcome(house, abroad, PASSWORD) == "TooManyRequests"
    house.call(house.services.recovery.ask("reset", ANN, abroad))
    text = SentMail(house.running).to(ANN)[-1].text.partition("token=")[2].split()[0]
    house.call(house.services.recovery.reset(text, "quite another one", abroad))
    assert outcome(house, abroad, "quite another one") == "signed in"


def change_password(house: House, token: str) -> Response:
    body = {"current_password": "wrong one", "new_password": "quite another one"}
    return house.post("/auth/me/password", token, json=body)


def reauthenticate(house: House, token: str) -> Response:
    return house.post("/auth/reauthenticate", token, json={"password": "wrong one"})


def leave(house: House, token: str) -> Response:
    headers = {"Authorization": f"Bearer {token}"}
    body = {"current_password": "wrong one"}
    return house.client.request("DELETE", "/auth/me", json=body, headers=headers)


def login(house: House, token: str) -> Response:
    return house.login(password="wrong one")


@pytest.mark.parametrize(
    "way", [change_password, reauthenticate, leave, login], ids=lambda each: each.__name__
)
def test_wherever_a_password_is_asked_for_guesses_are_counted(
    house: House, way: Callable[[House, str], Response]
) -> None:
    house.user()
    token = house.token()
    answers = [way(house, token).status_code for _ in range(6)]
    assert answers[-1] == 429
    assert set(answers[:5]) <= {401, 422}
    assert login(house, token).status_code == 429


def test_a_forged_header_makes_no_new_network(house: House) -> None:
    house.user()
    answers = [
        house.client.post(
            "/auth/login",
            data={"username": ANN, "password": "wrong one"},
            headers={"X-Forwarded-For": f"10.0.0.{number}", "Forwarded": f"for=10.0.0.{number}"},
        ).status_code
        for number in range(6)
    ]
    assert answers == [401] * 5 + [429]
