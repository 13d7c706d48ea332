"""Sessions: how long they last, how they are refreshed, seen, proved anew and ended."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Annotated, Any

import pytest
from fastapi import APIRouter
from httpx2 import Response
from sqlmodel import select

from backoffice.auth import AuditEntry, Principal, UserSession
from backoffice.auth.settings import AuthSettings
from backoffice.core.testing import ManualClock
from backoffice.ratelimit import limits
from tests.auth.conftest import PASSWORD, House, bearer, built, headers

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
TICK = timedelta(microseconds=1)


def pair(house: House) -> dict[str, Any]:
    """The tokens of a new sign-in."""
    found: dict[str, Any] = house.login().json()
    return found


def refresh(house: House, token: str, **headers: str) -> Response:
    return house.client.post("/auth/refresh", json={"refresh_token": token}, headers=headers)


def rows(house: House) -> list[UserSession]:
    """All sessions, ended ones too."""

    async def read() -> list[UserSession]:
        async with house.services.database.session() as session:
            return list((await session.exec(select(UserSession))).all())

    return house.call(read())


def events(house: House, name: str) -> list[AuditEntry]:
    async def read() -> list[AuditEntry]:
        async with house.services.database.session() as session:
            query = select(AuditEntry).where(AuditEntry.event == name)
            return list((await session.exec(query)).all())

    return house.call(read())


def alive(house: House, **credential: str) -> bool:
    status = house.get("/who", **credential).status_code
    assert status in (200, 401)
    return status == 200


def idle_after(span: timedelta, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = house.services.settings.model_copy(update={"refresh_idle": span})
    monkeypatch.setattr(house.services.sessions, "_settings", settings)


class TestLifetimes:
    def test_a_client_that_neither_asks_nor_refreshes_is_signed_out(
        self, time: ManualClock, house: House
    ) -> None:
        house.user()
        token = pair(house)["refresh_token"]
        time.advance(house.services.settings.refresh_idle)
        assert refresh(house, token).status_code == 401
        assert house.call(house.services.sessions.of_user(rows(house)[0].user_id)) == []

    def test_each_refresh_begins_the_idle_span_anew(self, time: ManualClock, house: House) -> None:
        house.user()
        token = pair(house)["refresh_token"]
        for _ in range(2):
            time.advance(house.services.settings.refresh_idle - TICK)
            answer = refresh(house, token)
            assert answer.status_code == 200
            token = answer.json()["refresh_token"]

    def test_a_request_begins_the_idle_span_anew(
        self, time: ManualClock, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        idle_after(timedelta(minutes=10), house, monkeypatch)
        house.user()
        tokens = pair(house)
        time.advance(timedelta(minutes=9))
        assert alive(house, token=tokens["access_token"])
        house.call(house.services.last_uses.flush())
        time.advance(timedelta(minutes=9))
        assert refresh(house, tokens["refresh_token"]).status_code == 200

    def test_an_access_token_dies_with_an_idle_session(
        self, time: ManualClock, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        idle_after(timedelta(minutes=5), house, monkeypatch)
        house.user()
        token = house.token()
        time.advance(timedelta(minutes=5))
        assert not alive(house, token=token)

    def test_no_chain_of_refreshes_passes_the_absolute_lifetime(
        self, time: ManualClock, house: House
    ) -> None:
        house.user()
        token = pair(house)["refresh_token"]
        lifetime, step = house.services.settings.refresh_lifetime, timedelta(days=5)
        for _ in range(lifetime // step - 1):
            time.advance(step)
            token = refresh(house, token).json()["refresh_token"]
        time.advance(step)
        assert refresh(house, token).status_code == 401

    def test_no_use_of_a_cookie_passes_the_absolute_lifetime(
        self, time: ManualClock, house: House
    ) -> None:
        house.user()
        cookie = house.cookie()
        step = timedelta(hours=7)
        for _ in range(house.services.settings.session_lifetime // step - 1):
            time.advance(step)
            assert alive(house, cookie=cookie)
            house.call(house.services.last_uses.flush())
        time.advance(step)
        assert not alive(house, cookie=cookie)


class TestRotation:
    def test_fifty_refreshes_over_two_runs_leave_one_line_of_descent(self, house: House) -> None:
        house.user()
        token = pair(house)["refresh_token"]
        with built() as other, ThreadPoolExecutor(16) as threads:
            answers = list(threads.map(lambda n: refresh([house, other][n % 2], token), range(50)))
        assert {each.status_code for each in answers} == {200}
        [successor] = {each.json()["refresh_token"] for each in answers}
        [row] = rows(house)
        assert (row.generation, row.ended_at) == (1, None)
        assert refresh(house, successor).status_code == 200
        assert rows(house)[0].generation == 2
        assert events(house, "auth.token_reused") == []

    def test_a_chain_refreshed_by_a_crowd_at_each_step_never_forks(self, house: House) -> None:
        house.user()
        token = pair(house)["refresh_token"]
        with ThreadPoolExecutor(8) as threads:
            for _ in range(5):
                answers = list(threads.map(lambda each: refresh(house, each), [token] * 8))
                [token] = {each.json()["refresh_token"] for each in answers}
        assert rows(house)[0].generation == 5

    def test_reuse_by_a_crowd_ends_the_session_and_is_told_once(
        self, time: ManualClock, house: House
    ) -> None:
        user = house.user()
        spent = pair(house)["refresh_token"]
        other = house.token()
        newest = refresh(house, spent).json()
        time.advance(house.services.settings.refresh_grace + TICK)
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(lambda each: refresh(house, each), [spent] * 8))
        assert {each.status_code for each in answers} == {401}
        assert refresh(house, newest["refresh_token"]).status_code == 401
        assert not alive(house, token=newest["access_token"])
        assert alive(house, token=other)
        [event] = events(house, "auth.token_reused")
        assert event.subject == f"user:{user.id}"

    def test_a_spent_token_of_a_session_that_was_ended_is_refused_quietly(
        self, time: ManualClock, house: House
    ) -> None:
        house.user()
        tokens = pair(house)
        newest = refresh(house, tokens["refresh_token"]).json()
        house.post("/auth/logout", newest["access_token"])
        time.advance(house.services.settings.refresh_grace + TICK)
        assert refresh(house, tokens["refresh_token"]).status_code == 401
        assert events(house, "auth.token_reused") == []

    def test_the_owner_of_a_locked_account_refreshes_nothing(
        self, time: ManualClock, house: House
    ) -> None:
        user = house.user()
        token = pair(house)["refresh_token"]

        async def lock() -> None:
            async with house.services.database.session() as session:
                user.locked_until = time.now() + timedelta(minutes=5)
                await session.merge(user)
                await session.commit()

        house.call(lock())
        assert refresh(house, token).status_code == 401
        time.advance(timedelta(minutes=5))
        assert refresh(house, token).status_code == 200

    def test_who_guesses_tokens_is_told_to_wait_and_a_good_one_is_taken_still(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(house.services.limits, "_guess", limits("3/minute"))
        house.user()
        good = pair(house)["refresh_token"]
        tries = [refresh(house, f"bor_{n}").status_code for n in range(5)]
        assert tries == [401, 401, 401, 429, 429]
        assert refresh(house, good).status_code == 200


class TestList:
    def test_a_session_tells_device_address_and_when_it_was_last_seen(
        self, time: ManualClock, house: House
    ) -> None:
        house.user()
        login = {"username": "ann@example.com", "password": PASSWORD}
        signed_in = house.client.post("/auth/login", data=login, headers={"User-Agent": "Phone 1"})
        token = signed_in.json()["access_token"]
        began = time.now()
        time.advance(timedelta(minutes=5))
        house.get("/who", token)
        house.call(house.services.last_uses.flush())
        [told] = house.get("/auth/sessions", token).json()
        assert (told["user_agent"], told["address"], told["kind"], told["current"]) == (
            "Phone 1",
            "testclient",
            "token",
            True,
        )
        assert told["created_at"] == began.isoformat().replace("+00:00", "Z")
        assert told["last_seen_at"] == time.now().isoformat().replace("+00:00", "Z")

    def test_a_refresh_tells_the_device_that_it_came_from(self, house: House) -> None:
        house.user()
        tokens = pair(house)
        newest = refresh(house, tokens["refresh_token"], **{"User-Agent": "Thief 1"}).json()
        [told] = house.get("/auth/sessions", newest["access_token"]).json()
        assert told["user_agent"] == "Thief 1"

    def test_all_other_sessions_end_at_once(self, house: House) -> None:
        user = house.user()
        here, there, cookie, key = house.token(), house.token(), house.cookie(), house.key(user)
        answer = house.client.delete("/auth/sessions", headers=bearer(here))
        assert answer.status_code == 204
        assert not alive(house, token=there)
        assert not alive(house, cookie=cookie)
        assert alive(house, token=here)
        assert alive(house, key=key)

    @pytest.mark.parametrize("path", ["/auth/sessions", f"/auth/sessions/{uuid.UUID(int=1)}"])
    def test_strangers_and_keys_end_nothing(self, house: House, path: str) -> None:
        key = house.key(house.user())
        assert house.client.delete(path).status_code == 401
        refused = house.client.delete(path, headers=headers(key=key))
        assert (refused.status_code, refused.json()["detail"]["code"]) == (403, "sign_in_required")

    @pytest.mark.parametrize("managing", [False, True])
    @pytest.mark.parametrize("path", ["/auth/logout", "/auth/logout-all"])
    def test_a_key_is_told_that_it_has_no_session_to_end(
        self, house: House, path: str, managing: bool
    ) -> None:
        key, token = house.key(house.user(), manages_credentials=managing), house.token()
        refused = house.post(path, key=key).json()["detail"]
        assert (refused["code"], refused["methods"]) == ("method_not_accepted", ["jwt", "session"])
        assert house.post(path).status_code == 401
        assert alive(house, token=token)
        assert alive(house, key=key)


class TestReauthentication:
    """`POST /reauthenticate`."""

    right, wrong = {"password": PASSWORD}, {"password": "not the password"}

    @pytest.fixture
    def fresh(self, house: House) -> str:
        """The path of a route that asks for a password proved within five minutes."""
        router = APIRouter()
        asked = house.auth.require(fresh=timedelta(minutes=5))

        @router.post("/fresh")
        async def fresh(who: Annotated[Principal, asked]) -> str:
            return str(who.session_id)

        house.app.include_router(router)
        return "/fresh"

    def test_a_new_pair_is_fresh_and_the_old_one_is_dead(
        self, time: ManualClock, house: House, fresh: str
    ) -> None:
        house.user()
        old = pair(house)
        time.advance(timedelta(minutes=6))
        refused = house.post(fresh, old["access_token"])
        assert (refused.status_code, refused.json()["detail"]["code"]) == (403, "not_fresh")
        new = house.post("/auth/reauthenticate", old["access_token"], self.right).json()
        assert house.post(fresh, new["access_token"]).status_code == 200
        assert not alive(house, token=old["access_token"])
        assert refresh(house, old["refresh_token"]).status_code == 401
        assert refresh(house, new["refresh_token"]).status_code == 200

    def test_the_cookie_is_another_one_and_the_old_one_is_dead(
        self, time: ManualClock, house: House, fresh: str
    ) -> None:
        house.user()
        old = house.cookie()
        time.advance(timedelta(minutes=6))
        sent = headers(cookie=old) | SAME_ORIGIN
        assert house.client.post(fresh, headers=sent).status_code == 403
        answer = house.client.post("/auth/reauthenticate", json=self.right, headers=sent)
        assert (answer.status_code, answer.content) == (204, b"")
        new = answer.cookies["backoffice_session"]
        house.client.cookies.clear()
        assert new != old
        sent = headers(cookie=new) | SAME_ORIGIN
        assert house.client.post(fresh, headers=sent).status_code == 200
        assert not alive(house, cookie=old)

    def test_the_new_session_runs_out_no_later_and_keeps_its_beginning(
        self, time: ManualClock, house: House
    ) -> None:
        house.user()
        token = house.token()
        [before] = rows(house)
        time.advance(timedelta(minutes=1))
        new = house.post("/auth/reauthenticate", token, self.right).json()
        [after] = house.get("/auth/sessions", new["access_token"]).json()
        assert after["id"] != str(before.id)
        [row] = [each for each in rows(house) if each.ended_at is None]
        assert (row.created_at, row.expires_at) == (before.created_at, before.expires_at)
        assert row.proved_at == time.now()

    def test_a_wrong_password_raises_nobody_and_ends_nothing(self, house: House) -> None:
        user = house.user()
        token = house.token()
        refused = house.post("/auth/reauthenticate", token, self.wrong)
        assert (refused.status_code, refused.json()["detail"]["code"]) == (
            422,
            "invalid_credentials",
        )
        assert alive(house, token=token)
        [event] = events(house, "auth.sign_in_failed")
        assert (event.subject, event.data["method"]) == (f"user:{user.id}", "reauthentication")

    def test_it_is_told_which_session_has_taken_the_place_of_which(self, house: House) -> None:
        house.user()
        token = house.token()
        [before] = rows(house)
        house.post("/auth/reauthenticate", token, self.right)
        [event] = events(house, "auth.reauthenticated")
        assert event.data["before"] == str(before.id)
        assert event.data["session"] in {str(each.id) for each in rows(house)} - {str(before.id)}

    def test_of_a_crowd_with_one_token_one_is_raised(self, house: House) -> None:
        house.user()
        token = house.token()
        with ThreadPoolExecutor(6) as threads:
            answers = list(
                threads.map(
                    lambda _: house.post("/auth/reauthenticate", token, self.right), range(6)
                )
            )
        assert sorted(each.status_code for each in answers) == [200, *[401] * 5]
        assert len([each for each in rows(house) if each.ended_at is None]) == 1

    def test_tries_count_as_tries_to_sign_in(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        house.user()
        token = house.token()
        monkeypatch.setattr(house.services.guesses, "_by_network", limits("3/minute"))
        tries = [
            house.post("/auth/reauthenticate", token, self.wrong).status_code for _ in range(4)
        ]
        assert tries == [422, 422, 422, 429]
        assert house.login().status_code == 429

    @pytest.mark.parametrize("managing", [False, True])
    def test_strangers_and_keys_are_refused(self, house: House, managing: bool) -> None:
        key = house.key(house.user(), manages_credentials=managing)
        assert house.post("/auth/reauthenticate", json=self.right).status_code == 401
        refused = house.post("/auth/reauthenticate", json=self.right, key=key)
        assert (refused.status_code, refused.json()["detail"]["code"]) == (
            403,
            "method_not_accepted",
        )

    def test_a_cookie_from_another_site_raises_nobody(self, house: House) -> None:
        house.user()
        cookie = headers(cookie=house.cookie())
        for more in ({}, {"Sec-Fetch-Site": "cross-site"}):
            answer = house.client.post(
                "/auth/reauthenticate", json=self.right, headers=cookie | more
            )
            assert (answer.status_code, answer.json()["detail"]["code"]) == (403, "csrf_failed")

    @pytest.mark.parametrize("body", [None, {}, {"password": ""}, {"password": 1}, []])
    def test_a_body_that_is_none_is_refused(self, house: House, body: Any) -> None:
        house.user()
        assert house.post("/auth/reauthenticate", house.token(), body).status_code == 422


def test_the_lifetimes_that_are_documented_are_those_of_the_settings() -> None:
    """ASVS 7.1.1."""
    found = AuthSettings()
    assert found.session_idle < found.session_lifetime
    assert found.access_lifetime < found.refresh_idle < found.refresh_lifetime
