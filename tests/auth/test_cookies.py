"""The session cookie: how it is sent, read, renewed and cleared; and what no cache may keep."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any

import pytest
from fastapi import APIRouter
from fastapi.testclient import TestClient
from httpx2 import Response
from starlette.responses import PlainTextResponse
from starlette.responses import Response as StarletteResponse

from backoffice.auth import Principal, PrivateRoute
from backoffice.core import NotFound
from backoffice.ratelimit import limits
from tests.auth.conftest import PASSWORD, House, built, create_tables, headers
from tests.auth.test_sessions import SAME_ORIGIN, alive, events, rows

pytestmark = pytest.mark.one_database

LOGIN = {"username": "ann@example.com", "password": PASSWORD}
NAME = "backoffice_session"

Copies = Callable[[str, Callable[[str], None]], str]


def sign_in(client: TestClient, **more: str) -> Response:
    return client.post("/auth/login/cookie", data=LOGIN, headers=SAME_ORIGIN | more)


def attributes(response: Response) -> tuple[str, frozenset[str]]:
    """The name of the cookie that is set, and its attributes."""
    first, *more = response.headers["set-cookie"].split("; ")
    return first.partition("=")[0], frozenset(each.lower() for each in more)


@pytest.fixture
def https(house: House) -> TestClient:
    """A browser that has come by https."""
    return house.running.client(SAME_ORIGIN, base_url="https://testserver")


class TestAttributes:
    expected = frozenset({"httponly", "max-age=604800", "path=/", "samesite=lax"})

    def test_by_https_it_is_bound_to_the_host(self, house: House, https: TestClient) -> None:
        """No Domain, no other path: what browsers ask of `__Host-` (ASVS 3.3.1)."""
        house.user()
        name, found = attributes(sign_in(https))
        assert (name, found) == (f"__Host-{NAME}", self.expected | {"secure"})
        assert https.get("/who").json()["method"] == "session"

    def test_by_http_it_has_no_prefix_that_browsers_would_refuse(self, house: House) -> None:
        house.user()
        assert attributes(sign_in(house.client)) == (NAME, self.expected)

    def test_it_is_cleared_by_the_attributes_that_it_was_set_by(
        self, house: House, https: TestClient
    ) -> None:
        house.user()
        sign_in(https)
        name, found = attributes(https.post("/auth/logout"))
        assert name == f"__Host-{NAME}"
        assert {"secure", "path=/", "max-age=0", "samesite=lax"} <= found
        assert f"__Host-{NAME}" not in https.cookies

    @pytest.mark.parametrize(("secure", "name"), [("true", f"__Host-{NAME}"), ("false", NAME)])
    def test_it_is_strict_and_secure_where_that_is_set(
        self,
        database_from_template: Copies,
        monkeypatch: pytest.MonkeyPatch,
        secure: str,
        name: str,
    ) -> None:
        monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_from_template("auth", create_tables))
        monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
        monkeypatch.setenv("BACKOFFICE_AUTH__COOKIE_SAME_SITE", "strict")
        monkeypatch.setenv("BACKOFFICE_AUTH__COOKIE_SECURE", secure)
        with built() as house:
            house.user()
            found = attributes(sign_in(house.client))
            assert found[0] == name
            assert "samesite=strict" in found[1]
            assert ("secure" in found[1]) == (secure == "true")


class TestSignIn:
    """`POST /login/cookie`, for browser apps of this very origin."""

    def test_the_cookie_signs_in_and_its_session_is_a_browsers(self, house: House) -> None:
        user = house.user()
        answer = sign_in(house.client, **{"User-Agent": "Firefox"})
        assert (answer.status_code, answer.content) == (204, b"")
        assert house.client.get("/who").json() == {
            "id": str(user.id),
            "method": "session",
            "permissions": [],
        }
        [told] = house.client.get("/auth/sessions").json()
        assert (told["kind"], told["user_agent"], told["current"]) == ("browser", "Firefox", True)
        [event] = events(house, "auth.signed_in")
        assert event.data["method"] == "browser"

    def test_each_sign_in_gives_another_cookie_and_ends_the_session_before(
        self, house: House
    ) -> None:
        house.user()
        sign_in(house.client)
        before = house.client.cookies[NAME]
        sign_in(house.client)
        after = house.client.cookies[NAME]
        house.client.cookies.clear()
        assert before != after
        assert not alive(house, cookie=before)
        assert alive(house, cookie=after)
        assert len([each for each in rows(house) if each.ended_at is None]) == 1

    def test_a_cookie_that_was_there_before_never_becomes_a_session(self, house: House) -> None:
        """Whoever plants one has nothing (ASVS 7.2.4)."""
        house.user()
        for planted in ("planted", "A" * 59):
            answer = sign_in(house.client, Cookie=f"{NAME}={planted}")
            assert answer.cookies[NAME] != planted
            house.client.cookies.clear()
            assert not alive(house, cookie=planted)

    @pytest.mark.parametrize(
        "origin",
        [
            {},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
        ],
    )
    def test_no_other_site_signs_a_browser_in(self, house: House, origin: dict[str, str]) -> None:
        """Nor a browser that says nothing of where it comes from: an old one fails closed."""
        house.user()
        answer = house.client.post("/auth/login/cookie", data=LOGIN, headers=origin)
        assert (answer.status_code, answer.json()["detail"]["code"]) == (403, "csrf_failed")
        assert "set-cookie" not in answer.headers
        assert rows(house) == []

    def test_an_old_browser_may_sign_in_by_its_origin(self, house: House) -> None:
        house.user()
        origin = {"Origin": "http://testserver"}
        answer = house.client.post("/auth/login/cookie", data=LOGIN, headers=origin)
        assert answer.status_code == 204

    def test_a_wrong_password_gives_no_cookie_and_is_told_with_its_method(
        self, house: House
    ) -> None:
        house.user()
        wrong = LOGIN | {"password": "wrong"}
        answer = house.client.post("/auth/login/cookie", data=wrong, headers=SAME_ORIGIN)
        assert (answer.status_code, answer.json()) == (401, house.login(password="wrong").json())
        assert "set-cookie" not in answer.headers
        failed = events(house, "auth.sign_in_failed")
        assert {each.data["method"] for each in failed} == {"browser", "password"}

    def test_tries_are_limited_with_those_for_tokens(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(house.services.guesses, "_by_network", limits("2/minute"))
        house.login()
        assert [sign_in(house.client).status_code for _ in range(2)] == [401, 429]

    def test_signing_out_clears_what_the_browser_has_cached(self, house: House) -> None:
        """ASVS 14.3.1."""
        house.user()
        for path in ("/auth/logout", "/auth/logout-all"):
            sign_in(house.client)
            cookie = house.client.cookies[NAME]
            answer = house.client.post(path, headers=SAME_ORIGIN)
            assert answer.headers["clear-site-data"] == '"cache"'
            assert NAME not in house.client.cookies
            assert not alive(house, cookie=cookie)
        answer = house.post("/auth/logout", house.token())
        assert "clear-site-data" not in answer.headers


class TestReading:
    """Which cookie is the session's."""

    @pytest.mark.parametrize("space", [b"\x85", b"\xa0", b"\x0b", b"\x0c", b"\x1c"])
    def test_a_name_with_a_space_that_only_python_sees_is_another_name(
        self, house: House, https: TestClient, space: bytes
    ) -> None:
        """A neighbouring subdomain may plant it: to a browser it has no `__Host-` prefix."""
        house.user()
        cookie = house.cookie().encode()
        planted = space + b"__Host-" + NAME.encode() + b"=" + cookie
        answer = https.get("/feed", headers=[(b"Cookie", planted)])
        assert answer.json() == {"user": None}

    def test_the_name_without_the_prefix_is_not_read_by_https(
        self, house: House, https: TestClient
    ) -> None:
        house.user()
        answer = https.get("/feed", headers={"Cookie": f"{NAME}={house.cookie()}"})
        assert answer.json() == {"user": None}

    @pytest.mark.parametrize("order", [1, -1])
    @pytest.mark.parametrize("between", ["; ", ";"])
    def test_two_of_the_name_are_refused(self, house: House, order: int, between: str) -> None:
        house.user()
        one = [f"{NAME}={house.cookie()}", f"{NAME}=other"]
        answer = house.client.get("/feed", headers={"Cookie": between.join(one[::order])})
        assert (answer.status_code, answer.json()["detail"]["code"]) == (401, "invalid_token")

    def test_two_in_two_headers_are_refused(self, house: House) -> None:
        house.user()
        both = [("Cookie", f"{NAME}={house.cookie()}") for _ in range(2)]
        assert house.client.get("/feed", headers=both).status_code == 401

    @pytest.mark.parametrize("cookies", ["a=b; {}; c=d", "a=b;{}", "{};", "; ;{} ; x", "\t{}\t"])
    def test_it_is_found_among_others(self, house: House, cookies: str) -> None:
        user = house.user()
        sent = cookies.format(f"{NAME}={house.cookie()}")
        assert house.client.get("/feed", headers={"Cookie": sent}).json() == {"user": str(user.id)}

    @pytest.mark.parametrize("sent", [b"", b";", b"=", b"\xff\xfe", b"=" * 9000, b"a" * 9000])
    def test_cookies_of_others_are_no_matter(self, house: House, sent: bytes) -> None:
        answer = house.client.get("/feed", headers=[(b"Cookie", sent)])
        assert answer.json() == {"user": None}

    @pytest.mark.parametrize("value", [b"", b"x", b"\xff" * 80, b'"%s"', b"A" * 9000, b"=="])
    def test_a_value_that_we_never_made_is_refused_and_cleared(
        self, house: House, value: bytes
    ) -> None:
        answer = house.client.get("/feed", headers=[(b"Cookie", NAME.encode() + b"=" + value)])
        assert answer.status_code == 401
        assert "Max-Age=0" in answer.headers["set-cookie"]


class TestCaches:
    """What carries a secret, or is the caller's, is kept by no cache (ASVS 14.3.2)."""

    def requests(self, house: House) -> Iterator[tuple[str, str, dict[str, Any]]]:
        user = house.user()
        form = {"username": "ann@example.com", "password": PASSWORD}
        yield "POST", "/auth/register", {"json": {"email": "b@example.com", "password": PASSWORD}}
        yield "POST", "/auth/login", {"data": form}
        yield "POST", "/auth/login/cookie", {"data": form, "headers": SAME_ORIGIN}
        pair = house.login().json()
        yield "POST", "/auth/refresh", {"json": {"refresh_token": pair["refresh_token"]}}
        for path in ("/auth/me", "/auth/sessions", "/auth/api-keys"):
            yield "GET", path, {"headers": headers(house.token())}
        yield "POST", "/auth/api-keys", {"headers": headers(house.token()), "json": {"name": "n"}}
        proof = {"password": PASSWORD}
        yield "POST", "/auth/reauthenticate", {"headers": headers(house.token()), "json": proof}
        sent = headers(cookie=house.cookie()) | SAME_ORIGIN
        yield "POST", "/auth/reauthenticate", {"headers": sent, "json": proof}
        yield "POST", "/auth/revoke", {"data": {"token": house.token()}}
        house.user("root@example.com", superuser=True)
        asker = headers(house.token("root@example.com"))
        yield "POST", "/auth/introspect", {"headers": asker, "data": {"token": house.key(user)}}
        yield "POST", "/auth/logout", {"headers": headers(house.token())}
        # Refusals of every kind.
        yield "GET", "/auth/me", {}
        yield "GET", "/auth/me", {"headers": headers("bad")}
        yield "POST", "/auth/refresh", {"json": {"refresh_token": "bad"}}
        yield "POST", "/auth/refresh", {"json": {}}
        yield "POST", "/auth/revoke", {"data": {}}
        yield (
            "POST",
            "/auth/introspect",
            {"headers": headers(house.token()), "data": {"token": "x"}},
        )
        gone = "/auth/sessions/00000000-0000-0000-0000-000000000001"
        yield "DELETE", gone, {"headers": headers(house.token())}

    def test_every_answer_of_the_accounts_says_so(
        self, house: House, subtests: pytest.Subtests
    ) -> None:
        for method, path, options in self.requests(house):
            answer = house.client.request(method, path, **options)
            house.client.cookies.clear()
            with subtests.test(method=method, path=path, status=answer.status_code):
                assert answer.status_code < 500
                assert answer.headers["cache-control"] == "no-store"
                assert answer.headers["vary"] == "Authorization, Cookie, X-API-Key"

    def test_the_public_keys_may_be_kept(self, house: House) -> None:
        answer = house.client.get("/auth/.well-known/jwks.json")
        assert answer.headers["cache-control"].startswith("public")
        assert "vary" not in answer.headers

    def test_an_apps_own_routes_may_say_so_too(self, house: House) -> None:
        router = APIRouter(route_class=PrivateRoute)
        signed_in = house.auth.require()

        @router.get("/mine")
        async def mine(who: Annotated[Principal, signed_in]) -> str:
            return who.email

        @router.get("/missing")
        async def missing() -> None:
            raise NotFound("there is none", headers={"X-Own": "1"})

        @router.get("/cached")
        async def cached() -> Any:
            return PlainTextResponse("x", headers={"Cache-Control": "private, max-age=60"})

        @router.get("/varied")
        async def varied(response: StarletteResponse) -> str:
            response.headers["Vary"] = "Accept-Language, cookie"
            return "x"

        house.app.include_router(router)
        house.user()
        found = [house.get(path, house.token()) for path in ("/mine", "/missing", "/cached")]
        assert [each.headers["cache-control"] for each in found] == [
            "no-store",
            "no-store",
            "private, max-age=60",
        ]
        assert {each.headers["vary"] for each in found} == {"Authorization, Cookie, X-API-Key"}
        assert found[1].headers["x-own"] == "1"
        known = house.get("/varied").headers["vary"]
        assert known == "Accept-Language, cookie, Authorization, X-API-Key"
        assert house.get("/mine").headers["www-authenticate"].startswith("Bearer")
