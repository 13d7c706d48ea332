"""`auth.protect(app)`: what must say who may call it, and what counts as having said so."""

from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from fastapi.security import HTTPBasic
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Host, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from backoffice.admin import Admin
from backoffice.auth import Auth, Principal, public
from backoffice.auth.entrances import entrances
from backoffice.auth.protection import Protection
from backoffice.core import SetupError, health_router
from backoffice.ratelimit.prometheus import metrics_router

auth: Auth = Auth()


def bare() -> FastAPI:
    """An app without pages of documentation."""
    return FastAPI(openapi_url=None)


def undecided(app: Starlette) -> set[str]:
    return {each.shown for each in entrances(app) if not each.decided}


async def page() -> str:
    return "a page"


async def plain(_: Request) -> PlainTextResponse:
    return PlainTextResponse("a page")


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()


def books(**options: Any) -> APIRouter:
    router = APIRouter(**options)
    router.add_api_route("/books", page)
    router.add_api_websocket_route("/live", socket)
    return router


class TestWhatAnswersWithoutAsking:
    """Each is named, with the whole path under which it is reached."""

    def test_routes_and_websockets(self) -> None:
        app = bare()
        app.include_router(books(prefix="/shop"), prefix="/api")
        assert undecided(app) == {"GET /api/shop/books", "WS /api/shop/live"}

    def test_pages_of_documentation(self) -> None:
        pages = {"/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"}
        assert undecided(FastAPI()) == {f"GET,HEAD {each}" for each in pages}

    def test_routes_of_starlette_even_within_a_guarded_router(self) -> None:
        """Dependencies don't run there."""
        app = FastAPI(openapi_url=None, dependencies=[auth.require()])
        router = APIRouter(dependencies=[auth.require()])
        router.add_route("/plain", plain)
        router.add_websocket_route("/socket", socket)
        app.include_router(router, prefix="/in")
        app.router.routes.append(Route("/out", plain))
        assert undecided(app) == {"GET,HEAD /in/plain", "WS /in/socket", "GET,HEAD /out"}

    def test_what_is_mounted(self, tmp_path: Path) -> None:
        app, sub = bare(), bare()
        sub.include_router(books())
        app.mount("/sub", sub)
        app.mount("/files", StaticFiles(directory=tmp_path))
        router = APIRouter()
        router.mount("/old", Starlette(routes=[Mount("/deep", routes=[Route("/page", plain)])]))
        app.include_router(router, prefix="/v1")
        assert undecided(app) == {
            "GET /sub/books",
            "WS /sub/live",
            "MOUNT /files",
            "GET,HEAD /v1/old/deep/page",
        }

    def test_a_guarded_app_does_not_guard_what_is_mounted_in_it(self) -> None:
        app, sub = FastAPI(openapi_url=None, dependencies=[auth.require()]), bare()
        sub.include_router(books())
        app.mount("/sub", sub)
        assert undecided(app) == {"GET /sub/books", "WS /sub/live"}

    def test_hosts(self) -> None:
        app, sub = bare(), bare()
        sub.include_router(books())
        app.host("api.example.com", sub)
        router = APIRouter()
        router.routes.append(Host("old.example.com", Starlette(routes=[Route("/page", plain)])))
        app.include_router(router, prefix="/v1")
        assert undecided(app) == {
            "GET //api.example.com/books",
            "WS //api.example.com/live",
            "GET,HEAD //old.example.com/v1/page",
        }

    def test_frontends(self, tmp_path: Path) -> None:
        app, router = bare(), APIRouter()
        app.frontend("/web", directory=tmp_path)
        router.frontend("/", directory=tmp_path)
        app.include_router(router, prefix="/shop")
        app.mount("/sub", router)
        assert undecided(app) == {
            f"GET,HEAD {each}/{{path:path}}" for each in ("/web", "/shop", "/sub")
        }

    def test_what_answers_where_no_route_does(self) -> None:
        app = bare()
        app.router.default = StaticFiles(directory=".")
        assert undecided(app) == {"MOUNT /{path:path}"}

    def test_schemes_of_the_apps_own(self) -> None:
        """They ask for a header; whom they let in is not for us to say."""
        app = bare()
        app.add_api_route("/own", page, dependencies=[Depends(HTTPBasic())])
        assert undecided(app) == {"GET /own"}


class TestWhatSaysWhoMayCall:
    @pytest.mark.parametrize("guard", [auth.require(), auth.require("a:b"), auth.optional()])
    def test_a_guard_of_the_route_of_its_router_or_of_the_app(self, guard: Any) -> None:
        guarded, app = FastAPI(openapi_url=None, dependencies=[guard]), bare()
        guarded.include_router(books())
        app.add_api_route("/route", page, dependencies=[guard])
        app.add_api_websocket_route("/socket", socket, dependencies=[guard])
        app.include_router(books(), prefix="/1", dependencies=[guard])
        app.include_router(books(dependencies=[guard]), prefix="/2")
        assert undecided(guarded) == undecided(app) == set()

    def test_a_guard_deep_among_dependencies(self) -> None:
        async def caller(who: Annotated[Principal, auth.require()]) -> Principal:
            return who

        async def name(who: Annotated[Principal, Depends(caller)]) -> str:
            return who.name

        app = bare()
        app.add_api_route("/deep", page, dependencies=[Depends(name)])
        app.add_api_websocket_route("/socket", socket, dependencies=[Depends(name)])
        assert undecided(app) == set()

    def test_a_guard_of_a_frontend(self, tmp_path: Path) -> None:
        app, router = bare(), APIRouter(dependencies=[auth.require()])
        router.frontend("/", directory=tmp_path)
        app.include_router(router)
        assert undecided(app) == set()

    def test_a_mark_on_whatever_answers(self, tmp_path: Path) -> None:
        class Shop:
            @public
            async def list(self) -> str:
                return "books"

        @public
        class Page(HTTPEndpoint):
            pass

        app, sub = bare(), bare()
        app.add_api_route("/method", Shop().list)
        app.router.routes.append(Route("/class", Page))
        app.add_route("/function", public(lambda _: PlainTextResponse("a page")))
        app.router.routes.append(WebSocketRoute("/socket", public(lambda _: None)))
        app.mount("/files", public(StaticFiles(directory=tmp_path)))
        sub.include_router(books())
        app.mount("/sub", public(sub))
        assert undecided(app) == set()

    def test_what_inherits_from_a_public_class_is_not_public(self) -> None:
        @public
        class Page(HTTPEndpoint):
            pass

        class Secret(Page):
            pass

        app = bare()
        app.router.routes.append(Route("/secret", Secret))
        assert {each.split()[-1] for each in undecided(app)} == {"/secret"}

    def test_what_takes_no_mark_says_so(self) -> None:
        with pytest.raises(SetupError, match="takes no mark"):
            public(len)

    def test_our_own_routers_and_the_admin(self) -> None:
        app = bare()
        app.include_router(auth.router, prefix="/auth")
        app.include_router(Admin(auth).router, prefix="/admin")
        app.include_router(health_router)
        app.include_router(metrics_router(CollectorRegistry()))
        assert undecided(app) == set()


class TestPathsThatAreNamed:
    def check(self, app: FastAPI, *public: str) -> None:
        Protection(app, public).check()

    def test_are_public(self) -> None:
        self.check(FastAPI(), "/openapi.json", "/docs", "/redoc")

    def test_of_a_mount_hold_for_all_that_is_in_it(self, tmp_path: Path) -> None:
        app, sub = bare(), FastAPI()
        app.mount("/files", StaticFiles(directory=tmp_path))
        app.frontend("/web", directory=tmp_path)
        sub.mount("/deep", StaticFiles(directory=tmp_path))
        app.mount("/sub", sub)
        self.check(app, "/files", "/sub", "/web")

    def test_of_a_route_hold_for_that_alone(self) -> None:
        app = bare()
        app.add_api_route("/books", page)
        app.add_api_route("/books/{id}", page)
        with pytest.raises(SetupError) as told:
            self.check(app, "/books")
        assert "1 route says not" in told.value.message
        assert "GET /books/{id}" in told.value.message

    @pytest.mark.parametrize("path", ["/", "/shop"])
    def test_of_a_route_and_a_mount_hold_for_the_route(self, tmp_path: Path, path: str) -> None:
        """A home page that is public opens nothing of what is served below it."""
        app, sub = bare(), bare()
        app.add_api_route(path, page)
        sub.include_router(books())
        app.mount(path, sub)
        app.frontend(path, directory=tmp_path)
        app.mount(path, StaticFiles(directory=tmp_path))
        with pytest.raises(SetupError, match="4 routes say not"):
            self.check(app, path)

    def test_of_nothing_are_refused_with_a_suggestion(self) -> None:
        with pytest.raises(SetupError, match=r"'/dosc'.*did you mean '/docs'"):
            self.check(FastAPI(), "/dosc")

    def test_are_a_list(self) -> None:
        with pytest.raises(SetupError, match="a list of paths"):
            auth.protect(FastAPI(), public="/docs")


def test_the_refusal_names_each_route_and_what_to_do(tmp_path: Path) -> None:
    app = FastAPI()
    app.include_router(books())
    app.add_route("/plain", plain)
    app.mount("/files", StaticFiles(directory=tmp_path))
    app.add_api_route("/own", page, dependencies=[Depends(HTTPBasic())])
    with pytest.raises(SetupError) as told:
        Protection(app, ["/docs", "/redoc"]).check()
    first, *lines = told.value.message.splitlines()
    assert first.startswith("6 routes say")
    said = {line.split(":")[0].split(" (")[0].strip(): line for line in lines}
    for name, advice in {
        "GET,HEAD /openapi.json": "openapi_url=None",
        "GET /books": "auth.require(...), auth.optional() or @public",
        "WS /live": "auth.require(...), auth.optional() or @public",
        "GET,HEAD /plain": "app.add_api_route",
        "MOUNT /files": "public(...) around what is mounted, or public=['/files']",
        "GET /own": "HTTPBasic says not whom it lets in",
    }.items():
        assert advice in said[name]
