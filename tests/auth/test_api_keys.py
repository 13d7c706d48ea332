"""API keys: shown once, kept as a digest, never more than their owner."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from backoffice.auth import ApiKey
from backoffice.auth.credentials import api_key_prefix, new_api_key
from backoffice.core.testing import ManualClock
from tests.auth.conftest import House, bearer


def test_a_key_is_shown_once_and_then_by_its_prefix_only(house: House) -> None:
    house.user("ann@example.com", "books:read")
    token = house.token()
    body = {"name": "deploy", "scopes": ["books:read"]}
    made = house.post("/auth/api-keys", token=token, json=body)
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    assert house.get("/books", key=made.json()["key"]).status_code == 200
    [listed] = house.get("/auth/api-keys", token=token).json()
    assert listed["prefix"] == made.json()["key"][:15]
    assert "key" not in listed
    assert "digest" not in listed


def test_the_database_holds_no_usable_key(house: House) -> None:
    user = house.user()
    text = house.key(user)

    async def stored() -> str:
        async with house.services.database.session() as session:
            [row] = (await session.exec(select(ApiKey))).all()
            return str(row.model_dump())

    assert text not in house.call(stored())
    assert text[16:] not in house.call(stored())


def test_revoking_a_key_ends_it_on_the_next_request(house: House) -> None:
    house.user()
    token = house.token()
    made = house.post("/auth/api-keys", token=token, json={"name": "x"}).json()
    assert house.get("/who", key=made["key"]).status_code == 200
    path = f"/auth/api-keys/{made['id']}"
    assert house.client.delete(path, headers=bearer(token)).status_code == 204
    assert house.get("/who", key=made["key"]).status_code == 401
    assert house.get("/auth/api-keys", token=token).json() == []


def test_nobody_revokes_anothers_key(house: House) -> None:
    house.user()
    house.user("bob@example.com")
    made = house.post("/auth/api-keys", token=house.token(), json={"name": "x"}).json()
    other = bearer(house.token("bob@example.com"))
    for id in (made["id"], str(uuid.uuid4())):
        assert house.client.delete(f"/auth/api-keys/{id}", headers=other).status_code == 404
    assert house.client.delete("/auth/api-keys/1", headers=other).status_code == 422
    assert house.get("/who", key=made["key"]).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/auth/api-keys"),
        ("POST", "/auth/api-keys"),
        ("DELETE", f"/auth/api-keys/{uuid.UUID(int=1)}"),
        ("POST", "/auth/me/password"),
        ("GET", "/auth/sessions"),
        ("DELETE", f"/auth/sessions/{uuid.UUID(int=1)}"),
    ],
)
def test_credentials_are_managed_by_people_not_by_keys(
    house: House, method: str, path: str
) -> None:
    user = house.user(superuser=True)
    body = {"name": "x", "current_password": "x", "new_password": "another password"}
    json = {name: body[name] for name in _fields(path)} if method == "POST" else None
    stranger = house.client.request(method, path, json=json)
    assert stranger.status_code == 401
    by_key = house.client.request(method, path, json=json, headers=bearer(house.key(user)))
    assert (by_key.status_code, by_key.json()["detail"]["code"]) == (403, "sign_in_required")


def test_a_key_gets_no_scope_that_its_owner_does_not_have(house: House) -> None:
    house.user("ann@example.com", "books:read")
    body = {"name": "x", "scopes": ["books:read", "books:write"]}
    refused = house.post("/auth/api-keys", token=house.token(), json=body)
    assert (refused.status_code, refused.json()["detail"]["code"]) == (422, "scope_not_held")


@pytest.mark.parametrize(
    "changed",
    [
        {"name": ""},
        {"name": " "},
        {"name": "a\x00b"},
        {"name": "x" * 101},
        {"name": None},
        {"scopes": ["Books"]},
        {"scopes": [1]},
        {"scopes": "books:read"},
        {"expires_at": "yesterday"},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "2099-01-01T00:00:00"},
        {"user_id": str(uuid.uuid4())},
    ],
)
def test_a_bad_wish_is_refused(house: House, changed: dict[str, Any]) -> None:
    house.user()
    body = {"name": "x"} | changed
    assert house.post("/auth/api-keys", token=house.token(), json=body).status_code == 422


def test_the_last_use_is_noted_once_a_minute(time: ManualClock, house: House) -> None:
    made = time.now()
    user = house.user()
    key = house.key(user)
    moments = []
    for _ in range(4):
        house.get("/who", key=key)
        house.call(house.services.last_uses.flush())
        [row] = house.call(house.services.keys.of_user(user.id))
        moments.append(row.last_used_at)
        time.advance(20)
    assert moments == [made] * 3 + [made + timedelta(minutes=1)]


def test_a_key_runs_out(time: ManualClock, house: House) -> None:
    key = house.key(house.user(), expires_at=time.now() + timedelta(hours=1))
    time.advance(3599)
    assert house.get("/who", key=key).status_code == 200
    time.advance(1)
    assert house.get("/who", key=key).status_code == 401


def test_a_mistyped_key_is_told_from_its_checksum_alone() -> None:
    made = new_api_key()
    assert api_key_prefix(made.text) == made.prefix
    for at in range(len(made.text)):
        other = "a" if made.text[at] != "a" else "b"
        assert api_key_prefix(made.text[:at] + other + made.text[at + 1 :]) is None


def _fields(path: str) -> list[str]:
    return {
        "/auth/api-keys": ["name"],
        "/auth/me/password": ["current_password", "new_password"],
    }.get(path, [])
