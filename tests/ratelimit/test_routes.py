"""A limit holds wherever its route ends up, and no path parameter makes a new bucket."""

from collections.abc import Callable, Sequence

import pytest
from fastapi import APIRouter, FastAPI, WebSocket
from fastapi.params import Depends
from fastapi.testclient import TestClient
from starlette.routing import Mount
from starlette.testclient import WebSocketDenialResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from backoffice.core import singletons
from backoffice.ratelimit import RateLimit, RateLimitMiddleware

TWICE = RateLimit("2/minute")


def books(*dependencies: Depends, prefix: str = "") -> APIRouter:
    router = APIRouter(prefix=prefix)

    @router.get("/books/{book}", dependencies=dependencies)
    async def read(book: str) -> str:
        return book

    @router.get("/authors/{author}", dependencies=dependencies)
    async def read_author(author: str) -> str:
        return author

    @router.websocket("/live/{book}", dependencies=dependencies)
    @router.websocket("/news/{book}", dependencies=dependencies)
    async def live(websocket: WebSocket, book: str) -> None:
        await websocket.accept()
        await websocket.close()

    return router


def app_of(*routers: APIRouter, dependencies: Sequence[Depends] = ()) -> FastAPI:
    app = FastAPI(lifespan=singletons(), dependencies=list(dependencies))
    for router in routers:
        app.include_router(router)
    return app


def on_a_route() -> FastAPI:
    return app_of(books(TWICE, prefix="/x"))


def on_a_router() -> FastAPI:
    router = APIRouter(prefix="/x", dependencies=[TWICE])
    router.include_router(books())
    return app_of(router)


def on_an_inclusion() -> FastAPI:
    app = app_of()
    app.include_router(books(), prefix="/x", dependencies=[TWICE])
    return app


def on_the_app() -> FastAPI:
    return app_of(books(prefix="/x"), dependencies=[TWICE])


def nested() -> FastAPI:
    middle, outer = APIRouter(prefix="/{shelf}"), APIRouter(prefix="/x")
    middle.include_router(books(TWICE))
    outer.include_router(middle, prefix="/y")
    return app_of(outer)


def mounted() -> FastAPI:
    app = app_of()
    app.mount("/x", app_of(books(TWICE)))
    return app


def mounted_under_a_parameter() -> FastAPI:
    app = app_of()
    app.mount("/x/{book}", app_of(books(TWICE)))
    return app


def mounted_in_an_included_router() -> FastAPI:
    outer = APIRouter(routes=[Mount("/x/{tenant}", app_of(books(TWICE)))])
    return app_of(outer)


each_place = pytest.mark.parametrize(
    ("place", "prefix"),
    [
        (on_a_route, "/x"),
        (on_a_router, "/x"),
        (on_an_inclusion, "/x"),
        (on_the_app, "/x"),
        (nested, "/x/y/{}"),
        (mounted, "/x"),
        (mounted_under_a_parameter, "/x/{}"),
        (mounted_in_an_included_router, "/x/{}"),
    ],
)


@each_place
def test_a_limit_holds_there_whatever_the_path_parameters(
    place: Callable[[], FastAPI], prefix: str
) -> None:
    with TestClient(place()) as client:
        paths = [f"{prefix.format(number)}/books/{number}" for number in range(4)]
        assert [client.get(path).status_code for path in paths] == [200, 200, 429, 429]


@each_place
def test_a_websocket_is_refused_there_before_it_is_accepted(
    place: Callable[[], FastAPI], prefix: str
) -> None:
    with TestClient(place()) as client:
        for number in range(2):
            with client.websocket_connect(f"{prefix.format(number)}/live/{number}"):
                pass
        with (
            pytest.raises(WebSocketDenialResponse) as refused,
            client.websocket_connect(f"{prefix.format(9)}/live/9"),
        ):
            pytest.fail("accepted")
        # The route beside it, of the same template but for its end, has its own bucket.
        assert client.get(f"{prefix.format(9)}/books/9").status_code == 200
    assert refused.value.status_code == 429
    assert refused.value.headers["Retry-After"] == "30"
    assert refused.value.json()["detail"]["code"] == "rate_limited"


def test_a_server_that_cannot_answer_a_websocket_closes_it() -> None:
    """Where the extension `websocket.http.response` is missing, policy violation is all one has."""
    app = app_of(books(TWICE))

    async def plain(scope: Scope, receive: Receive, send: Send) -> None:
        scope.pop("extensions", None)
        await app(scope, receive, send)

    with TestClient(plain) as client:
        for _ in range(2):
            with client.websocket_connect("/live/1"):
                pass
        with pytest.raises(WebSocketDisconnect) as refused, client.websocket_connect("/live/1"):
            pytest.fail("accepted")
    assert refused.value.code == 1008


@each_place
def test_two_routes_there_are_counted_apart(place: Callable[[], FastAPI], prefix: str) -> None:
    """Also from what stands in an outer app at the time."""
    app = place()
    with TestClient(app) as client:
        for _ in range(2):
            assert client.get(f"{prefix.format(1)}/books/1").status_code == 200
            assert client.get(f"{prefix.format(1)}/authors/1").status_code == 200
            for kind in ("live", "news"):
                with client.websocket_connect(f"{prefix.format(1)}/{kind}/1"):
                    pass


def test_mounted_apps_of_one_template_are_counted_apart() -> None:
    def write(book: str) -> str:
        return book

    other = app_of()
    other.get("/books/{book}", dependencies=[TWICE])(write)
    app = app_of()
    app.mount("/one", app_of(books(TWICE)))
    app.mount("/two", other)
    with TestClient(app) as client:
        for prefix in ("/one", "/two"):
            answers = [client.get(f"{prefix}/books/1").status_code for _ in range(3)]
            assert answers == [200, 200, 429]


def test_one_router_included_twice_has_two_buckets() -> None:
    app, router = app_of(), books(TWICE)
    app.include_router(router, prefix="/old")
    app.include_router(router, prefix="/new")
    with TestClient(app) as client:
        for prefix in ("/old", "/new"):
            answers = [client.get(f"{prefix}/books/1").status_code for _ in range(3)]
            assert answers == [200, 200, 429]


def test_routes_of_one_template_are_told_apart_by_method_and_a_routes_methods_are_one() -> None:
    app = app_of()

    @app.api_route("/books", methods=["GET", "HEAD", "PUT"], dependencies=[TWICE])
    async def either() -> None: ...

    @app.post("/books", dependencies=[TWICE])
    async def create() -> None: ...

    with TestClient(app) as client:
        methods = ("GET", "PUT", "HEAD", "POST")
        answers = [client.request(method, "/books").status_code for method in methods]
    assert answers == [200, 200, 429, 200]


def test_a_limit_written_once_counts_each_route_by_itself() -> None:
    app = app_of()
    for path in ("/one", "/two"):

        @app.get(path, dependencies=[TWICE])
        async def read() -> None: ...

    with TestClient(app) as client:
        answers = [client.get(path).status_code for path in ("/one", "/one", "/two", "/one")]
    assert answers == [200, 200, 200, 429]


def test_a_name_counts_all_its_routes_together() -> None:
    app = app_of(dependencies=[RateLimit("2/minute", name="everything")])
    for path in ("/one", "/two"):

        @app.get(path)
        async def read() -> None: ...

    with TestClient(app) as client:
        answers = [client.get(path).status_code for path in ("/one", "/two", "/one", "/two")]
    assert answers == [200, 200, 429, 429]


def test_limits_of_app_router_and_route_all_hold() -> None:
    app = app_of(dependencies=[RateLimit("3/minute", name="app")])

    @app.get("/books", dependencies=[RateLimit("2/minute"), RateLimit("9/hour")])
    async def read() -> None: ...

    with TestClient(app) as client:
        answers = [client.get("/books") for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    names = [member.split(";")[0] for member in answers[0].headers["RateLimit"].split(", ")]
    assert names == ['"3/minute"', '"2/minute"', '"9/hour"']


def test_what_is_asked_by_head_and_options_is_limited_where_a_route_answers_it() -> None:
    """A method that no route answers reaches no limit of one, and costs nothing."""
    app = app_of(dependencies=[TWICE])

    @app.get("/books/{book}")
    async def read(book: str) -> str:
        return book

    @app.options("/books/{book}")
    @app.head("/books/{book}")
    async def ask(book: str) -> None: ...

    with TestClient(app) as client:
        for method in ("HEAD", "OPTIONS"):
            answers = [client.request(method, f"/books/{number}") for number in range(3)]
            assert [each.status_code for each in answers] == [200, 200, 429]
        assert client.post("/books/1").status_code == 405
        assert client.get("/books/1").headers["RateLimit"].startswith('"2/minute";r=1;')


def test_an_app_around_and_an_app_within_each_limit_by_their_own() -> None:
    app, inner = app_of(), app_of(books(), dependencies=[RateLimit("3/minute", name="inner")])
    app.add_middleware(RateLimitMiddleware, limits="5/minute")
    app.mount("/x/{tenant}", inner)
    with TestClient(app) as client:
        inside = [client.get(f"/x/{number}/books/1").status_code for number in range(4)]
        outside = [client.get("/nowhere").status_code for _ in range(3)]
    assert inside == [200, 200, 200, 429]
    # The refusal within was counted by the app around it: the request had come in.
    assert outside == [404, 429, 429]
