"""What a token is (RFC 7662), and its end at its holder's wish (RFC 7009)."""

import time as times
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlmodel import select

from backoffice.auth import ApiKey
from backoffice.core import problem_details
from backoffice.core.testing import ManualClock
from backoffice.ratelimit import limits
from tests.auth.conftest import House, built, headers
from tests.auth.test_sessions import SAME_ORIGIN, TICK, alive, events, pair, refresh, rows

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
INACTIVE = {"active": False}

#: What is no token of anybody.
NONE = [
    "x",
    "bo_",
    "bor_",
    "bo_aaaaaaaaaaaa_" + "a" * 38,
    "bor_" + "A" * 59,
    "a.b.c",
    "Bearer x",
    "é",
    "\x00",
    "%ff",
    "x" * 19_000,
    "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.",
]


@pytest.fixture
def asker(house: House) -> str:
    """The key of a resource server: it may ask what a token is, and nothing else."""
    gateway = house.user("gateway@example.com", "tokens:introspect", "books:read")
    return house.key(gateway, "tokens:introspect")


def ask(house: House, key: str, token: str, **more: str) -> Response:
    return house.client.post(
        "/auth/introspect", data={"token": token, **more}, headers=headers(key=key)
    )


def revoke(house: House, token: str, **more: str) -> Response:
    return house.client.post("/auth/revoke", data={"token": token, **more})


def told(house: House, key: str, token: str, **more: str) -> dict[str, Any]:
    answer = ask(house, key, token, **more)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


class TestIntrospection:
    """`POST /introspect`."""

    def test_an_access_token_tells_whose_it_is_and_what_it_may_do_now(
        self, time: ManualClock, house: House, asker: str
    ) -> None:
        user = house.user("ann@example.com", "books:read", "books:write")
        token = house.token()
        [row] = [each for each in rows(house) if each.user_id == user.id]
        found = told(house, asker, token)
        issued = int(time.now().timestamp())
        assert len(found.pop("jti")) == 32
        assert found == {
            "active": True,
            "token_type": "Bearer",
            "token_use": "access_token",
            "scope": "books:read books:write",
            "sub": str(user.id),
            "username": "ann@example.com",
            "iss": "backoffice",
            "aud": "backoffice",
            "iat": issued,
            "exp": issued + 900,
            "auth_time": issued,
            "sid": str(row.id),
        }
        house.call(house.services.roles.revoke(user.id, "role of ann", actor="test"))
        assert told(house, asker, token)["scope"] == ""

    def test_an_api_key_tells_what_its_scopes_leave_of_its_owner(
        self, time: ManualClock, house: House, asker: str
    ) -> None:
        user = house.user("ann@example.com", "books:*")
        end = time.now() + timedelta(days=1)
        found = told(house, asker, house.key(user, "books:read", expires_at=end))
        made = int(time.now().timestamp())
        assert found == {
            "active": True,
            "token_type": "Bearer",
            "token_use": "api_key",
            "scope": "books:read",
            "sub": str(user.id),
            "username": "ann@example.com",
            "iss": "backoffice",
            "iat": made,
            "exp": int(end.timestamp()),
            "auth_time": made,
        }

    def test_a_refresh_token_is_told_as_one_and_is_not_spent(
        self, house: House, asker: str
    ) -> None:
        """Without `token_type` and `scope`: nobody takes it where an access token is wanted."""
        user = house.user()
        token = pair(house)["refresh_token"]
        for _ in range(2):
            found = told(house, asker, token)
            assert found.keys() == {"active", "token_use", "sub", "iss", "iat", "exp", "sid"}
            assert (found["token_use"], found["sub"]) == ("refresh_token", str(user.id))
        assert refresh(house, token).status_code == 200

    @pytest.mark.parametrize("hint", ["access_token", "refresh_token", "api_key", "nonsense", ""])
    def test_a_wrong_hint_hides_nothing(self, house: House, asker: str, hint: str) -> None:
        user = house.user()
        tokens = pair(house)
        for token in (tokens["access_token"], tokens["refresh_token"], house.key(user)):
            assert told(house, asker, token, token_type_hint=hint)["active"]

    @pytest.mark.parametrize("token", NONE, ids=lambda each: each[:20])
    def test_what_is_no_token_is_inactive_and_nothing_else(
        self, house: House, asker: str, token: str
    ) -> None:
        assert told(house, asker, token) == INACTIVE

    def test_whatever_is_not_good_now_is_inactive_and_nothing_else(
        self, time: ManualClock, house: House, asker: str, subtests: pytest.Subtests
    ) -> None:
        user = house.user()
        other = house.user("off@example.com")
        tokens, spent, cookie = pair(house), pair(house), house.cookie()
        of_off = [house.login("off@example.com").json(), house.key(other)]
        house.call(house.services.users.change(other.id, {"is_active": False}, actor="test"))
        revoked, short = house.key(user), house.key(user, expires_at=time.now() + TICK)
        [row] = [
            each
            for each in house.call(house.services.keys.of_user(user.id))
            if each.prefix in revoked
        ]
        house.call(house.services.keys.revoke(row.id, actor="test"))
        refresh(house, spent["refresh_token"])
        ended = pair(house)
        house.post("/auth/logout", ended["access_token"])
        time.advance(TICK)
        bad = {
            "a spent refresh token": spent["refresh_token"],
            "an access token that was changed": tokens["access_token"][:-1] + "-",
            "a refresh token that was changed": tokens["refresh_token"][:-2] + "--",
            "the access token of a session that has ended": ended["access_token"],
            "the refresh token of a session that has ended": ended["refresh_token"],
            "the access token of an inactive account": of_off[0]["access_token"],
            "the refresh token of an inactive account": of_off[0]["refresh_token"],
            "the key of an inactive account": of_off[1],
            "a revoked key": revoked,
            "an expired key": short,
            "a session cookie": cookie,
            "a session cookie with the prefix of another": "bor_" + cookie,
            "two tokens": f"{tokens['access_token']} {tokens['access_token']}",
            "a header": f"Bearer {tokens['access_token']}",
        }
        bodies = set()
        for name, token in bad.items():
            with subtests.test(name):
                answer = ask(house, asker, token)
                assert (answer.status_code, answer.json()) == (200, INACTIVE)
                bodies.add(answer.content)
        assert len(bodies) == 1
        time.advance(house.services.settings.access_lifetime)
        assert told(house, asker, tokens["access_token"]) == INACTIVE
        time.advance(house.services.settings.refresh_idle)
        assert told(house, asker, tokens["refresh_token"]) == INACTIVE

    def test_a_key_that_is_kept_to_networks_is_inactive_elsewhere(
        self, house: House, asker: str
    ) -> None:
        """Who asks sees where the key is used from, and we do not."""
        key = house.key(house.user())
        change(house, lambda row: setattr(row, "networks", ["0.0.0.0/0"]), key)
        assert told(house, asker, key) == INACTIVE

    def test_asking_is_no_use_of_the_token(self, house: House, asker: str) -> None:
        key = house.key(house.user())
        told(house, asker, key)
        house.call(house.services.last_uses.flush())
        seen: list[Any] = []
        change(house, lambda row: seen.append(row.last_used_at), key)
        assert seen == [None]

    def test_only_who_may_ask_is_answered(self, house: House, asker: str) -> None:
        user = house.user("ann@example.com", "books:read")
        token = house.token()
        data = {"token": token}
        post = house.client.post
        assert post("/auth/introspect", data=data).status_code == 401
        bad = post("/auth/introspect", data=data, headers=headers("bad"))
        assert (bad.status_code, bad.json()["detail"]["code"]) == (401, "invalid_token")
        wrong = post("/auth/introspect", data=data, headers=headers(token))
        assert (wrong.status_code, wrong.json()["detail"]["code"]) == (403, "insufficient_scope")
        assert "tokens:introspect" in wrong.headers["www-authenticate"]
        assert ask(house, house.key(user), token).status_code == 403
        by_cookie = headers(cookie=house.cookie("gateway@example.com"))
        assert post("/auth/introspect", data=data, headers=by_cookie).status_code == 403
        by_cookie |= SAME_ORIGIN
        assert post("/auth/introspect", data=data, headers=by_cookie).json()["active"]

    def test_a_secret_is_in_no_answer(self, house: House, asker: str) -> None:
        key = house.key(house.user())
        tokens = pair(house)
        for token in (key, *(tokens[each] for each in ("access_token", "refresh_token"))):
            assert token not in ask(house, asker, token).text


def change(house: House, work: Callable[[ApiKey], object], key: str) -> None:
    """Do something with the row of a key."""

    async def changed() -> None:
        async with house.services.database.session() as session:
            rows = (await session.exec(select(ApiKey))).all()
            [row] = [each for each in rows if key.startswith(each.prefix)]
            work(row)
            session.add(row)
            await session.commit()

    house.call(changed())


class TestRevocation:
    """`POST /revoke`."""

    @pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
    def test_a_token_ends_its_session_and_no_other(self, house: House, kind: str) -> None:
        house.user()
        here, there = pair(house), pair(house)
        answer = revoke(house, here[kind], token_type_hint=kind)
        assert (answer.status_code, answer.content) == (200, b"")
        assert not alive(house, token=here["access_token"])
        assert refresh(house, here["refresh_token"]).status_code == 401
        assert alive(house, token=there["access_token"])
        assert len(events(house, "auth.signed_out")) == 1

    def test_it_holds_in_the_other_process_when_the_answer_comes(self, house: House) -> None:
        house.user()
        tokens = pair(house)
        with built() as other:
            for _ in range(2):
                assert alive(other, token=tokens["access_token"])
            revoke(house, tokens["refresh_token"])
            assert not alive(other, token=tokens["access_token"])

    def test_a_spent_refresh_token_ends_its_session_as_well(self, house: House) -> None:
        """Whoever sends it meant to end what became of it."""
        house.user()
        spent = pair(house)["refresh_token"]
        newest = refresh(house, spent).json()
        assert revoke(house, spent).status_code == 200
        assert not alive(house, token=newest["access_token"])

    def test_who_holds_a_key_may_end_it(self, house: House) -> None:
        """Found in a public place, say."""
        user = house.user()
        key, other = house.key(user), house.key(user)
        assert alive(house, key=key)
        assert revoke(house, key).status_code == 200
        assert not alive(house, key=key)
        assert alive(house, key=other)
        [event] = events(house, "auth.api_key_revoked")
        assert (event.actor, event.subject) == (f"key:{event.data['key']}", f"user:{user.id}")

    def test_what_is_kept_of_an_inactive_owner_is_ended_for_good(self, house: House) -> None:
        user = house.user()
        key = house.key(user)
        for active in (False, True):
            house.call(house.services.users.change(user.id, {"is_active": active}, actor="test"))
            revoke(house, key)
        assert not alive(house, key=key)
        assert len(events(house, "auth.api_key_revoked")) == 1

    @pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense"])
    def test_a_wrong_hint_keeps_nothing_alive(self, house: House, hint: str) -> None:
        key = house.key(house.user())
        revoke(house, key, token_type_hint=hint)
        assert not alive(house, key=key)

    def test_the_answer_is_the_same_whatever_was_sent(self, house: House) -> None:
        user = house.user()
        good, key = pair(house), house.key(user)
        sent = [good["access_token"], *good.values(), key, key, house.cookie(), *NONE]
        answers = [revoke(house, str(each)) for each in sent]
        assert {(each.status_code, each.content) for each in answers} == {(200, b"")}
        assert len({tuple(sorted(each.headers.items())) for each in answers}) == 1

    def test_what_is_none_takes_as_long(self, house: House) -> None:
        """What is revoked waits until that holds everywhere; nobody sees from it what was good."""
        began = times.monotonic()
        revoke(house, "none")
        assert times.monotonic() - began >= house.services.revocations.lag

    def test_a_cookie_and_a_key_of_another_spelling_end_nothing(self, house: House) -> None:
        user = house.user()
        cookie, key = house.cookie(), house.key(user)
        for each in (cookie, "bor_" + cookie, key.lower(), key + " ", " " + key, key[:-1]):
            revoke(house, each)
        assert alive(house, cookie=cookie)
        assert alive(house, key=key)

    def test_a_crowd_ends_it_once(self, house: House) -> None:
        house.user()
        token = pair(house)["refresh_token"]
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(lambda each: revoke(house, each), [token] * 8))
        assert {each.status_code for each in answers} == {200}
        assert len(events(house, "auth.signed_out")) == 1

    def test_who_guesses_is_told_to_wait_whatever_comes_next(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Else the answer would tell what is good."""
        monkeypatch.setattr(house.services.limits, "_guess", limits("3/minute"))
        house.user()
        good, later = pair(house)["refresh_token"], pair(house)["refresh_token"]
        sent = ["a", "b", good, "c", "d", later]
        assert [revoke(house, each).status_code for each in sent] == [200, 200, 200, 200, 429, 429]
        assert int(revoke(house, later).headers["retry-after"]) > 0


@pytest.mark.parametrize("path", ["/auth/revoke", "/auth/introspect"])
class TestForm:
    """What is no form with one token: RFC 6749, 5.2."""

    refused = (400, "invalid_request", "invalid_request")

    def answer(self, house: House, path: str, key: str, **options: Any) -> tuple[int, str, str]:
        found = headers(key=key) | options.pop("headers", {})
        answer = house.client.post(path, headers=found, **options)
        told = answer.json()
        assert told["error_description"].isascii()
        assert answer.headers["cache-control"] == "no-store"
        return answer.status_code, told["error"], told["detail"]["code"]

    @pytest.mark.parametrize(
        ("body", "kind"),
        [
            (b"", FORM),
            (b"", None),
            (b"token=", FORM),
            (b"token", FORM),
            (b"Token=x", FORM),
            (b"token=a&token=b", FORM),
            (b"token=a&token_type_hint=a&token_type_hint=b", FORM),
            (b'{"token": "x"}', JSON),
            (b"token=x", "text/plain"),
            (b"token=" + b"x" * 20_001, FORM),
            (b"token=a&" + b"a=b&" * 2000, FORM),
            (b"--b\r\n", "multipart/form-data; boundary=b"),
            (b"x", "multipart/form-data"),
        ],
    )
    def test_it_is_refused(
        self, house: House, asker: str, path: str, body: bytes, kind: str | None
    ) -> None:
        more = {"Content-Type": kind} if kind else {}
        assert self.answer(house, path, asker, content=body, headers=more) == self.refused

    def test_a_file_is_no_token(self, house: House, asker: str, path: str) -> None:
        files = {"token": ("token.txt", b"x")}
        assert self.answer(house, path, asker, files=files) == self.refused

    def test_the_address_may_not_carry_it(self, house: House, asker: str, path: str) -> None:
        """Where it would be logged."""
        assert self.answer(house, path, asker, params={"token": "x"}) == self.refused

    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
    def test_it_is_asked_for_by_post(self, house: House, path: str, method: str) -> None:
        assert house.client.request(method, path).status_code == 405


def test_problem_details_leave_the_words_of_the_rfc(tmp_path: Path) -> None:
    """A client of the RFC reads `error`, whatever form the app's other errors have."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BACKOFFICE_DATABASE_URL", f"sqlite:///{tmp_path}/x.db")
        patch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
        house = built()
        problem_details(house.app)
        with TestClient(house.app) as client:
            assert client.post("/auth/revoke").json()["error"] == "invalid_request"
