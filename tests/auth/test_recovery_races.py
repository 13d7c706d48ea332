"""Recovery beside what else is done to the account at that moment, and while Redis is away."""

import asyncio

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth.links import InvalidLink
from backoffice.auth.models import User
from backoffice.auth.row_locks import held_user
from backoffice.auth.sessions import Client
from backoffice.core.testing import SentMail
from tests.auth.conftest import House, built, someone_waits
from tests.services.process import free_port
from tests.services.redis import redis_at

OTHER = "quite another one"


@pytest.fixture(autouse=True)
def mailing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKOFFICE_MAIL__URL", "memory:")
    monkeypatch.setenv("BACKOFFICE_AUTH__PUBLIC_URL", "https://shop.example.org")
    monkeypatch.setenv("BACKOFFICE_AUTH__RECOVERY_LIMIT", "1000/hour")


def forgotten(house: House, email: str) -> str:
    """The token of the link that was sent."""
    house.client.post("/auth/forgot-password", json={"email": email})
    return SentMail(house.running).to(email)[-1].text.partition("token=")[2].split()[0]


def test_whoever_voids_a_link_and_whoever_takes_it_wait_once(house: House) -> None:
    user = house.user()
    token = forgotten(house, user.email)

    async def together() -> object:
        async with house.services.database.session() as session:
            await held_user(session, house.services.records, user.id)
            taking = asyncio.create_task(house.services.recovery.reset(token, OTHER, Client()))
            await someone_waits(house)
            await house.services.links.void(session, user.id, ["reset"])
            await session.commit()
        return (await asyncio.gather(taking, return_exceptions=True))[0]

    assert isinstance(house.call(together()), InvalidLink)


def test_whoever_ends_sessions_and_whoever_deletes_the_account_wait_once(house: House) -> None:
    user = house.user()
    house.login()

    async def together() -> None:
        async with house.services.database.session() as session:
            await held_user(session, house.services.records, user.id)
            deleting = asyncio.create_task(house.services.users.delete(user.id, actor="test"))
            await someone_waits(house)
            await house.services.sessions.end_all(session, user.id)
            await session.commit()
        await deleting

    house.call(together())
    assert house.login().status_code == 401


def test_who_was_deactivated_while_the_new_password_is_hashed_resets_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = house.user()
    token = forgotten(house, user.email)
    hashed = house.services.users.new_hash

    async def meanwhile(session: AsyncSession, owner: User, password: str) -> str:
        async with house.services.database.session() as other:
            row = await other.get(User, user.id)
            assert row is not None
            row.is_active = False
            await other.commit()
        return await hashed(session, owner, password)

    monkeypatch.setattr(house.services.users, "new_hash", meanwhile)
    with pytest.raises(InvalidLink):
        house.call(house.services.recovery.reset(token, OTHER, Client()))


def test_a_password_is_reset_while_redis_is_away(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("BACKOFFICE_REDIS_URL", f"redis://127.0.0.1:{port}/0")
    with built() as other:
        with redis_at(port):
            other.user()
            token = forgotten(other, "ann@example.com")
        body = {"token": token, "password": OTHER}
        assert other.client.post("/auth/reset-password", json=body).status_code == 204
        assert other.login(password=OTHER).status_code == 200
