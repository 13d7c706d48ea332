"""Overrides for tests: one task or thread at a time, on an app that runs for others as well."""

import threading
from collections.abc import AsyncIterator
from typing import Annotated

import anyio
import pytest
from fastapi import Depends, FastAPI, Request
from fastapi.testclient import TestClient
from httpx2 import ASGITransport, AsyncClient

from backoffice.core import SingletonError, reads, serve, singleton, singletons

pytestmark = pytest.mark.anyio


@singleton
async def source() -> str:
    return "real"


@singleton
async def built(source: Annotated[str, Depends(source)]) -> str:
    return f"built on {source}"


@reads(source)
async def by_of(request: Request) -> str:
    return source.of(request)


def shop() -> FastAPI:
    app = FastAPI(lifespan=singletons())

    @app.get("/source")
    async def read(source: Annotated[str, Depends(source)]) -> str:
        return source

    @app.get("/of")
    async def read_by_of(source: Annotated[str, Depends(by_of)]) -> str:
        return source

    @app.get("/built")
    async def read_built(built: Annotated[str, Depends(built)]) -> str:
        return built

    @app.get("/sync")
    def read_in_a_thread(request: Request, built: Annotated[str, Depends(built)]) -> list[str]:
        return [source.of(request), built]

    return app


def test_fifty_threads_override_one_running_app_and_see_their_own() -> None:
    found: dict[int, set[str]] = {}

    def use(number: int, client: TestClient) -> None:
        with source.override(f"fake {number}"):
            paths = ["/source", "/of"] * 5
            found[number] = {client.get(path).json() for path in paths}
            found[number].add(client.get("/sync").json()[0])

    with TestClient(shop()) as client:
        threads = [threading.Thread(target=use, args=[number, client]) for number in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert client.get("/source").json() == "real"
    assert found == {number: {f"fake {number}"} for number in range(50)}


async def test_fifty_tasks_override_one_running_app_and_see_their_own() -> None:
    found: dict[int, list[str]] = {}

    async def use(number: int, client: AsyncClient) -> None:
        with source.override(f"fake {number}"):
            await anyio.sleep(0.001)
            found[number] = [(await client.get(path)).json() for path in ("/source", "/of")]

    async with (
        serve(shop()) as asgi,
        AsyncClient(transport=ASGITransport(asgi), base_url="http://test") as client,
    ):
        async with anyio.create_task_group() as group:
            for number in range(50):
                group.start_soon(use, number, client)
        assert (await client.get("/source")).json() == "real"
    assert found == {number: [f"fake {number}"] * 2 for number in range(50)}


def test_an_override_before_the_start_reaches_what_is_built_on_it_for_the_whole_run() -> None:
    with source.override("fake"):
        client = TestClient(shop())
        client.__enter__()
    try:
        assert client.get("/built").json() == "built on fake"
        assert client.get("/source").json() == "fake"
    finally:
        client.__exit__(None, None, None)
    with TestClient(shop()) as client:
        assert client.get("/built").json() == "built on real"


def test_an_overridden_singleton_does_not_open_nor_does_what_only_it_needs() -> None:
    opened: list[str] = []

    @singleton
    async def cable() -> AsyncIterator[str]:
        opened.append("cable")
        yield "cable"

    @singleton
    async def lamp(cable: Annotated[str, Depends(cable)]) -> str:
        opened.append("lamp")
        return "lamp"

    app = FastAPI(lifespan=singletons(lamp))
    with lamp.override("torch"), TestClient(app):
        assert opened == []


def test_an_override_works_even_where_the_app_was_never_started() -> None:
    """A unit test of one route needs no lifespan."""
    with source.override("fake"):
        assert TestClient(shop()).get("/source").json() == "fake"


def test_overrides_nest() -> None:
    with TestClient(shop()) as client, source.override("outer"):
        with source.override("inner"):
            assert client.get("/of").json() == "inner"
        assert client.get("/of").json() == "outer"


class TestDependencyOverrides:
    """FastAPI's own spelling, `app.dependency_overrides[source] = ...`."""

    def test_set_before_the_start_it_reaches_the_graph(self) -> None:
        app = shop()
        app.dependency_overrides[source] = lambda: "other"
        with TestClient(app) as client:
            assert client.get("/source").json() == "other"
            assert client.get("/of").json() == "other"
            assert client.get("/built").json() == "built on other"

    def test_it_may_be_another_singleton(self) -> None:
        closed: list[str] = []

        @singleton
        async def other(text: Annotated[list[str], Depends(words)]) -> AsyncIterator[str]:
            yield text[0]
            closed.append("other")

        app = shop()
        app.dependency_overrides[source] = other
        with TestClient(app) as client:
            assert client.get("/source").json() == "word"
            assert client.get("/of").json() == "word"
            assert client.get("/built").json() == "built on word"
        assert closed == ["other"]

    def test_it_may_be_a_generator_that_needs_singletons(self) -> None:
        closed: list[str] = []

        async def other(text: Annotated[list[str], Depends(words)]) -> AsyncIterator[str]:
            yield text[0]
            closed.append("other")

        app = shop()
        app.dependency_overrides[source] = other
        with TestClient(app) as client:
            assert client.get("/built").json() == "built on word"
            assert client.get("/of").json() == "word"
            assert closed == []
        assert closed == ["other"]

    def test_what_it_needs_is_checked_before_anything_opens(self) -> None:
        async def other(path: Annotated[str, Depends(by_of)]) -> str:
            return path

        app = shop()
        app.dependency_overrides[source] = other
        with pytest.raises(SingletonError, match=r"other\(path\).*request dependency"):
            TestClient(app).__enter__()

    def test_set_after_the_start_a_plain_function_is_seen_everywhere_but_in_the_graph(self) -> None:
        app = shop()
        with TestClient(app) as client:
            app.dependency_overrides[source] = lambda: "other"
            assert client.get("/source").json() == "other"
            assert client.get("/of").json() == "other"
            assert client.get("/built").json() == "built on real"
            app.dependency_overrides.clear()
            assert client.get("/of").json() == "real"

    def test_set_after_the_start_what_cannot_be_read_at_once_is_refused(self) -> None:
        """Rather than give the real one, which the test meant to keep away from."""

        async def other() -> str:
            return "other"

        app = shop()
        with TestClient(app) as client:
            app.dependency_overrides[source] = other
            assert client.get("/source").json() == "other"
            with pytest.raises(SingletonError, match=r"Set it before the start, or use"):
                client.get("/of")

    def test_each_app_has_its_own(self) -> None:
        one, two = shop(), shop()
        one.dependency_overrides[source] = lambda: "other"
        with TestClient(one) as first, TestClient(two) as second:
            assert first.get("/built").json() == "built on other"
            assert second.get("/built").json() == "built on real"

    def test_an_override_in_context_goes_before_it(self) -> None:
        app = shop()
        app.dependency_overrides[source] = lambda: "other"
        with TestClient(app) as client, source.override("mine"):
            assert client.get("/of").json() == "mine"


@singleton
def words() -> list[str]:
    return ["word"]
