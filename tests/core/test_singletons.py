"""App-scope singletons: what a running app shares, and when it opens and closes."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.testclient import TestClient
from starlette.requests import Request

from backoffice.core import Run, SingletonError, reads, singleton, singletons


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


def test_two_apps_sharing_one_router_do_not_see_each_other() -> None:
    shop = Shop()
    with TestClient(shop.app()) as one, TestClient(shop.app()) as two:
        assert one.get("/stock").json() == two.get("/stock").json() == ["Dune"]
        assert shop.log.count("+stock") == 2


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
