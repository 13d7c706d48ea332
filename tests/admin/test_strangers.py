"""Nothing below the prefix answers a stranger, however the address and the verb are spelled.

Asked past the client's own tidying: the app gets path, verb and headers as they stand here.
"""

import re
from collections.abc import Iterable, Iterator

import pytest
from starlette.testclient import WebSocketDenialResponse
from starlette.types import Message
from starlette.websockets import WebSocketDisconnect

from tests.admin.conftest import House

pytestmark = pytest.mark.one_database

VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
ODD_VERBS = ("PROPFIND", "get", "Get", "FOO", "POST ", "GET\t", "", "LOGIN", "QUERY")
OPEN = {"/login", "/forgot-password", "/reset-password", "/request-verify", "/verify"}
#: Put in place of what a route takes from its address.
FILLED = ("books", "users", "1", "00000000-0000-0000-0000-000000000000", "..", "login", "static")
ODD_PATHS = [
    "//books",
    "/./books",
    "/books/.",
    "/books/..",
    "/books/",
    "/books//edit",
    "/books;jsessionid=1",
    "/books%2fedit",
    "/%62ooks",
    "/books\\edit",
    "/books\n",
    "/books\r\nX: y",
    "/books\0",
    "/books/detail/",
    "/BOOKS",
    "/b\u00f6oks",
    "/books\u2044edit",
    "/static/../books",
    "/static/..%2fbooks",
    "/static//books",
    "/static/./../books",
    "/static/books",
    "/static\\..\\books",
    "/static/admin.css/../../books",
    "/static",
    "/staticbooks",
    "/login/../books",
    "/login/",
    "/login/books",
    "/login;/books",
    "/login?/../books",
    "/login\0/books",
    "//login",
    "/verify/books",
    "/reset-password/../users",
    "/x/../login/../users",
    "/*",
    "*",
    "/" + "x" * 10_000,
    "/" + "x/" * 2_000,
]
#: Headers by which some servers and frameworks are led elsewhere.
ODD_HEADERS = [
    {"X-Original-URL": "/admin/login"},
    {"X-Rewrite-URL": "/admin/static/admin.css"},
    {"X-HTTP-Method-Override": "GET"},
    {"X-Forwarded-Prefix": "/admin/static"},
    {"X-Forwarded-User": "ann@example.com"},
    {"X-Remote-User": "ann@example.com"},
    {"Cookie": "backoffice_session="},
    {"Cookie": "backoffice_session=a; backoffice_session=b"},
    {"Cookie": "__Host-backoffice_session=forged"},
    {"Cookie": "\xff=\xfe"},
    {"Host": "localhost"},
    {"Authorization": ""},
]


class Asked:
    """One request to the app itself, and its answer."""

    def __init__(self, house: House, verb: str, path: str, **headers: str) -> None:
        self.status, self.body = 0, b""
        self.headers: dict[str, str] = {}
        found = {"host": "testserver", "origin": "http://testserver", **headers}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": "http",
            "method": verb,
            "path": path,
            "raw_path": path.encode("utf-8", "surrogatepass"),
            "root_path": "",
            "query_string": b"pk=1&name=delete&pks=1&q=a&format=csv",
            "headers": [
                (name.lower().encode(), value.encode("latin-1")) for name, value in found.items()
            ],
            "client": ("192.0.2.1", 1234),
            "server": ("testserver", 80),
            "state": dict(house.client.app_state),
        }
        house.call(house.app(scope, self._receive, self._send))

    async def _receive(self) -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {key.decode(): value.decode() for key, value in message["headers"]}
        self.body += message.get("body", b"")


def addresses(house: House) -> Iterator[str]:
    """Every route of the site, with what it takes filled in."""
    for route in house.admin.site.app.routes:
        path: str = getattr(route, "path", "")
        if path.startswith("/static") or path in OPEN:
            continue
        if "{" not in path:
            yield path
            continue
        filled = {re.sub(r"\{[^}]+\}", each, path) for each in FILLED}
        yield from filled - OPEN - {"/static"}


def check_shut(answer: Asked, what: object) -> None:
    """To the sign-in page, or refused; not a word of what is inside."""
    if answer.status in (303, 307):
        location = answer.headers["location"]
        assert location.startswith(("/admin/login", "admin/")), what
    else:
        assert answer.status in (400, 401, 404, 405), (what, answer.status)
    for inside in (b"Alpha", b"ann@example.com", b"Sign out", b"csrf_token"):
        assert inside not in answer.body, what


def check_all(house: House, verbs: Iterable[str], paths: Iterable[str]) -> int:
    count = 0
    for path in paths:
        for verb in verbs:
            check_shut(Asked(house, verb, f"/admin{path}"), (verb, path))
            count += 1
    return count


def test_every_route_by_every_verb(stocked: House) -> None:
    """The router itself says which there are, so that one that is added is asked too."""
    stocked.user(superuser=True)
    assert check_all(stocked, (*VERBS, *ODD_VERBS), addresses(stocked)) > 900


def test_addresses_that_are_spelled_oddly(stocked: House) -> None:
    stocked.user(superuser=True)
    check_all(stocked, ("GET", "POST", "HEAD", "FOO"), ODD_PATHS)


@pytest.mark.parametrize("headers", ODD_HEADERS)
def test_headers_that_would_lead_elsewhere(stocked: House, headers: dict[str, str]) -> None:
    stocked.user(superuser=True)
    for verb in ("GET", "POST"):
        for path in ("/", "/books", "/users/edit", "/books/action"):
            check_shut(Asked(stocked, verb, f"/admin{path}", **headers), (verb, path))


def test_open_pages_tell_nothing_of_what_is_inside(stocked: House) -> None:
    """By any verb; what they take is a form of their own."""
    stocked.user(superuser=True)
    for path in OPEN:
        for verb in (*VERBS, *ODD_VERBS):
            answer = Asked(stocked, verb, f"/admin{path}")
            assert answer.status not in (500, 502), (verb, path)
            for inside in (b"Alpha", b"ann@example.com", b"Sign out"):
                assert inside not in answer.body, (verb, path)


def test_a_websocket_opens_nowhere(stocked: House) -> None:
    """Not for somebody who is signed in either."""

    def opens(path: str) -> bool:
        try:
            with stocked.client.websocket_connect(f"/admin{path}"):
                return True
        except (WebSocketDisconnect, WebSocketDenialResponse):
            return False

    paths = {*addresses(stocked), *OPEN, "/static/admin.css"}
    assert not [each for each in paths if opens(each)]
    stocked.signed_in(superuser=True)
    assert not [each for each in paths if opens(each)]
