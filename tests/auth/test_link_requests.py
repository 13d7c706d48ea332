"""Links that were asked for: answered beside the request, one whatever becomes of the others."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest
from httpx2 import Response
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth.models import LinkRequest, LinkToken, User
from backoffice.core import InvalidInput
from backoffice.core.testing import ManualClock, SentMail
from tests.auth.conftest import PASSWORD, House, someone_waits

ANN, BEA = "ann@example.com", "bea@example.com"


@pytest.fixture(autouse=True)
def mailing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKOFFICE_MAIL__URL", "memory:")
    monkeypatch.setenv("BACKOFFICE_AUTH__PUBLIC_URL", "https://shop.example.org")


def tokens(house: House) -> list[LinkToken]:
    async def kept() -> list[LinkToken]:
        async with house.services.database.session() as session:
            return list((await session.exec(select(LinkToken))).all())

    return house.call(kept())


async def asked(house: House, *requests: LinkRequest) -> None:
    """As by another process: nobody here is told."""
    async with house.services.database.session() as session:
        session.add_all(requests)
        await session.commit()


def request(house: House, asked: str, email: str, age: float = 0, **fields: Any) -> LinkRequest:
    moment = house.services.clock.now() - timedelta(seconds=age)
    return LinkRequest(asked=asked, email=email, at=moment, **fields)


def test_one_that_cannot_be_answered_keeps_no_other_from_an_answer(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.user()
    house.user(BEA)
    write, faults = house.services.letters.reset, []

    async def reset(session: AsyncSession, user: User) -> None:
        if user.email == ANN:
            faults.append(user)
            raise InvalidInput("no letter can be written to this one")
        await write(session, user)

    monkeypatch.setattr(house.services.letters, "reset", reset)
    monkeypatch.setattr("backoffice.auth.link_requests.TOGETHER", 2)

    async def answered() -> None:
        first = [request(house, "reset", ANN, 30 - number) for number in range(5)]
        await asked(house, *first, request(house, "reset", BEA))
        with pytest.raises(InvalidInput):
            await house.services.requests.answer()

    house.call(answered())
    assert len(faults) >= 5
    assert [each.email for each in tokens(house)] == [BEA]


def test_an_address_to_which_no_mail_can_be_sent_is_none(house: House) -> None:
    for email in ("a" * 65 + "@example.com", "İ" * 33 + "@example.com"):
        body = {"email": email, "password": PASSWORD}
        assert house.client.post("/auth/register", json=body).status_code == 422


def test_of_links_that_are_made_at_once_one_is_good(house: House) -> None:
    house.user()

    async def together() -> None:
        requests = house.services.requests
        first, second = request(house, "reset", ANN, 1), request(house, "reset", ANN)
        await asked(house, first, second)
        async with house.services.database.session() as session:
            await requests._taken(session, first.id)
            answering = asyncio.create_task(requests._answer(second.id))
            await someone_waits(house)
            await session.commit()
        await answering

    house.call(together())
    assert len(tokens(house)) == 1


def test_a_new_address_that_was_asked_for_with_an_older_password_is_sent_no_link(
    house: House,
) -> None:
    user = house.user()

    async def late() -> None:
        async with house.services.database.session() as session:
            session.add(request(house, "address", BEA, 5, user_id=user.id))
            owner = await session.get(User, user.id)
            assert owner is not None
            await house.services.users.store_password(session, owner, "!", actor="test")
        await house.services.requests.answer()

    house.call(late())
    assert tokens(house) == []


def test_tokens_that_have_run_out_are_forgotten(time: ManualClock, house: House) -> None:
    house.user()
    house.call(asked(house, request(house, "reset", ANN)))
    house.call(house.services.requests.answer())
    assert len(tokens(house)) == 1
    time.advance(timedelta(hours=2))
    house.client.post("/auth/forgot-password", json={"email": "nobody@example.com"})
    for _ in range(100):
        if not tokens(house):
            break
        house.call(asyncio.sleep(0.05))
    assert tokens(house) == []


def test_who_is_signed_in_writes_to_strangers_as_seldom_as_anybody(house: House) -> None:
    house.user()
    headers = {"Authorization": f"Bearer {house.token()}"}
    body = {"email": BEA, "current_password": PASSWORD}

    def change() -> Response:
        return house.client.patch("/auth/me", json=body, headers=headers)

    assert [change().status_code for _ in range(7)] == [202] * 5 + [429] * 2
    assert len(SentMail(house.running).to(BEA)) == 5


def test_a_link_leads_nowhere_once_the_address_was_changed_by_somebody_who_may(
    house: House,
) -> None:
    user = house.user()
    house.client.post("/auth/forgot-password", json={"email": ANN})
    text = SentMail(house.running).to(ANN)[-1].text
    token = re.findall(r"\?token=(bol_[\w-]{43})", text)[0]
    house.call(house.services.users.change(user.id, {"email": BEA}, actor="test"))
    body = {"token": token, "password": "quite another one"}
    assert house.client.post("/auth/reset-password", json=body).status_code == 400
    assert house.login(BEA).status_code == 200
