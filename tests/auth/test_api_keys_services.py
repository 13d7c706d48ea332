"""Service accounts: they own keys and hold roles, and cannot sign in."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlmodel import col, update

from backoffice.auth import User
from backoffice.auth.sessions import BROWSER, TOKEN, Client
from backoffice.auth.user_manager import NO_PASSWORD
from backoffice.core import Conflict, InvalidInput, Unauthenticated
from tests.auth.conftest import PASSWORD, House, headers

NAME = "deploy@services.example.com"


def service(house: House, *permissions: str) -> User:
    """A service account; with permissions, by a role of its own."""
    roles = ["of the service"] if permissions else []
    for name in roles:
        house.accounts.role(name, *permissions)
    return house.call(house.services.users.create_service(NAME, roles=roles, actor="test"))


def with_password(house: House, user: User) -> None:
    """Put the hash of a password into the row, past the app."""

    async def written() -> None:
        hashed = await house.services.passwords.hashed(PASSWORD)
        async with house.services.database.session() as session:
            await session.exec(
                update(User).where(col(User.id) == user.id).values(hashed_password=hashed)
            )
            await session.commit()

    house.call(written())


def session_of(house: House, user: User, kind: str) -> Any:
    """A session, put into the database past the app."""
    sessions = house.services.sessions
    row = sessions.opened(user, kind, Client())

    async def written() -> None:
        async with house.services.database.session() as session:
            session.add(row)
            await session.commit()

    house.call(written())
    return row


def test_its_keys_act_for_it_within_its_roles(house: House) -> None:
    user = service(house, "books:read")
    key = house.key(user)
    assert house.get("/who", key=key).json() == {
        "id": str(user.id),
        "method": "api_key",
        "permissions": ["books:read"],
    }
    assert house.get("/books", key=key).status_code == 200
    assert house.client.post("/books", headers=headers(key=key)).status_code == 403
    found = house.call(house.services.keys.of_user(user.id))
    standing = house.services.resolver._principals.standing([], [found[0].id])
    assert house.call(standing)[found[0].id][0].kind == "service"


@pytest.mark.parametrize("hashed", [False, True], ids=["without a hash", "with a hash"])
@pytest.mark.parametrize("password", [NO_PASSWORD, PASSWORD, "x"])
def test_no_password_signs_it_in_and_the_answer_is_that_to_a_stranger(
    house: House, password: str, hashed: bool
) -> None:
    user = service(house)
    if hashed:
        with_password(house, user)
    answer, stranger = (house.login(each, password) for each in (NAME, "nobody@example.com"))
    assert (answer.status_code, answer.json()["detail"]["code"]) == (401, "invalid_credentials")
    assert answer.text == stranger.text
    with pytest.raises(Unauthenticated):
        house.call(house.services.sign_in.with_password(NAME, password, BROWSER, Client()))


def test_a_sign_in_costs_as_many_verifications_as_a_strangers(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    service(house)
    passwords, asked = house.services.passwords, []
    verify: Callable[..., Any] = passwords._verify

    def counting(*given: Any) -> Any:
        asked.append(given)
        return verify(*given)

    monkeypatch.setattr(passwords, "_verify", counting)
    counts = []
    for email in (NAME, "nobody@example.com"):
        asked.clear()
        assert house.login(email).status_code == 401
        counts.append(len(asked))
    assert counts == [1, 1]


def test_a_session_of_it_is_good_for_nothing_wherever_it_came_from(house: House) -> None:
    user = service(house)
    pair = house.services.sessions.tokens(session_of(house, user, TOKEN))
    assert house.get("/who", token=pair.access_token).status_code == 401
    body = {"refresh_token": pair.refresh_token}
    assert house.client.post("/auth/refresh", json=body).status_code == 401
    cookie = house.services.sessions.cookie(session_of(house, user, BROWSER))
    assert house.get("/who", cookie=cookie).status_code == 401


def test_it_is_given_no_password(house: House) -> None:
    user = service(house)
    users = house.services.users
    with pytest.raises(Conflict, match="no password"):
        house.call(users.set_password(user.id, "another password", actor="test"))
    change = users.change_password(
        user.id, NO_PASSWORD, "another password", keep=None, client=Client()
    )
    with pytest.raises(Conflict, match="no password"):
        house.call(change)
    assert house.call(users.get(user.id)).hashed_password == NO_PASSWORD


def test_its_key_gives_it_no_password_either(house: House) -> None:
    key = house.key(service(house), manages_credentials=True)
    body = {"current_password": NO_PASSWORD, "new_password": "another password"}
    answer = house.client.post("/auth/me/password", json=body, headers=headers(key=key))
    assert (answer.status_code, answer.json()["detail"]["code"]) == (409, "service_cannot_sign_in")


def test_fastapi_users_manager_gives_it_no_password(house: House) -> None:
    """The way on which a reset would come."""
    user = service(house)

    async def reset() -> None:
        async with house.services.database.session() as session:
            manager = house.services.users.manager(session)
            await manager._update(user, {"password": "another password"})

    with pytest.raises(Conflict, match="no password"):
        house.call(reset())


def test_it_is_made_no_superuser(house: House) -> None:
    user = service(house)
    with pytest.raises(InvalidInput, match="superuser"):
        house.call(house.services.users.change(user.id, {"is_superuser": True}, actor="test"))
    assert not house.call(house.services.users.get(user.id)).is_superuser


def test_nobody_is_turned_into_one_or_out_of_one(house: House) -> None:
    for user in (service(house), house.user()):
        turned = {"is_service": not user.is_service}
        with pytest.raises(InvalidInput, match="cannot be set"):
            house.call(house.services.users.change(user.id, turned, actor="test"))


def test_registration_makes_none(house: House) -> None:
    for more in ({"is_service": True}, {"service": True}, {"kind": "service"}):
        body = {"email": NAME, "password": PASSWORD} | more
        assert house.client.post("/auth/register", json=body).status_code == 422
    body = {"email": NAME, "password": PASSWORD}
    assert house.client.post("/auth/register", json=body).status_code == 202
    assert not house.call(house.services.users.find(NAME)).is_service


def test_an_address_is_taken_whoever_has_it(house: House) -> None:
    house.user(NAME)
    with pytest.raises(Conflict, match="taken"):
        service(house)


def test_of_two_at_once_with_one_address_one_is_made(house: House) -> None:
    async def at_once() -> list[Any]:
        create = house.services.users.create_service
        return await asyncio.gather(
            *(create(NAME, actor="test") for _ in range(4)), return_exceptions=True
        )

    outcomes = house.call(at_once())
    assert sum(isinstance(each, Conflict) for each in outcomes) == 3


def test_deactivated_its_keys_end_at_once(house: House) -> None:
    user = service(house)
    key = house.key(user)
    assert house.get("/who", key=key).status_code == 200
    house.call(house.services.users.change(user.id, {"is_active": False}, actor="test"))
    assert house.get("/who", key=key).status_code == 401
