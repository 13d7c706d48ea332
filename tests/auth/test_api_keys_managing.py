"""API keys that make keys: only where a person said so, and never more than they are."""

from datetime import timedelta
from typing import Any

import pytest
from httpx2 import Response

from backoffice.core.testing import ManualClock
from tests.auth.conftest import House, headers

HOUR = timedelta(hours=1)


def listed(house: House, key: str) -> Response:
    return house.get("/auth/api-keys", key=key)


def make(house: House, key: str, **body: Any) -> Response:
    return house.client.post("/auth/api-keys", json={"name": "x"} | body, headers=headers(key=key))


def wider(answer: Response) -> bool:
    return (answer.status_code, answer.json()["detail"]["code"]) == (403, "wider_than_key")


def id_of(house: House, key: str) -> str:
    user = house.call(house.services.users.find("ann@example.com"))
    rows = house.call(house.services.keys.of_user(user.id))
    [found] = [str(each.id) for each in rows if each.prefix == key[:15]]
    return found


def rotate(house: House, key: str, id: str) -> Response:
    return house.client.post(
        f"/auth/api-keys/{id}/rotate", json={"overlap_seconds": 60}, headers=headers(key=key)
    )


def test_a_person_lets_a_key_manage_credentials(house: House) -> None:
    house.user("ann@example.com", "books:read")
    body = {"name": "deploy", "manages_credentials": True}
    made = house.post("/auth/api-keys", house.token(), json=body).json()
    assert made["manages_credentials"] is True
    key = made["key"]
    assert listed(house, key).status_code == 200
    assert house.get("/auth/sessions", key=key).status_code == 200
    other = make(house, key).json()
    assert house.get("/books", key=other["key"]).status_code == 200
    gone = house.client.delete(f"/auth/api-keys/{other['id']}", headers=headers(key=key))
    assert gone.status_code == 204
    assert house.get("/books", key=other["key"]).status_code == 401


def test_a_key_that_was_not_told_to_manages_none(house: House) -> None:
    key = house.key(house.user())
    for answer in (
        listed(house, key),
        make(house, key),
        rotate(house, key, id_of(house, key)),
        house.get("/auth/sessions", key=key),
        house.client.delete(f"/auth/api-keys/{id_of(house, key)}", headers=headers(key=key)),
    ):
        assert (answer.status_code, answer.json()["detail"]["code"]) == (403, "sign_in_required")
    assert house.get("/who", key=key).status_code == 200


def test_a_key_lets_no_other_manage_credentials(house: House) -> None:
    key = house.key(house.user(superuser=True), manages_credentials=True)
    assert wider(make(house, key, manages_credentials=True))
    made = make(house, key).json()
    assert made["manages_credentials"] is False
    assert make(house, made["key"]).status_code == 403


def test_what_a_key_makes_has_its_terms(time: ManualClock, house: House) -> None:
    terms: dict[str, Any] = {
        "networks": ["0.0.0.0/0", "::/0"],
        "rate_limit": "50/minute",
        "expires_at": time.now() + HOUR,
    }
    user = house.user("ann@example.com", "books:read", "books:write")
    service = house.services.keys
    maker, _ = house.call(
        service.create(
            user, "x", scopes=["books:read"], manages_credentials=True, actor="test", **terms
        )
    )
    by = house.call(house.services.resolver._principals.standing([], [maker.id]))[maker.id][0]
    made, _ = house.call(service.create(user, "y", actor="test", by=by))
    assert (made.scopes, made.networks, made.rate_limit, made.expires_at) == (
        maker.scopes,
        maker.networks,
        maker.rate_limit,
        maker.expires_at,
    )


@pytest.mark.parametrize(
    ("maker", "wish"),
    [
        ({"scopes": ["books:read"]}, {"scopes": ["books:write"]}),
        ({"scopes": ["books:read"]}, {"scopes": ["books:*"]}),
        ({"expires_at": HOUR}, {"expires_at": 2 * HOUR}),
        ({"rate_limit": "100/minute"}, {"rate_limit": "1000/minute"}),
    ],
)
def test_a_key_makes_none_that_may_do_more(
    time: ManualClock, house: House, maker: dict[str, Any], wish: dict[str, Any]
) -> None:
    user = house.user("ann@example.com", "books:*")

    def terms(given: dict[str, Any]) -> dict[str, Any]:
        moments = {name: time.now() + span for name, span in given.items() if name == "expires_at"}
        return given | moments

    made, key = house.call(
        house.services.keys.create(
            user, "x", manages_credentials=True, actor="test", **terms(maker)
        )
    )
    body = terms(wish)
    if "expires_at" in body:
        body["expires_at"] = body["expires_at"].isoformat()
    assert wider(make(house, key, **body))
    unbound, _ = house.call(house.services.keys.create(user, "y", actor="test", **terms(wish)))
    assert wider(rotate(house, key, str(unbound.id)))
    assert len(listed(house, key).json()) == 2
    assert rotate(house, key, str(made.id)).status_code == 201


def test_a_key_makes_none_for_other_networks(house: House) -> None:
    """It is itself good from here alone, wherever that is."""
    from backoffice.core.testing.clients import client as beside

    user = house.user()
    key = house.key(user, networks=["10.0.0.0/8"], manages_credentials=True)
    here = beside(house.client, client=("10.1.2.3", 50000), headers=headers(key=key))
    wide = here.post("/auth/api-keys", json={"name": "x", "networks": ["0.0.0.0/0"]})
    assert wider(wide)
    narrow = here.post("/auth/api-keys", json={"name": "x", "networks": ["10.1.0.0/16"]})
    assert narrow.status_code == 201
    assert here.post("/auth/api-keys", json={"name": "x"}).json()["networks"] == ["10.0.0.0/8"]


def test_a_key_that_rotates_itself_gains_no_time(time: ManualClock, house: House) -> None:
    expires_at = time.now() + HOUR
    key = house.key(house.user(), expires_at=expires_at, manages_credentials=True)
    time.advance(1800)
    answer = rotate(house, key, id_of(house, key))
    assert answer.status_code == 201
    assert answer.json()["expires_at"] == expires_at.isoformat().replace("+00:00", "Z")
    assert answer.json()["manages_credentials"] is True


def test_a_key_does_not_change_a_password_without_knowing_it(house: House) -> None:
    key = house.key(house.user(), manages_credentials=True)
    body = {"current_password": "a guess", "new_password": "another password"}
    answer = house.client.post("/auth/me/password", json=body, headers=headers(key=key))
    assert answer.status_code == 422
    assert house.login().status_code == 200
