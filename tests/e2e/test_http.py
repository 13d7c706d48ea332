"""The shop over a real socket, as curl would speak with it."""

import socket
from collections.abc import Iterator

import pytest

from tests.e2e.processes import Shop

BAD_TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


def newcomer(shop: Shop, email: str) -> str:
    """An access token of somebody who has just registered, and so has no role."""
    body = {"email": email, "password": "a pass phrase of one's own"}
    assert shop.post("/auth/register", json=body).status_code == 202
    token: str = shop.login(email, body["password"])["access_token"]
    return token


def test_without_a_credential_there_is_a_challenge_for_each_scheme(shop: Shop) -> None:
    """So that a client knows how to sign in."""
    answer = shop.get("/api/books")
    assert (answer.status_code, answer.json()["detail"]["code"]) == (401, "unauthenticated")
    challenge = answer.headers["WWW-Authenticate"]
    assert 'Bearer realm="' in challenge
    assert 'ApiKey realm="' in challenge


def test_a_token_and_a_key_open_the_same_doors(shop: Shop) -> None:
    """The key also where clients put tokens."""
    token, key = shop.token("editor"), shop.key("editor")
    answers = [
        shop.get("/api/books", token=token),
        shop.get("/api/books", key=key),
        shop.get("/api/books", token=key),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert {answer.json()["total"] for answer in answers} == {2000}
    methods = [shop.get("/api/whoami", token=each).json()["method"] for each in (token, key)]
    assert methods == ["jwt", "api_key"]


def test_a_bad_token_is_not_passed_over_for_a_good_key(shop: Shop) -> None:
    """Nor a bad key for a good token; two good ones leave open who is calling."""
    token, key = shop.token("editor"), shop.key("editor")
    for credentials in (
        {"token": BAD_TOKEN, "key": key},
        {"token": token, "key": key[:-1]},
        {"token": BAD_TOKEN},
        {"key": "not a key"},
    ):
        for path in ("/api/books", "/api/feed"):
            answer = shop.get(path, **credentials)
            assert (answer.status_code, answer.json()["detail"]["code"]) == (401, "invalid_token")
            assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert shop.get("/api/books", token=token, key=key).status_code == 400


def test_the_wrong_role_is_refused(shop: Shop) -> None:
    """By name of the permission that is missing; each role has its own doors."""
    editor, support = shop.token("editor"), shop.token("support")
    refused = shop.post("/api/books", token=support, json={})
    assert (refused.status_code, refused.json()["detail"]["scope"]) == (403, "books:write")
    assert shop.get("/api/orders", token=editor).status_code == 403
    assert shop.get("/api/books", token=support).status_code == 200
    assert shop.get("/api/orders", token=support).status_code == 200


def test_the_sixth_quote_within_a_minute_is_refused(shop: Shop) -> None:
    """With the seconds to wait; another caller is not affected."""
    one, other = (newcomer(shop, f"quoter{number}@example.com") for number in (1, 2))
    answers = [shop.get("/api/quote", token=one) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert answers[-1].json()["detail"]["code"] == "rate_limited"
    assert "RateLimit" in answers[0].headers
    assert shop.get("/api/quote", token=other).status_code == 200


def test_the_feed_knows_who_reads_it(shop: Shop) -> None:
    """And needs nobody."""
    token = shop.token("editor")
    me = shop.get("/auth/me", token=token).json()
    assert shop.get("/api/feed").json() == {"user": None}
    assert shop.get("/api/feed", token=token).json() == {"user": me["id"]}


def test_signing_out_ends_the_session_at_once(shop: Shop) -> None:
    """Its access token and its refresh token; another session goes on."""
    email, password = "editor@example.com", shop.password("editor")
    ended, other = shop.login(email, password), shop.login(email, password)
    assert shop.post("/auth/logout", token=ended["access_token"]).status_code == 204
    assert shop.get("/api/books", token=ended["access_token"]).status_code == 401
    refresh = {"refresh_token": ended["refresh_token"]}
    assert shop.post("/auth/refresh", json=refresh).status_code == 401
    assert shop.get("/api/books", token=other["access_token"]).status_code == 200


def test_a_killed_server_has_lost_nothing(shop: Shop) -> None:
    """Tokens, keys, passwords and the last change are there when it is back."""
    tokens = shop.login("editor@example.com", shop.password("editor"))
    key, password = shop.key("editor"), shop.password("admin")
    change = {"title": "The Kill and After"}
    answer = shop.request("PATCH", "/api/books/7", key=key, json=change)
    shop.kill()
    shop.start()

    assert shop.get("/api/books/7", key=key).json() == answer.json()
    assert shop.get("/api/books/7", token=tokens["access_token"]).json()["title"] == change["title"]
    refresh = {"refresh_token": tokens["refresh_token"]}
    assert shop.post("/auth/refresh", json=refresh).status_code == 200
    assert shop.password("admin") == password
    assert shop.token("admin")


HOSTILE = [
    b"Authorization: Bearer \xff\xfe",
    b"Authorization: Bearer",
    b"Authorization:",
    b"Authorization: Basic Og==",
    b"Authorization: Bearer " + b"a" * 8000,
    b"Authorization: Bearer eyJhbGciOiJub25lIn0.e30.",
    b"Authorization: Bearer bo_" + b"\xc3\xa9" * 30,
    b"X-API-Key:",
    b"X-API-Key: bo_\x80\x81",
    b"X-API-Key: bo_____",
    b"Authorization: Bearer a\r\nAuthorization: Bearer b",
    b"Cookie: backoffice_session=\xff",
    b"Cookie: backoffice_session=" + b"A" * 5000,
    b'Cookie: backoffice_session="\\"; =;;',
]


def status(shop: Shop, path: bytes, header: bytes) -> int:
    """The status of an answer to bytes that no client library would send."""
    request = b"GET %b HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n%b\r\n\r\n" % (path, header)
    with socket.create_connection(("127.0.0.1", shop.port), timeout=10) as connection:
        connection.sendall(request)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return int(answer.split(b" ", 2)[1])


def test_no_header_makes_the_server_fail(shop: Shop, subtests: pytest.Subtests) -> None:
    """It is refused as a credential, or as HTTP; never is the server at fault."""
    for header in HOSTILE:
        for path in (b"/api/books", b"/api/feed", b"/auth/me", b"/api/books/%00%ff?q=%ff"):
            with subtests.test(path=path, header=header[:60]):
                assert 400 <= status(shop, path, header) < 430


@pytest.fixture
def sisters(shop: Shop, lasting_url: str, redis_url: str) -> Iterator[tuple[Shop, Shop]]:
    """Two servers of one shop that share its database, its secrets and Redis."""
    environment = {"BACKOFFICE_DATABASE_URL": lasting_url, "BACKOFFICE_REDIS_URL": redis_url}
    with Shop(shop.data, environment) as one, Shop(shop.data, environment) as other:
        yield one, other


def test_two_servers_share_limits_and_sessions(sisters: tuple[Shop, Shop]) -> None:
    """What one has counted the other counts on; who signs out of one is out of both."""
    one, other = sisters
    token = newcomer(one, "sister@example.com")
    answers = [server.get("/api/quote", token=token) for server in (one, other) * 3]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert one.post("/auth/logout", token=token).status_code == 204
    assert other.get("/api/feed", token=token).status_code == 401
