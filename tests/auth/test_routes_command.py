"""`backoffice routes`: every way into the app, and who may take it."""

from pathlib import Path
from typing import Any

import pytest

from tests.auth.conftest import Command

APP = """
from datetime import timedelta
from typing import Annotated
from fastapi import Depends, FastAPI, WebSocket
from fastapi.security import HTTPBasic
from fastapi.staticfiles import StaticFiles
from prometheus_client import CollectorRegistry
from backoffice.admin import Admin
from backoffice.auth import Auth, Principal, public
from backoffice.core import health_router
from backoffice.ratelimit import RateLimit
from backoffice.ratelimit.prometheus import metrics_router

auth = Auth()
app = FastAPI(openapi_url=None)
app.include_router(Admin(auth).router, prefix="/admin")
app.include_router(health_router)
app.include_router(metrics_router(CollectorRegistry(), networks=["10.0.0.0/8"]))

async def page() -> str:
    return "a page"

async def socket(websocket: WebSocket) -> None: ...

def add(path, *dependencies):
    app.add_api_route(path, page, dependencies=[*dependencies])

async def caller(who: Annotated[Principal, auth.require("books:read")]) -> Principal:
    return who

add("/signed-in", auth.require())
add("/both", auth.require("books:read", "books:write"))
add("/one", auth.require(any_of=("books:read", "books:write")))
add("/two", auth.require("a:b"), auth.require("c:d", methods=("jwt", "session")))
add("/proof", auth.require(fresh=timedelta(minutes=10), mfa=True, verified=True))
add("/by-key", auth.require(methods=("api_key",)))
add("/never", auth.require(methods=("api_key",)), auth.require(methods=("jwt",)))
add("/deep", Depends(caller))
add("/optional", auth.optional())
add("/optional-and-not", auth.optional(), auth.require())
add("/own", Depends(HTTPBasic()))
add("/limited", auth.require(), RateLimit("5/minute", "100/day", by_role={"shop": None}))
add("/unprotected")
app.add_api_route("/public", public(lambda: 1), dependencies=[auth.require()])
app.add_api_websocket_route("/live", socket, dependencies=[auth.require("live:read")])
sub = FastAPI(openapi_url=None, dependencies=[auth.require("sub:read")])
sub.add_api_route("/page", page)
app.mount("/sub", sub)
app.mount("/static", public(StaticFiles(directory=".")))
app.mount("/files", StaticFiles(directory="."))
"""
WHO = {
    "/signed-in": "anyone signed in",
    "/both": "books:read and books:write",
    "/one": "books:read or books:write",
    "/two": "a:b and c:d; by jwt or session",
    "/proof": "anyone signed in; fresh 600 s; mfa; verified",
    "/by-key": "anyone signed in; by api_key",
    "/never": "anyone signed in; by no credential that all its guards take",
    "/deep": "books:read",
    "/optional": "optional",
    "/optional-and-not": "anyone signed in",
    "/own": "own scheme; HTTPBasic",
    "/limited": "anyone signed in",
    "/unprotected": "unprotected",
    "/public": "public",
    "/live": "live:read",
    "/sub/page": "sub:read",
    "/static": "public",
    "/files": "unprotected",
    "/metrics": "metrics:read or 10.0.0.0/8",
    "/health/live": "public",
    "/health/ready": "public; details: health:read",
    "/admin": "public",
    "/admin/login": "public",
    "/admin/static": "public",
    "/admin/logout": "anyone signed in",
    "/admin/{resource}/edit": "admin:enter",
}

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)

Rows = dict[str, dict[str, Any]]


@pytest.fixture
def shop(command: Command, tmp_path: Path) -> Command:
    (tmp_path / "main.py").write_text(APP)
    return command


def by_path(found: list[dict[str, Any]]) -> Rows:
    return {each["path"]: each for each in found}


def test_tells_of_each_route_who_may_call_it(shop: Command) -> None:
    code, found, _ = shop("routes", "--auth")
    assert code == 0
    assert {path: each["who"] for path, each in by_path(found).items() if path in WHO} == WHO


def test_tells_a_program_the_same_in_parts(shop: Command) -> None:
    rows = by_path(shop("routes", "--auth")[1])
    two, proof, own = rows["/two"], rows["/proof"], rows["/own"]
    assert (two["access"], two["permissions"]) == ("required", ["a:b", "c:d"])
    assert two["credentials"] == ["jwt", "session"]
    assert rows["/one"]["any_of"] == [["books:read", "books:write"]]
    assert (proof["fresh"], proof["mfa"], proof["verified"]) == (600, True, True)
    assert (own["access"], own["schemes"]) == ("scheme", ["HTTPBasic"])
    assert rows["/limited"]["limits"] == ["5/minute; 100/day, shop: none"]
    assert rows["/live"]["methods"] == ["WS"]
    assert rows["/files"]["methods"] == ["MOUNT"]


def test_without_auth_it_is_a_plain_table(shop: Command) -> None:
    _, found, _ = shop("routes", as_json=False)
    head, *lines = found.splitlines()
    assert head.split() == ["METHODS", "PATH", "NAME"]
    assert [line.split() for line in lines if " /signed-in " in line] == [
        ["GET", "/signed-in", "main.page"]
    ]


def test_only_those_that_say_nothing(shop: Command) -> None:
    found = by_path(shop("routes", "--unprotected")[1])
    assert set(found) == {"/own", "/unprotected", "/files"}


def test_what_protect_names_as_public_is(command: Command, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        APP + 'auth.protect(app, public=["/files", "/own", "/signed-in", "/no"])\n'
    )
    rows = by_path(command("routes", "--auth")[1])
    assert rows["/files"]["who"] == "public"
    assert rows["/own"]["who"] == "public; HTTPBasic"
    assert rows["/signed-in"]["who"] == "anyone signed in"
    assert rows["/unprotected"]["who"] == "unprotected"


def test_an_object_that_a_policy_judges_is_named(command: Command, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        APP
        + """
async def get_book() -> object: ...
add("/books/{id}", auth.require("books:change", on=get_book))
"""
    )
    found = by_path(command("routes", "--auth")[1])["/books/{id}"]
    assert (found["who"], found["objects"]) == ("books:change; on get_book", ["get_book"])


def test_nothing_is_started_and_no_database_is_asked(
    shop: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", "postgresql://127.0.0.1:1/none")
    assert shop("routes", "--auth")[0] == 0
