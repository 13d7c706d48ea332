"""Rotation of API keys: a successor of the same terms, beside the old key for a while."""

import asyncio
import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from backoffice.auth import ApiKey, AuditEntry
from backoffice.core import Conflict
from backoffice.core.testing import ManualClock
from tests.auth.conftest import House

TERMS = {
    "name": "deploy",
    "scopes": ["books:read"],
    "networks": ["0.0.0.0/0"],
    "rate_limit": "100/minute",
    "manages_credentials": True,
}
HOUR = timedelta(hours=1)


def made(house: House, **body: Any) -> dict[str, Any]:
    answer = house.post("/auth/api-keys", house.token(), json={"name": "x", **body})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def rotated(house: House, id: str, overlap: int | None = 3600, token: str = "") -> Any:
    body = {} if overlap is None else {"overlap_seconds": overlap}
    return house.post(f"/auth/api-keys/{id}/rotate", token or house.token(), json=body)


def rows(house: House, kind: type[Any]) -> list[Any]:
    async def found() -> list[Any]:
        async with house.services.database.session() as session:
            return list((await session.exec(select(kind))).all())

    return house.call(found())


def test_the_successor_has_the_same_terms_and_is_shown_once(house: House) -> None:
    house.user("ann@example.com", "books:read")
    old = made(house, **TERMS)
    answer = rotated(house, old["id"])
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    new = answer.json()
    assert {name: new[name] for name in TERMS} == TERMS
    assert new["id"] != old["id"]
    assert new["key"] != old["key"]
    assert new["replaced_id"] == old["id"]
    listed = {each["id"]: each for each in house.get("/auth/api-keys", house.token()).json()}
    assert listed[old["id"]]["successor_id"] == new["id"]
    assert listed[old["id"]]["expires_at"] == new["replaced_until"]
    assert all("key" not in each for each in listed.values())


def test_both_are_good_for_the_overlap_and_then_the_new_one_alone(
    time: ManualClock, house: House
) -> None:
    house.user()
    old = made(house)
    assert house.get("/who", key=old["key"]).status_code == 200
    new = rotated(house, old["id"], 3600).json()
    for _ in range(2):
        assert house.get("/who", key=old["key"]).status_code == 200
        assert house.get("/who", key=new["key"]).status_code == 200
    time.advance(3600)
    assert house.get("/who", key=old["key"]).status_code == 401
    assert house.get("/who", key=new["key"]).status_code == 200


def test_without_an_overlap_the_old_one_ends_at_once(house: House) -> None:
    house.user()
    old = made(house)
    assert house.get("/who", key=old["key"]).status_code == 200
    new = rotated(house, old["id"], 0).json()
    assert house.get("/who", key=old["key"]).status_code == 401
    assert house.get("/who", key=new["key"]).status_code == 200


def test_the_overlap_is_an_hour_unless_said(time: ManualClock, house: House) -> None:
    house.user()
    new = rotated(house, made(house)["id"], None).json()
    [old] = [each for each in rows(house, ApiKey) if str(each.id) == new["replaced_id"]]
    assert old.expires_at == time.now() + HOUR


def test_an_old_key_lives_no_longer_for_being_rotated(time: ManualClock, house: House) -> None:
    """And the new one is given as long a life as the old one was."""
    user = house.user()
    key, _ = house.call(
        house.services.keys.create(user, "x", expires_at=time.now() + 2 * HOUR, actor="test")
    )
    time.advance(1.5 * 3600)
    old, new, _ = house.call(house.services.keys.rotate(key.id, overlap=HOUR, actor="test"))
    assert old.expires_at == key.created_at + 2 * HOUR
    assert new.expires_at == time.now() + 2 * HOUR


@pytest.mark.parametrize("overlap", [-1, 31 * 86400, 10**9, 10**30, 1.5, "soon", None, [], "1e400"])
def test_an_overlap_out_of_bounds_is_refused_and_changes_nothing(
    house: House, overlap: Any
) -> None:
    house.user()
    old = made(house)
    path = f"/auth/api-keys/{old['id']}/rotate"
    assert house.post(path, house.token(), json={"overlap_seconds": overlap}).status_code == 422
    [row] = rows(house, ApiKey)
    assert (row.successor_id, row.expires_at, row.revoked_at) == (None, None, None)


def test_a_key_at_the_end_of_time_can_be_rotated(house: House) -> None:
    house.user()
    old = made(house, expires_at="9999-12-31T23:59:59Z")
    assert rotated(house, old["id"]).json()["expires_at"].startswith("9999-12-31")


def test_a_key_has_one_successor(house: House) -> None:
    house.user()
    old = made(house)
    new = rotated(house, old["id"]).json()
    again = rotated(house, old["id"])
    assert (again.status_code, again.json()["detail"]["code"]) == (409, "key_not_current")
    assert rotated(house, new["id"]).status_code == 201


def test_of_many_rotations_at_once_one_makes_a_successor(house: House) -> None:
    user = house.user()
    key, _ = house.call(house.services.keys.create(user, "x", actor="test"))

    async def at_once() -> list[Any]:
        rotate = house.services.keys.rotate
        return await asyncio.gather(
            *(rotate(key.id, overlap=HOUR, actor="test") for _ in range(8)), return_exceptions=True
        )

    outcomes = house.call(at_once())
    assert sum(isinstance(each, Conflict) for each in outcomes) == 7
    assert sum(isinstance(each, tuple) for each in outcomes) == 1
    assert len(rows(house, ApiKey)) == 2


@pytest.fixture
def three_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three keys for each account; ask for it before the house."""
    monkeypatch.setenv("BACKOFFICE_AUTH__KEYS_PER_OWNER", "3")


def test_of_many_keys_at_once_no_more_are_made_than_an_account_may_have(
    three_each: None, house: House
) -> None:
    user = house.user()

    async def at_once() -> list[Any]:
        create = house.services.keys.create
        return await asyncio.gather(
            *(create(user, "x", actor="test") for _ in range(8)), return_exceptions=True
        )

    outcomes = house.call(at_once())
    assert sum(isinstance(each, Conflict) for each in outcomes) == 5
    assert len(rows(house, ApiKey)) == 3


@pytest.mark.parametrize("how", ["revoked", "expired"])
def test_what_has_ended_is_not_rotated(time: ManualClock, house: House, how: str) -> None:
    user = house.user()
    keys = house.services.keys
    soon = time.now() + HOUR
    key, _ = house.call(keys.create(user, "x", expires_at=soon, actor="test"))
    if how == "revoked":
        house.call(keys.revoke(key.id, actor="test"))
    else:
        time.advance(3600)
    assert rotated(house, str(key.id)).status_code == 409
    assert len(rows(house, ApiKey)) == 1


def test_a_stranger_gets_401_and_another_404(house: House) -> None:
    house.user()
    house.user("bob@example.com")
    old = made(house)
    path = f"/auth/api-keys/{old['id']}/rotate"
    assert house.client.post(path, json={"overlap_seconds": 0}).status_code == 401
    bob = house.token("bob@example.com")
    for id in (old["id"], str(uuid.uuid4())):
        assert rotated(house, id, token=bob).status_code == 404
    assert rotated(house, "nonsense").status_code == 422
    assert house.get("/who", key=old["key"]).status_code == 200


def test_the_audit_log_names_both_keys_and_no_secret(house: House) -> None:
    user = house.user()
    old = made(house)
    new = rotated(house, old["id"]).json()
    [entry] = [each for each in rows(house, AuditEntry) if each.event == "auth.api_key_rotated"]
    assert entry.data == {"key": old["id"], "successor": new["id"]}
    assert entry.actor == entry.subject == f"user:{user.id}"
    assert new["key"] not in str(entry.model_dump())


def test_pruning_deletes_what_ended_long_ago_and_nothing_else(
    time: ManualClock, house: House
) -> None:
    user, keys = house.user(), house.services.keys
    alive, revoked, expired, late = (
        house.call(keys.create(user, name, expires_at=end, actor="test"))[0]
        for name, end in (
            ("alive", None),
            ("revoked", None),
            ("expired", time.now() + HOUR),
            ("late", time.now() + timedelta(days=20)),
        )
    )
    house.call(keys.revoke(revoked.id, actor="test"))
    time.advance(timedelta(days=30).total_seconds() + 3600)
    assert house.call(keys.prune(timedelta(days=30), actor="test")) == 2
    assert {each.id for each in rows(house, ApiKey)} == {alive.id, late.id}
    assert house.call(keys.prune(timedelta(days=30), actor="test")) == 0
    entries = [each for each in rows(house, AuditEntry) if each.event == "auth.api_keys_pruned"]
    assert [each.data for each in entries] == [{"count": 2}]
    assert expired.id not in {each.id for each in rows(house, ApiKey)}


def test_a_key_that_is_gone_leaves_its_predecessor_as_it_was(house: House) -> None:
    user, keys = house.user(), house.services.keys
    key, _ = house.call(keys.create(user, "x", actor="test"))
    _, new, _ = house.call(keys.rotate(key.id, overlap=HOUR, actor="test"))

    async def deleted() -> None:
        async with house.services.database.session() as session:
            row = (await session.exec(select(ApiKey).where(col(ApiKey.id) == new.id))).one()
            await session.delete(row)
            await session.commit()

    house.call(deleted())
    [row] = rows(house, ApiKey)
    assert (row.id, row.successor_id) == (key.id, new.id)
