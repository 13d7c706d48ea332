"""Nobody gets past the guard but those who are signed in and may enter."""

import logging

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from backoffice.admin.headers import CONTENT_SECURITY_POLICY
from backoffice.auth.sessions import Client
from tests.admin.conftest import ORIGIN, House

pytestmark = pytest.mark.one_database

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
OPEN = ("/login", "/static", "/forgot-password", "/reset-password", "/request-verify", "/verify")


def paths(house: House) -> list[str]:
    """Every address of the site, for every view, and some that lead nowhere."""
    views = [view.key for view in house.admin.site._model_views]
    found = ["/", "/nothing", "/books/nothing", "/books/", "//books", "/Static/admin.css"]
    for route in house.admin.site.app.routes:
        path = getattr(route, "path", "")
        if "{resource}" in path:
            found += [path.replace("{resource}", str(view)) for view in views]
        else:
            found.append(path)
    return [path for path in found if not path.startswith(OPEN)]


def test_the_walk_below_sees_every_page(house: House) -> None:
    """So that a route that is added is walked too."""
    found = paths(house)
    assert len(found) > 70
    assert {"/", "/logout", "/books", "/users/edit", "/audit/export"} <= set(found)


def test_no_address_answers_a_stranger(house: House) -> None:
    """Pages lead to the sign-in page, everything else is refused."""
    for path in paths(house):
        for method in METHODS:
            answer = house.client.request(method, f"/admin{path}", headers=ORIGIN)
            expected = 303 if method in ("GET", "HEAD") else 401
            assert answer.status_code == expected, (method, path, answer.status_code)
            assert "Sign out" not in answer.text


def test_no_address_answers_somebody_who_may_not_enter(house: House) -> None:
    """They are told so, and may do nothing but sign out."""
    house.user("wrong@example.com", "books:view", "users:view")
    house.sign_in("wrong@example.com")
    for path in paths(house):
        for method in METHODS:
            if path != "/logout":
                answer = house.client.request(method, f"/admin{path}", headers=ORIGIN)
                assert answer.status_code == 403, (method, path)
    assert "Sign out" in house.open("/").text


#: Pages of everybody who may enter: they show and find what one may see, which may be nothing.
OF_EVERYBODY = ("", "logout", "look", "account", "bulk-jobs", "search", "nothing", "Static")


def test_no_page_of_a_view_answers_somebody_without_its_permission(house: House) -> None:
    """May enter, and nothing else: the home page is empty, each view is refused."""
    house.signed_in()
    token = house.token()
    for path in paths(house):
        resource = path.split("/")[1]
        if resource in OF_EVERYBODY or path in ("/system/first-steps", "/impersonation/end"):
            continue
        for method in ("GET", "POST"):
            answer = house.client.request(
                method, f"/admin{path}", data={"csrf_token": token}, headers=ORIGIN
            )
            assert answer.status_code in (403, 404, 405), (method, path, answer.status_code)
            if path.count("/") == 1:
                assert answer.status_code in (403, 405)
    assert "You may enter, and see nothing yet" in house.open("/").text


def test_a_script_of_a_stranger_gets_json(house: House) -> None:
    """401, and no redirect that fetch would follow."""
    for headers in ({"Accept": "application/json"}, {"X-Requested-With": "XMLHttpRequest"}):
        answer = house.open("/books/lookup", **headers)
        assert answer.status_code == 401
        assert answer.json()["detail"]["code"] == "unauthenticated"


def test_a_stranger_comes_back_to_the_page_that_was_asked_for(house: House) -> None:
    """The query too."""
    answer = house.open("/books?q=a&page=2")
    assert answer.headers["location"] == "/admin/login?next=/admin/books%3Fq%3Da%26page%3D2"
    house.user("ann@example.com", "admin:enter")
    form = {"email": "ann@example.com", "password": "correct horse battery"}
    signed_in = house.client.post(answer.headers["location"], data=form, headers=ORIGIN)
    assert signed_in.headers["location"] == "/admin/books?q=a&page=2"


OUTSIDE = [
    "https://evil.example",
    "//evil.example/admin/",
    "/\\evil.example",
    "/admin/../secret",
    "/admin/%2e%2e/secret",
    "/admin/\t/x",
    "/other",
    "/administrator/x",
    "javascript:alert(1)",
    "/admin/logout",
]


def test_signing_in_never_leads_out_of_the_admin(house: House, subtests: pytest.Subtests) -> None:
    """Whatever `next` says."""
    house.user("ann@example.com", "admin:enter")
    form = {"email": "ann@example.com", "password": "correct horse battery"}
    for wanted in OUTSIDE:
        with subtests.test(wanted):
            answer = house.client.post(
                "/admin/login", params={"next": wanted}, data=form, headers=ORIGIN
            )
            assert answer.status_code == 303
            assert answer.headers["location"] == "/admin/"


def test_tokens_and_keys_are_refused(house: House) -> None:
    """The admin is for people at a browser, even where the credential is good."""
    user = house.user("ann@example.com", superuser=True)
    _, key = house.call(house.services.keys.create(user, "key", actor="test"))
    login = {"username": "ann@example.com", "password": "correct horse battery"}
    token = house.client.post("/auth/login", data=login).json()["access_token"]
    house.sign_in()
    for headers in (
        {"Authorization": f"Bearer {token}"},
        {"X-API-Key": key},
        {"X-API-Key": "bk_wrong"},
        {"Authorization": "Basic YTpi"},
    ):
        for path in ("/", "/books", "/login"):
            answer = house.open(path, **headers)
            assert answer.status_code == 401
            assert "WWW-Authenticate" in answer.headers


def test_a_cookie_that_we_never_made_leads_to_the_sign_in_page(house: House) -> None:
    """And is cleared."""
    answer = house.open("/books", Cookie="backoffice_session=forged")
    assert answer.status_code == 303
    assert 'backoffice_session=""' in answer.headers["set-cookie"]


def test_an_ended_session_leads_to_the_sign_in_page(house: House) -> None:
    """From the next request on."""
    user = house.signed_in("books:view")
    house.call(house.services.sessions.end_all_of(user.id, actor="test", client=Client()))
    assert house.open("/books").status_code == 303


def test_somebody_deactivated_is_out(house: House) -> None:
    """From the next request on."""
    user = house.signed_in("books:view")
    house.call(house.services.users.change(user.id, {"is_active": False}, actor="test"))
    assert house.open("/books").status_code == 303


def test_static_files_are_open_to_all(house: House) -> None:
    """The sign-in page needs them; they may be kept for a while."""
    answer = house.open("/static/admin.css")
    assert answer.status_code == 200
    assert answer.headers["cache-control"].startswith("public")
    for path in ("/static/%2e%2e%2fadmin.py", "/static/nothing.css", "/static/" + "x" * 5000):
        assert house.open(path).status_code == 404


def test_every_answer_keeps_itself_to_itself(stocked: House) -> None:
    """Security headers on pages, refusals and errors; nothing is stored but static files."""
    stocked.signed_in(superuser=True)
    for path in ("/login", "/", "/books", "/books/edit?pk=1", "/books/edit?pk=99", "/static/x"):
        headers = stocked.open(path).headers
        assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"


def test_nothing_of_it_is_in_the_schema(house: House) -> None:
    """Only the routes of auth are."""
    found = house.client.get("/openapi.json").json()["paths"]
    assert found
    assert all(path.startswith("/auth") for path in found)


def test_the_prefix_without_a_slash_leads_to_the_first_page(house: House) -> None:
    """By a relative address: right behind any proxy."""
    answer = house.client.get("/admin")
    assert answer.status_code == 307
    assert answer.headers["location"] == "admin/"


def test_no_address_names_scheme_or_host(stocked: House) -> None:
    """A proxy that speaks TLS before us would be contradicted."""
    stocked.signed_in(superuser=True)
    for path in ("/", "/books?q=a", '/books?filter=title__contains="a"', "/books/edit?pk=1"):
        assert "http://" not in stocked.open(path).text.replace("http://www.w3.org", "")
    assert (
        stocked.send("/books/action", {"name": "delete", "pks": "1"})
        .headers["location"]
        .startswith("/admin/")
    )


@pytest.mark.parametrize("path", ["/shop/admin/books", "/admin/books"])
def test_it_works_behind_a_proxy_that_takes_a_prefix_off(house: House, path: str) -> None:
    """The root path stands in each address once, whether or not the server put it into the path."""
    with TestClient(house.app, root_path="/shop", follow_redirects=False) as client:
        answer = client.get(path)
        assert answer.headers["location"] == "/shop/admin/login?next=/shop/admin/books"
        page = client.get(path.replace("books", "login")).text
        assert 'href="/shop/admin/static/admin.css' in page


def test_the_same_admin_serves_two_apps(house: House) -> None:
    """Neither sees the other's users: all that belongs to a run comes from the run."""
    house.signed_in("books:view")
    other = FastAPI()
    other.include_router(house.auth.router, prefix="/auth")
    other.include_router(house.admin.router, prefix="/back/office")
    with TestClient(other, follow_redirects=False) as client:
        assert client.get("/back/office/books").status_code == 303
        assert "/back/office/static/admin.css" in client.get("/back/office/login").text
        assert house.open("/books").status_code == 200


def test_a_websocket_is_closed(house: House) -> None:
    """There is nothing to talk to."""
    with (
        pytest.raises(WebSocketDisconnect),
        house.client.websocket_connect("/admin/books"),
    ):
        pass


def test_who_may_not_enter_and_a_form_of_no_page_are_lines_of_the_log(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "backoffice.auth.refusals")
    stranger = house.user("bob@example.com")
    house.sign_in("bob@example.com")
    assert house.open("/").status_code == 403
    house.client.cookies.clear()
    root = house.signed_in(superuser=True)
    assert house.send("/users/add", {"email": "x@example.com"}, token="forged").status_code == 403
    evil = {"Origin": "https://evil.example"}
    assert house.client.post("/admin/login", data={}, headers=evil).status_code == 403
    house.client.cookies.clear()
    assert house.client.post("/admin/login", data={}, headers=evil).status_code == 403
    told = [
        (each.getMessage(), vars(each).get("user"), vars(each).get("permission"))
        for each in caplog.records
        if each.name == "backoffice.auth.refusals"
    ]
    assert told == [
        ("refused: forbidden", str(stranger.id), "admin:enter"),
        ("refused: csrf_failed", str(root.id), None),
        ("refused: csrf_failed", str(root.id), None),
        ("refused: csrf_failed", None, None),
    ]
