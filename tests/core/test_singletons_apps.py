"""Where singletons meet FastAPI: routers in every combination, sub-apps, websockets, threads."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any

import anyio
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, WebSocket
from fastapi.testclient import TestClient
from httpx2 import ASGITransport, AsyncClient
from starlette.routing import Host

from backoffice.core import SingletonError, serve, singleton, singletons
from backoffice.core.dependencies import declared
from backoffice.core.singletons import STATE

pytestmark = pytest.mark.anyio


class Counter:
    """A singleton that counts its openings and closings, and a router with every kind of use."""

    def __init__(self) -> None:
        self.opened = self.closed = 0

        @singleton
        async def number() -> AsyncIterator[int]:
            self.opened += 1
            yield self.opened
            self.closed += 1

        self.number = number
        self.router = APIRouter(lifespan=singletons())

        @self.router.get("/async")
        async def in_the_loop(number: Annotated[int, Depends(self.number)]) -> int:
            return number

        @self.router.get("/sync")
        def in_a_thread(request: Request, number: Annotated[int, Depends(self.number)]) -> int:
            assert self.number.of(request) == number
            return number

        @self.router.websocket("/socket")
        async def socket(
            websocket: WebSocket, number: Annotated[int, Depends(self.number)]
        ) -> None:
            await websocket.accept()
            await websocket.send_json([number, self.number.of(websocket)])
            await websocket.close()

    def app(self) -> FastAPI:
        app = FastAPI()
        app.include_router(self.router)
        return app


def test_a_diamond_of_routers_opens_once() -> None:
    counter = Counter()
    left, right, app = APIRouter(prefix="/left"), APIRouter(prefix="/right"), FastAPI()
    for side in (left, right):
        side.include_router(counter.router)
        app.include_router(side)
    app.include_router(counter.router)
    with TestClient(app) as client:
        paths = ("/async", "/left/async", "/right/sync")
        assert [client.get(path).json() for path in paths] == [1, 1, 1]
    assert (counter.opened, counter.closed) == (1, 1)


def test_one_app_with_two_clients_at_once_has_two_runs() -> None:
    counter = Counter()
    app = counter.app()
    with TestClient(app) as one, TestClient(app) as two:
        assert (one.get("/async").json(), two.get("/async").json()) == (1, 2)
        assert one.get("/async").json() == 1
    assert counter.closed == 2


async def test_one_app_served_twice_in_one_task_has_two_runs() -> None:
    counter = Counter()
    app = counter.app()
    async with serve(app) as one, serve(app) as two:
        found = []
        for asgi in (one, two, one):
            async with AsyncClient(transport=ASGITransport(asgi), base_url="http://test") as client:
                found.append((await client.get("/async")).json())
    assert found == [1, 2, 1]


async def test_a_served_app_may_be_ended_by_another_task_than_began_it() -> None:
    """So do the fixtures of some test runners."""
    counter = Counter()

    @singleton
    async def grouped() -> AsyncIterator[None]:
        async with anyio.create_task_group():
            yield

    app = counter.app()
    app.include_router(APIRouter(lifespan=singletons(grouped)))
    serving = serve(app)
    await asyncio.create_task(anext_of(serving.__aenter__))
    await asyncio.create_task(anext_of(lambda: serving.__aexit__(None, None, None)))
    lifespan = app.router.lifespan_context(app)
    await asyncio.create_task(anext_of(lifespan.__aenter__))
    await asyncio.create_task(anext_of(lambda: lifespan.__aexit__(None, None, None)))
    assert (counter.opened, counter.closed) == (2, 2)


async def anext_of(step: Any) -> None:
    await step()


def test_websockets_and_threads_see_the_same_value() -> None:
    counter = Counter()
    with TestClient(counter.app()) as client:
        with client.websocket_connect("/socket") as socket:
            assert socket.receive_json() == [1, 1]
        assert client.get("/sync").json() == 1


def test_an_app_mounted_before_the_start_shares_the_parents_run() -> None:
    counter = Counter()
    parent = FastAPI(lifespan=singletons())
    child, guest = FastAPI(), FastAPI()
    child.include_router(counter.router)
    guest.include_router(counter.router)
    parent.mount("/child", child)
    parent.router.routes.append(Host("guest.example", guest))
    with TestClient(parent) as client:
        assert counter.opened == 1
        assert client.get("/child/async").json() == 1
        assert client.get("http://guest.example/async").json() == 1


def test_a_sub_app_whose_parent_has_no_run_says_what_to_write() -> None:
    counter = Counter()
    parent = FastAPI()
    parent.mount("/child", counter.app())
    with TestClient(parent) as client, pytest.raises(SingletonError, match="from its parent"):
        client.get("/child/async")


async def test_a_bare_transport_says_what_to_write() -> None:
    transport = ASGITransport(Counter().app())
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        with pytest.raises(SingletonError, match=r"async with serve\(app\) as asgi"):
            await client.get("/async")


async def test_a_server_that_keeps_a_lifespans_state_alone_sees_one_run() -> None:
    """Two routers yield the run: the state that reaches requests holds it once."""
    app = Counter().app()
    async with app.router.lifespan_context(app) as state:
        assert set(state or {}) == {STATE}


def test_the_users_own_state_and_resources_stay_theirs() -> None:
    log: list[str] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, str]]:
        log.append("+mine")
        yield {"mine": "kept"}
        log.append("-mine")

    counter = Counter()
    app = FastAPI(lifespan=lifespan)
    app.include_router(counter.router)

    @app.get("/mine")
    async def mine(request: Request) -> str:
        return str(request.state.mine)

    for _ in range(2):
        with TestClient(app) as client:
            assert client.get("/mine").json() == "kept"
    assert log == ["+mine", "-mine"] * 2
    assert (counter.opened, counter.closed) == (2, 2)


def test_a_request_may_change_its_state_without_touching_the_run() -> None:
    counter = Counter()
    app = counter.app()

    @app.get("/vandal")
    async def vandal(request: Request) -> None:
        request.scope["state"].clear()

    with TestClient(app) as client:
        client.get("/vandal")
        assert client.get("/async").json() == 1


def test_dependencies_of_apps_routers_and_nested_requests_are_found() -> None:
    names = ("of app", "of include", "of router", "of route", "nested")
    made = {name: singleton(partial(str, name)) for name in names}

    async def request_dependency(_: Annotated[str, Depends(made["nested"])]) -> None: ...

    router = APIRouter(dependencies=[Depends(made["of router"])])

    @router.get("/", dependencies=[Depends(made["of route"]), Depends(request_dependency)])
    async def route() -> None: ...

    app = FastAPI(dependencies=[Depends(made["of app"])])
    app.include_router(router, dependencies=[Depends(made["of include"])])
    assert set(declared(app)) == set(made.values())


def test_what_the_router_of_a_mounted_app_names_opens_with_the_parent() -> None:
    counter = Counter()
    parent, child = FastAPI(lifespan=singletons()), FastAPI()
    child.include_router(APIRouter(lifespan=singletons(counter.number)))
    parent.mount("/child", child)
    with TestClient(parent):
        assert counter.opened == 1
    assert counter.closed == 1


def test_a_lifespan_that_enters_ours_and_keeps_the_state_to_itself_does_no_harm() -> None:
    counter = Counter()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, str]]:
        async with singletons()(app):
            yield {"mine": "kept"}

    app = FastAPI(lifespan=lifespan)
    app.include_router(counter.router)
    with TestClient(app) as client:
        assert client.get("/async").json() == 1
    assert (counter.opened, counter.closed) == (1, 1)


async def test_an_app_served_within_its_own_lifespan_has_a_run_of_its_own() -> None:
    counter = Counter()
    app = counter.app()
    async with app.router.lifespan_context(app), serve(app) as asgi:
        transport = ASGITransport(asgi)
        async with AsyncClient(transport=transport, base_url="http://test") as client:
            assert (await client.get("/async")).json() == 2


@pytest.mark.parametrize("whose", ["the app's", "the app's, beside a router of ours", "a router's"])
def test_what_a_lifespan_of_the_users_own_names_is_open_within_it(whose: str) -> None:
    counter = Counter()
    within: list[tuple[int, int]] = []

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with singletons(counter.number)(app) as state:
            within.append((counter.opened, counter.closed))
            yield state
            within.append((counter.opened, counter.closed))

    app = FastAPI(lifespan=own if whose.startswith("the app's") else None)
    if whose != "the app's":
        app.include_router(APIRouter(lifespan=singletons()))
    if whose == "a router's":
        app.include_router(APIRouter(lifespan=own))

    @app.get("/")
    async def read(request: Request) -> int:
        return counter.number.of(request)

    with TestClient(app) as client:
        assert client.get("/").json() == 1
    assert within == [(1, 0), (1, 0)]
    assert counter.closed == 1
