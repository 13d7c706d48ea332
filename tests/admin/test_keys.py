"""The page of API keys: how each stands, found by that and by its owner, and rotated."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from backoffice.auth import ApiKey, User
from tests.admin.conftest import House

KEEPER = ("api-keys:*", "users:view", "books:*")
LONG_AGO = datetime.now(UTC) - timedelta(days=200)


@pytest.fixture
def keeper(house: House) -> House:
    """Somebody who looks after keys, signed in; bob has keys of all kinds, the boss has one."""
    bob = house.user("bob@example.com", "books:view")
    boss = house.user("boss@example.com", superuser=True)
    soon = datetime.now(UTC) + timedelta(days=5)
    keys = house.services.keys
    for owner, name, expires_at in (
        (bob, "fresh", None),
        (bob, "ending", soon),
        (bob, "forgotten", None),
        (bob, "gone", None),
        (boss, "mighty", None),
    ):
        house.call(keys.create(owner, name, expires_at=expires_at, actor="test"))
    house.call(keys.revoke(key(house, "gone").id, actor="test"))
    forget(house, "forgotten")
    house.signed_in(*KEEPER, email="keeper@example.com")
    return house


def key(house: House, name: str) -> ApiKey:
    return next(each for each in house.all(ApiKey) if each.name == name)


def forget(house: House, name: str) -> None:
    """Let it be made, and used for the last time, long ago."""

    async def forgotten() -> None:
        async with house.services.database.session() as session:
            found = await session.get(ApiKey, key_id)
            assert found is not None
            found.created_at = found.last_used_at = LONG_AGO
            session.add(found)
            await session.commit()

    key_id = key(house, name).id
    house.call(forgotten())


def listed(house: House, query: str) -> set[str]:
    answer = house.open(f"/api-keys?{query}")
    assert answer.status_code == 200, answer.text
    return {each.name for each in house.all(ApiKey) if f">{each.name}<" in answer.text}


def owner(house: House, email: str) -> User:
    return house.call(house.services.users.find(email))


def rotated(house: House, name: str, **form: str) -> tuple[int, str]:
    sent = {"name": "rotate", "pks": str(key(house, name).id), **form}
    answer = house.send("/api-keys/action", sent)
    found = re.search(r'class="secret"[^>]*>([^<]+)<', answer.text)
    return answer.status_code, found[1] if found else ""


def test_keys_are_found_by_how_they_stand_and_by_their_owner(keeper: House) -> None:
    assert listed(keeper, "is.state=in-use") == {"fresh", "ending", "forgotten", "mighty"}
    assert listed(keeper, "is.state=expiring") == {"ending"}
    assert listed(keeper, "is.state=endless") == {"fresh", "forgotten", "mighty"}
    assert listed(keeper, "is.state=stale") == {"forgotten"}
    assert listed(keeper, "is.state=revoked") == {"gone"}
    assert listed(keeper, "is.state=ran-out") == set()
    assert listed(keeper, f"is.user_id={owner(keeper, 'boss@example.com').id}") == {"mighty"}
    page = keeper.open("/api-keys").text
    for each in ("Not used for 90 days", "Expires within 30 days", "Revoked"):
        assert each in page
    assert keeper.open("/api-keys?is.state=nonsense").status_code == 400


def test_a_key_is_rotated_with_an_overlap_and_its_successor_shown_once(keeper: House) -> None:
    id = key(keeper, "fresh").id
    asked = keeper.open(f"/api-keys/action?name=rotate&pks={id}").text
    assert re.findall(r'<option value="(\w+)"', asked) == ["none", "hour", "day", "week", "month"]
    status, text = rotated(keeper, "fresh", overlap="day")
    assert status == 200
    new = {"X-API-Key": text}
    assert keeper.client.get("/auth/me", headers=new).json()["email"] == "bob@example.com"
    old = keeper.get(ApiKey, id)
    assert old is not None
    assert old.expires_at is not None
    left = old.expires_at - datetime.now(UTC)
    assert timedelta(hours=23) < left <= timedelta(days=1)
    assert text not in keeper.open("/api-keys").text
    assert [each.event for each in keeper.events()][-1] == "auth.api_key_rotated"
    sent = {"name": "rotate", "pks": str(id), "overlap": "day"}
    assert keeper.send("/api-keys/action", sent).status_code == 403, "it has a successor"


def test_no_key_is_rotated_by_who_may_do_less_than_its_owner(keeper: House) -> None:
    """Who has made the successor has it in hand."""
    assert rotated(keeper, "mighty", overlap="none") == (403, "")
    assert rotated(keeper, "gone", overlap="none") == (403, "")
    assert rotated(keeper, "fresh", overlap="year") == (409, "")
    assert rotated(keeper, "fresh") == (409, "")
    keeper.client.cookies.clear()
    keeper.signed_in("api-keys:view", "api-keys:delete", "books:*", email="other@example.com")
    assert rotated(keeper, "fresh", overlap="none") == (403, "")
    assert "name=rotate" not in keeper.open(f"/api-keys/detail?pk={key(keeper, 'fresh').id}").text
    keeper.client.cookies.clear()
    form = {"name": "rotate", "pks": str(key(keeper, "fresh").id), "overlap": "none"}
    assert keeper.client.post("/admin/api-keys/action", data=form).status_code in (401, 403)
    assert all(each.successor_id is None for each in keeper.all(ApiKey))
