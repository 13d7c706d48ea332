"""App-scope singletons: what a running app shares, and when it opens and closes."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated

import anyio
import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.testclient import TestClient
from httpx2 import ASGITransport, AsyncClient
from starlette.requests import Request

from backoffice.core import Run, SingletonError, reads, serve, singleton, singletons


class Shop:
    """A small graph of singletons that notes when each opens and closes."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.router = APIRouter(lifespan=singletons())

        @singleton
        async def stock() -> AsyncIterator[list[str]]:
            self.log.append("+stock")
            yield ["Dune"]
            self.log.append("-stock")

        @singleton
        def till(stock: Annotated[list[str], Depends(stock)]) -> Iterator[dict[str, list[str]]]:
            self.log.append("+till")
            yield {"stock": stock}
            self.log.append("-till")

        self.stock, self.till = stock, till

        @self.router.get("/stock")
        async def read(till: Annotated[dict[str, list[str]], Depends(till)]) -> list[str]:
            return till["stock"]

    def app(self) -> FastAPI:
        app = FastAPI()
        app.include_router(self.router)
        return app


def test_include_router_opens_dependencies_first_and_closes_them_last() -> None:
    shop = Shop()
    with TestClient(shop.app()) as client:
        assert client.get("/stock").json() == ["Dune"]
        assert shop.log == ["+stock", "+till"]
    assert shop.log == ["+stock", "+till", "-till", "-stock"]


def test_a_router_included_twice_opens_once() -> None:
    shop = Shop()
    app = shop.app()
    app.include_router(shop.router, prefix="/again")
    with TestClient(app) as client:
        assert client.get("/again/stock").json() == ["Dune"]
    assert shop.log == ["+stock", "+till", "-till", "-stock"]


def test_the_users_own_lifespan_runs_untouched() -> None:
    shop = Shop()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, str]]:
        shop.log.append("+mine")
        yield {"mine": "kept"}
        shop.log.append("-mine")

    app = FastAPI(lifespan=lifespan)
    app.include_router(shop.router)

    @app.get("/mine")
    async def mine(request: Request) -> str:
        return str(request.state.mine)

    with TestClient(app) as client:
        assert client.get("/mine").json() == "kept"
        assert client.get("/stock").json() == ["Dune"]
    assert shop.log == ["+mine", "+stock", "+till", "-till", "-stock", "-mine"]


def test_two_apps_sharing_one_router_do_not_see_each_other() -> None:
    shop = Shop()
    with TestClient(shop.app()) as one, TestClient(shop.app()) as two:
        assert one.get("/stock").json() == two.get("/stock").json() == ["Dune"]
        assert shop.log.count("+stock") == 2


@pytest.mark.anyio
async def test_a_thousand_simultaneous_first_requests_make_one() -> None:
    made: list[object] = []

    @singleton
    async def slow() -> object:
        await anyio.lowlevel.checkpoint()
        made.append(object())
        return made[-1]

    app = FastAPI(lifespan=singletons())
    async with serve(app) as asgi:

        @app.get("/")
        async def late(value: Annotated[object, Depends(slow)]) -> int:
            return id(value)

        async with (
            AsyncClient(transport=ASGITransport(asgi), base_url="http://test") as client,
            anyio.create_task_group() as group,
        ):
            for _ in range(1000):
                group.start_soon(client.get, "/")
    assert len(made) == 1


def test_a_cycle_is_refused_before_start_with_its_path() -> None:
    class Egg: ...

    async def laid(hen: object) -> Egg:
        return Egg()

    egg = singleton(laid)

    async def hatched(egg: Annotated[Egg, Depends(egg)]) -> object:
        return egg

    hen = singleton(hatched)
    laid.__annotations__["hen"] = Annotated[object, Depends(hen)]
    app = FastAPI(lifespan=singletons(hen))
    with pytest.raises(SingletonError, match="hatched -> laid -> hatched"), TestClient(app):
        pass


def test_a_parameter_nobody_can_fill_is_refused_before_anything_opens() -> None:
    shop = Shop()

    @singleton
    async def lost(where: str) -> str:
        return where

    app = FastAPI(lifespan=singletons(shop.stock, lost))
    with pytest.raises(SingletonError, match=r"lost\(where\)"), TestClient(app):
        pass
    assert shop.log == []


def test_a_singleton_may_not_take_a_request_dependency() -> None:
    async def current_path(request: Request) -> str:
        return request.url.path

    @singleton
    async def greedy(path: Annotated[str, Depends(current_path)]) -> str:
        return path

    app = FastAPI(lifespan=singletons(greedy))
    with pytest.raises(SingletonError, match="outlives requests"), TestClient(app):
        pass


def test_a_failed_start_closes_what_had_opened() -> None:
    shop = Shop()

    @singleton
    async def broken(till: Annotated[dict[str, list[str]], Depends(shop.till)]) -> None:
        raise RuntimeError("no change in the till")

    app = FastAPI(lifespan=singletons(broken))
    with pytest.raises(RuntimeError, match="no change"), TestClient(app):
        pass
    assert shop.log == ["+stock", "+till", "-till", "-stock"]


def test_an_override_is_seen_in_its_context_only() -> None:
    shop = Shop()
    with shop.stock.override(["Fake"]), TestClient(shop.app()) as client:
        assert client.get("/stock").json() == ["Fake"]
    with TestClient(shop.app()) as client:
        assert client.get("/stock").json() == ["Dune"]


def test_fastapis_own_overrides_reach_into_the_graph() -> None:
    shop = Shop()
    app = shop.app()
    app.dependency_overrides[shop.stock] = lambda: ["Other"]
    with TestClient(app) as client:
        assert client.get("/stock").json() == ["Other"]


def test_a_dependency_that_reads_by_of_has_its_singletons_opened_at_start() -> None:
    shop = Shop()

    @reads(shop.stock)
    async def first(request: Request) -> str:
        return shop.stock.of(request)[0]

    app = FastAPI(lifespan=singletons())

    @app.get("/first")
    async def route(title: Annotated[str, Depends(first)]) -> str:
        return title

    with TestClient(app) as client:
        assert shop.log == ["+stock"]
        assert client.get("/first").json() == "Dune"


def test_without_a_run_the_error_says_what_to_write() -> None:
    shop = Shop()
    with pytest.raises(SingletonError, match="with TestClient"):
        TestClient(shop.app()).get("/stock")


@pytest.mark.anyio
async def test_a_command_opens_singletons_without_an_app() -> None:
    shop = Shop()
    async with Run() as run:
        assert await run.open(shop.till) == {"stock": ["Dune"]}
        assert await run.open(shop.till) is run.values[shop.till]
    assert shop.log == ["+stock", "+till", "-till", "-stock"]


@pytest.mark.anyio
async def test_a_run_finds_a_value_by_the_type_it_gives() -> None:
    class Ledger: ...

    @singleton
    async def ledger() -> Ledger:
        return Ledger()

    app = FastAPI()

    @app.get("/")
    async def route(found: Annotated[Ledger, Depends(ledger)]) -> None: ...

    async with Run(app) as run:
        assert isinstance(await run.find(Ledger), Ledger)
        assert await run.find(Shop) is None
