"""Registering, signing in, refreshing and signing out."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import anyio.lowlevel
import pytest
from sqlmodel import select

from backoffice.auth import AuditEntry, Registered
from backoffice.auth.passwords import Passwords
from backoffice.core import Conflict
from backoffice.core.testing import ManualClock
from backoffice.ratelimit import limits
from tests.auth.conftest import PASSWORD, House, bearer

NEW = {"email": "new@example.com", "password": PASSWORD}


def audited(house: House) -> list[str]:
    """The names of the events in the audit log, in order."""

    async def read() -> list[str]:
        async with house.services.database.session() as session:
            query = select(AuditEntry).order_by(AuditEntry.at)  # type: ignore[arg-type]
            return [each.event for each in (await session.exec(query)).all()]

    return house.call(read())


def counted(monkeypatch: pytest.MonkeyPatch, method: str) -> list[str]:
    """Count the calls of a hashing method: equal counts are equal cost, without a clock."""
    calls: list[str] = []
    real = getattr(Passwords, method)

    def spy(self: Passwords, password: str, *rest: Any) -> Any:
        calls.append(method)
        return real(self, password, *rest)

    monkeypatch.setattr(Passwords, method, spy)
    return calls


def test_who_registers_can_sign_in_and_holds_nothing(house: House) -> None:
    assert house.client.post("/auth/register", json=NEW).status_code == 202
    me = house.get("/auth/me", token=house.token("new@example.com")).json()
    assert (me["email"], me["permissions"], me["is_superuser"]) == ("new@example.com", [], False)


def test_registering_answers_alike_whether_the_address_is_free_or_taken(house: House) -> None:
    free = house.client.post("/auth/register", json=NEW)
    taken = house.client.post("/auth/register", json=NEW | {"password": "another password"})
    assert (free.status_code, free.content) == (taken.status_code, taken.content)
    assert house.login("new@example.com", "another password").status_code == 401


def test_registering_hashes_once_whether_the_address_is_free_or_taken(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = counted(monkeypatch, "hash")
    for _ in range(2):
        house.client.post("/auth/register", json=NEW)
    assert len(hashed) == 2


def test_signing_in_verifies_once_whoever_asks(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.user()
    house.call(
        house.services.users.change(
            house.user("off@example.com").id, {"is_active": False}, actor="test"
        )
    )
    verified = counted(monkeypatch, "_verify")
    answers = [
        house.login("nobody@example.com"),
        house.login("not an address"),
        house.login(password="wrong"),
        house.login("off@example.com"),
    ]
    assert len(verified) == len(answers)
    assert {(each.status_code, each.content) for each in answers} == {
        (401, answers[0].content),
    }
    assert answers[0].json()["detail"]["code"] == "invalid_credentials"


@pytest.mark.parametrize("spelling", ["ANN@example.com", "ann@EXAMPLE.com", "\uff41nn@example.com"])
def test_one_address_is_one_account_however_it_is_spelled(house: House, spelling: str) -> None:
    house.user()
    house.client.post("/auth/register", json={"email": spelling, "password": "other password"})
    assert house.login("ann@example.com", "other password").status_code == 401
    assert house.login(spelling).status_code == 200


def test_fifty_registrations_of_one_address_at_once_make_one_account(house: House) -> None:
    with ThreadPoolExecutor(10) as threads:
        answers = list(
            threads.map(lambda _: house.client.post("/auth/register", json=NEW), range(20))
        )
    assert {each.status_code for each in answers} == {202}
    assert len(house.call(house.services.users.all())) == 1


@pytest.mark.parametrize(
    "body",
    [
        NEW | {"is_superuser": True},
        NEW | {"email": "no address"},
        NEW | {"email": None},
        NEW | {"password": ""},
        NEW | {"password": "short"},
        NEW | {"password": "x" * 1_000_000},
        NEW | {"password": "aaaaaaaaaaaa"},
        NEW | {"password": "new@example.com"},
        NEW | {"email": "a\x00b@example.com"},
        NEW | {"email": "a" * 400 + "@example.com"},
        {"email": "new@example.com"},
        [],
        "text",
        None,
    ],
)
def test_a_bad_registration_is_refused_and_leaves_nothing(house: House, body: Any) -> None:
    assert house.client.post("/auth/register", json=body).status_code == 422
    assert house.call(house.services.users.all()) == []


@pytest.mark.parametrize(
    "raw",
    [
        b'{"email": "\\ud800@example.com", "password": "correct horse"}',
        b'{"email": "new@example.com", "password": "\\ud800\\ud800\\ud800\\ud800 long"}',
        b'{"\\ud800": 1, "email": "new@example.com", "password": "correct horse"}',
        b'{"email": NaN, "password": 1e999}',
        b'{"email": "new@example.com", "password": "correct horse"',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_json_that_cannot_be_repeated_is_refused_and_not_repeated(house: House, raw: bytes) -> None:
    json = {"Content-Type": "application/json"}
    response = house.client.post("/auth/register", content=raw, headers=json)
    assert response.status_code in (400, 422)
    assert b"correct horse" not in response.content
    assert house.call(house.services.users.all()) == []


def test_registration_can_be_closed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = house.services.settings.model_copy(update={"registration": False})
    object.__setattr__(house.services, "settings", closed)
    response = house.client.post("/auth/register", json=NEW)
    assert (response.status_code, response.json()["detail"]["code"]) == (403, "registration_closed")


def test_tokens_are_never_cached(house: House) -> None:
    house.user()
    pair = house.login()
    again = house.client.post("/auth/refresh", json={"refresh_token": pair.json()["refresh_token"]})
    assert pair.headers["cache-control"] == again.headers["cache-control"] == "no-store"


def test_refreshing_gives_a_new_pair_and_keeps_the_session(house: House) -> None:
    house.user()
    first = house.login().json()
    second = _refreshed(house, first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    assert house.get("/who", token=second["access_token"]).status_code == 200


def test_a_lost_answer_can_be_asked_for_again_within_the_grace_span(house: House) -> None:
    house.user()
    first = house.login().json()["refresh_token"]
    assert _refreshed(house, first)["refresh_token"] == _refreshed(house, first)["refresh_token"]


def test_fifty_refreshes_with_one_token_at_once_give_one_successor(house: House) -> None:
    house.user()
    first = house.login().json()["refresh_token"]
    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda _: _refreshed(house, first), range(50)))
    assert len({each["refresh_token"] for each in answers}) == 1


def test_a_spent_token_after_the_grace_span_ends_the_session(
    time: ManualClock, house: House
) -> None:
    user = house.user()
    first = house.login().json()["refresh_token"]
    second = _refreshed(house, first)
    time.advance(house.services.settings.refresh_grace + timedelta(microseconds=1))
    refused = house.client.post("/auth/refresh", json={"refresh_token": first})
    assert (refused.status_code, refused.json()["detail"]["code"]) == (401, "invalid_token")
    assert house.get("/who", token=second["access_token"]).status_code == 401
    assert (
        house.client.post(
            "/auth/refresh", json={"refresh_token": second["refresh_token"]}
        ).status_code
        == 401
    )
    assert "auth.token_reused" in audited(house)
    assert house.call(house.services.sessions.of_user(user.id)) == []


def test_a_grandparent_is_refused_even_within_the_grace_span(house: House) -> None:
    house.user()
    first = house.login().json()["refresh_token"]
    second = _refreshed(house, first)["refresh_token"]
    _refreshed(house, second)
    refused = house.client.post("/auth/refresh", json={"refresh_token": first})
    assert refused.status_code == 401


@pytest.mark.parametrize("kind", ["refresh as access", "access as refresh", "cookie as refresh"])
def test_no_token_serves_for_another(house: House, kind: str) -> None:
    house.user()
    pair = house.login().json()
    if kind == "refresh as access":
        assert house.get("/who", token=pair["refresh_token"]).status_code == 401
        assert house.get("/who", cookie=pair["refresh_token"]).status_code == 401
        return
    token = pair["access_token"] if kind == "access as refresh" else "bor_" + house.cookie()
    response = house.client.post("/auth/refresh", json={"refresh_token": token})
    assert response.status_code in (401, 422)


def test_signing_out_kills_the_tokens_and_no_other_session(house: House) -> None:
    house.user()
    here, there = house.login().json(), house.login().json()
    assert house.post("/auth/logout", token=here["access_token"]).status_code == 204
    assert house.get("/who", token=here["access_token"]).status_code == 401
    refused = house.client.post("/auth/refresh", json={"refresh_token": here["refresh_token"]})
    assert refused.status_code == 401
    assert house.get("/who", token=there["access_token"]).status_code == 200


def test_signing_out_everywhere_kills_every_session_and_no_key(house: House) -> None:
    user = house.user()
    tokens, cookie, key = [house.token(), house.token()], house.cookie(), house.key(user)
    assert house.post("/auth/logout-all", token=tokens[0]).status_code == 204
    assert [house.get("/who", token=each).status_code for each in tokens] == [401, 401]
    assert house.get("/who", cookie=cookie).status_code == 401
    assert house.get("/who", key=key).status_code == 200


def test_changing_the_password_needs_the_current_one_and_ends_other_sessions(
    house: House,
) -> None:
    house.user()
    here, there = house.token(), house.token()
    wrong = {"current_password": "wrong", "new_password": "a new password"}
    refused = house.post("/auth/me/password", token=here, json=wrong)
    assert (refused.status_code, refused.json()["detail"]["code"]) == (422, "invalid_credentials")
    right = {"current_password": PASSWORD, "new_password": "a new password"}
    assert house.post("/auth/me/password", token=here, json=right).status_code == 204
    assert house.get("/who", token=here).status_code == 200
    assert house.get("/who", token=there).status_code == 401
    assert house.login().status_code == 401
    assert house.login(password="a new password").status_code == 200


def test_one_sees_and_ends_ones_own_sessions_only(house: House) -> None:
    house.user()
    house.user("bob@example.com")
    token, other = house.token(), house.token("bob@example.com")
    [mine] = house.get("/auth/sessions", token=token).json()
    assert mine["current"] is True
    path = f"/auth/sessions/{mine['id']}"
    assert house.client.delete(path, headers=bearer(other)).status_code == 404
    assert house.client.delete(path, headers=bearer(token)).status_code == 204
    assert house.get("/who", token=token).status_code == 401


def test_tries_are_limited_by_address(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house.services.sign_in._guesses, "_by_network", limits("3/minute"))
    assert [house.login().status_code for _ in range(4)] == [401, 401, 401, 429]
    assert int(house.login().headers["retry-after"]) > 0


def test_what_happens_is_in_the_audit_log_and_no_secret_is(house: House) -> None:
    house.client.post("/auth/register", json=NEW)
    house.login("new@example.com", "wrong password")
    token = house.token("new@example.com")
    house.post("/auth/logout", token=token)
    assert audited(house) == [
        "auth.registered",
        "auth.sign_in_failed",
        "auth.signed_in",
        "auth.signed_out",
    ]

    async def everything() -> str:
        async with house.services.database.session() as session:
            return repr((await session.exec(select(AuditEntry))).all())

    text = house.call(everything())
    assert token not in text
    assert PASSWORD not in text


def test_a_listener_hears_of_what_happened(house: House) -> None:
    heard: list[str] = []

    @house.auth.on(Registered)
    async def hear(event: Registered) -> None:
        heard.append(event.subject)

    house.client.post("/auth/register", json=NEW)
    house.call(anyio.lowlevel.checkpoint())
    [user] = house.call(house.services.users.all())
    assert heard == [f"user:{user.id}"]


def test_a_listener_within_the_change_can_refuse_it(house: House) -> None:
    seen: list[str] = []

    @house.auth.within(Registered)
    async def only_ours(event: Registered, _: object) -> None:
        seen.append(event.subject)
        raise Conflict("this shop takes no new accounts today")

    assert house.client.post("/auth/register", json=NEW).status_code == 409
    assert len(seen) == 1
    assert house.call(house.services.users.all()) == []


def _refreshed(house: House, token: str) -> dict[str, Any]:
    response = house.client.post("/auth/refresh", json={"refresh_token": token})
    assert response.status_code == 200
    found: dict[str, Any] = response.json()
    return found
