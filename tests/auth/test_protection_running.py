"""A protected app at its start, and what is added to it while it runs."""

import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from fastapi import APIRouter, FastAPI, WebSocket
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope
from starlette.websockets import WebSocketDisconnect

from backoffice.auth import Auth, protection, public
from backoffice.core import SetupError, problem_details
from backoffice.core.testing import RunningApp
from tests.auth.conftest import built
from tests.services.process import free_port

auth: Auth = Auth()
SHOP = """
from fastapi import FastAPI
from backoffice.auth import Auth
app = FastAPI(openapi_url=None)

@app.get("/secret")
async def secret() -> str:
    return "a secret"

Auth().protect(app)
"""


class Several(Convertor[str]):
    """A parameter that holds slashes."""

    regex = "[0-9/]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


@public
async def page() -> str:
    return "a page"


async def secret() -> str:
    return "a secret"


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()


def shop(**options: object) -> FastAPI:
    """An app that says of each route who may call it."""
    app = FastAPI(openapi_url=None, **options)  # type: ignore[arg-type]
    app.add_api_route("/", page)
    return app


@pytest.mark.usefixtures("house")
def test_an_app_starts_that_says_of_each_route_who_may_call() -> None:
    app = built().app
    auth.protect(app, public=["/docs", "/redoc", "/openapi.json"])
    with RunningApp(app) as running, running.client() as client:
        assert client.get("/docs").status_code == 200
        assert client.get("/who").status_code == 401
        assert client.get("/feed").json() == {"user": None}


def test_an_app_does_not_start_with_one_that_says_nothing() -> None:
    app = shop()
    auth.protect(app)
    app.add_api_route("/secret", secret)  # after the call, and before the start
    with pytest.raises(SetupError, match="GET /secret"), TestClient(app):
        pass


def test_routes_that_the_lifespan_adds_are_looked_at_as_well() -> None:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.add_api_route("/secret", secret)
        yield

    app = shop(lifespan=lifespan)
    auth.protect(app)
    with pytest.raises(SetupError, match="GET /secret"), TestClient(app):
        pass


def test_it_is_called_once_and_before_the_start() -> None:
    app = shop()
    with TestClient(app) as client:
        client.get("/")
        with pytest.raises(SetupError, match="before the app starts"):
            auth.protect(app)
    protected = shop()
    auth.protect(protected)
    with pytest.raises(SetupError, match="was called before"):
        auth.protect(protected)


class TestWhatIsAddedWhileItRuns:
    """It answers 503 until somebody has decided; the rest goes on."""

    def refused(self, client: TestClient, path: str) -> bool:
        answer = client.get(path)
        return answer.status_code == 503 and answer.json()["detail"]["code"] == "route_unprotected"

    def test_a_route(self, caplog: pytest.LogCaptureFixture) -> None:
        app = shop()
        auth.protect(app)
        with TestClient(app) as client:
            app.add_api_route("/secret/{id}", secret)
            with caplog.at_level(logging.ERROR):
                assert self.refused(client, "/secret/1")
                assert self.refused(client, "/secret/2")
            assert client.get("/").json() == "a page"
            assert client.get("/secret/1/more").status_code == 404
        (told,) = [each for each in caplog.records if each.name == "backoffice.auth.protection"]
        assert "GET /secret/{id}" in told.getMessage()

    def test_a_route_that_takes_the_place_of_its_twin(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With the same path, methods and endpoint, and without the guard."""
        monkeypatch.setattr(protection, "CLOSELY", 0.0)
        app = shop()
        app.add_api_route("/secret", secret, dependencies=[auth.require()])
        auth.protect(app)
        with TestClient(app) as client:
            place = [getattr(each, "path", "") for each in app.routes].index("/secret")
            app.router.routes[place] = _bare("/secret")
            assert self.refused(client, "/secret")

    def test_a_list_of_routes_that_takes_the_place_of_another(self) -> None:
        app = shop()
        auth.protect(app)
        with TestClient(app) as client:
            app.router.routes = [*app.router.routes, _bare("/secret")]
            assert self.refused(client, "/secret")
            assert client.get("/").json() == "a page"

    def test_in_a_router_that_is_included(self) -> None:
        app, outer, inner = shop(), APIRouter(), APIRouter()
        inner.add_api_route("/page", page)
        outer.include_router(inner, prefix="/inner")
        app.include_router(outer, prefix="/outer")
        auth.protect(app)
        with TestClient(app) as client:
            inner.add_api_route("/secret", secret)
            assert self.refused(client, "/outer/inner/secret")
            assert client.get("/outer/inner/page").status_code == 200

    def test_in_an_app_that_is_mounted(self) -> None:
        app, sub = shop(), shop()
        app.mount("/sub", sub)
        auth.protect(app)
        with TestClient(app) as client:
            sub.add_api_route("/secret", secret)
            assert self.refused(client, "/sub/secret")
            assert client.get("/sub/").status_code == 200

    def test_a_mount_a_frontend_and_a_host(self, tmp_path: Path) -> None:
        (tmp_path / "secret.txt").write_text("a secret")
        app = shop()
        auth.protect(app)
        with TestClient(app) as client:
            app.router.routes.append(Mount("/files", StaticFiles(directory=tmp_path)))
            app.frontend("/web", directory=tmp_path)
            app.host("api.example.com", Mount("/in", routes=[_bare("/secret")]).app)
            assert self.refused(client, "/files/secret.txt")
            assert self.refused(client, "/web/secret.txt")
            assert self.refused(client, "http://api.example.com/secret")

    @pytest.mark.parametrize("path", ["/secret%0A", "/apisecret", "/1/2/x"])
    def test_whatever_way_its_path_is_written(self, path: str) -> None:
        """A line break at the end, the root path as part of a word, a parameter with a slash."""
        app = shop()
        auth.protect(app)
        register_url_convertor("several", Several())
        with TestClient(app, root_path="/api") as client:
            for each in ("/secret", "/apisecret", "/{ids:several}/x"):
                app.add_api_route(each, secret)
            assert self.refused(client, path)
            assert client.get("/").json() == "a page"

    def test_a_route_of_a_kind_of_its_own(self) -> None:
        class Anything(BaseRoute):
            def matches(self, scope: Scope) -> tuple[Match, Scope]:
                return Match.FULL, scope

        app = shop()
        auth.protect(app)
        with TestClient(app) as client:
            app.router.routes.append(Anything())
            assert self.refused(client, "/secret")

    def test_an_endpoint_that_is_a_class(self) -> None:
        """It has one path, and takes every method."""

        class Secret(HTTPEndpoint):
            async def get(self, _: Request) -> PlainTextResponse:
                return PlainTextResponse("a secret")

        app = shop()
        auth.protect(app)
        with TestClient(app) as client:
            app.router.routes.append(Route("/secret", Secret))
            assert self.refused(client, "/secret")

    def test_a_host_within_a_mount(self) -> None:
        app, sub = shop(), Starlette()
        app.mount("/sub", sub)
        auth.protect(app)
        with TestClient(app) as client:
            sub.host("testserver", Mount("/in", routes=[_bare("/secret")]).app)
            assert self.refused(client, "/sub/secret")

    def test_a_websocket(self) -> None:
        app = shop()
        auth.protect(app)
        with TestClient(app) as client:
            app.add_api_websocket_route("/live", socket)
            with pytest.raises(WebSocketDisconnect), client.websocket_connect("/live"):
                pass

    def test_passes_once_it_says_who_may_call(self) -> None:
        app = shop()
        auth.protect(app)
        with TestClient(app) as client:
            app.add_api_route("/more", page)
            assert client.get("/more").json() == "a page"
            app.add_api_route("/secret", secret)
            assert self.refused(client, "/secret")
            app.router.routes.pop()
            assert client.get("/secret").status_code == 404

    def test_is_refused_in_the_form_of_the_apps_errors(self) -> None:
        app = shop()
        problem_details(app)
        auth.protect(app)
        with TestClient(app) as client:
            app.add_api_route("/secret", secret)
            answer = client.get("/secret")
        assert answer.headers["content-type"] == "application/problem+json"
        assert (answer.status_code, answer.json()["code"]) == (503, "route_unprotected")


def test_where_no_lifespan_runs_what_says_nothing_is_refused_as_well() -> None:
    app = shop()
    app.add_api_route("/secret", secret)
    auth.protect(app)
    client = TestClient(app)  # not entered: as behind a server without lifespan
    assert client.get("/secret").status_code == 503
    assert client.get("/").status_code == 200


def test_two_apps_with_one_auth_do_not_see_each_other() -> None:
    protected, other = shop(), shop()
    other.add_api_route("/secret", secret)
    auth.protect(protected)
    with TestClient(protected), TestClient(other) as client:
        assert client.get("/secret").status_code == 200


def _bare(path: str) -> Route:
    app = FastAPI(openapi_url=None)
    app.add_api_route(path, secret)
    (route,) = app.router.routes
    assert isinstance(route, Route)
    return route


def test_a_server_ends_and_names_the_route(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    command = [sys.executable, "-m", "uvicorn", "shop:app", "--port", str(free_port())]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert "GET /secret (shop.secret): auth.require(...), auth.optional() or @public" in done.stderr
