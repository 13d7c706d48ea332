"""Singletons opened after the start: by a route added late, a sub-app, or a thousand at once."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Annotated, Any

import anyio
import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from httpx2 import ASGITransport, AsyncClient

from backoffice.core import (
    Run,
    Singleton,
    SingletonError,
    Unavailable,
    serve,
    singleton,
    singletons,
)

pytestmark = pytest.mark.anyio


def late(app: FastAPI, path: str, wanted: Singleton[Any]) -> None:
    """A route added to an app that runs already."""

    @app.get(path)
    async def route(value: Annotated[Any, Depends(wanted)]) -> str:
        return str(value)


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[AsyncClient]:
    async with serve(app) as asgi:
        transport = ASGITransport(asgi, raise_app_exceptions=False)
        async with AsyncClient(transport=transport, base_url="http://test") as client:
            yield client


def empty_app() -> FastAPI:
    return FastAPI(lifespan=singletons())


def counted() -> tuple[Singleton[int], list[int]]:
    made: list[int] = []

    @singleton
    async def slow() -> int:
        made.append(len(made))
        await anyio.sleep(0.01)
        return made[-1]

    return slow, made


async def get(client: AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text


async def settled() -> None:
    """Until nothing moves; a task's end tells its group only on the loop's next round."""
    for _ in range(5):
        await anyio.wait_all_tasks_blocked()


async def test_a_thousand_simultaneous_first_requests_make_one() -> None:
    slow, made = counted()
    app = empty_app()
    async with running(app) as client:
        late(app, "/", slow)
        async with anyio.create_task_group() as group:
            for _ in range(1000):
                group.start_soon(get, client, "/")
    assert made == [0]


def test_a_hundred_threads_with_one_client_make_one() -> None:
    slow, made = counted()
    app = empty_app()
    with TestClient(app) as client:
        late(app, "/", slow)
        threads = [threading.Thread(target=client.get, args=["/"]) for _ in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert made == [0]


async def test_a_late_singleton_may_hold_a_task_group() -> None:
    ticked: list[str] = []

    @singleton
    async def ticker() -> AsyncIterator[str]:
        async def tick() -> None:
            ticked.append("tick")
            await anyio.sleep_forever()

        async with anyio.create_task_group() as group:
            group.start_soon(tick)
            yield "ticker"
            group.cancel_scope.cancel()
        ticked.append("closed")

    app = empty_app()
    async with running(app) as client:
        late(app, "/", ticker)
        assert (await client.get("/")).json() == "ticker"
        await anyio.wait_all_tasks_blocked()
    assert ticked == ["tick", "closed"]


async def test_a_late_singleton_closes_before_what_it_needs() -> None:
    log: list[str] = []

    @singleton
    async def ground() -> AsyncIterator[str]:
        yield "ground"
        log.append("-ground")

    @singleton
    async def house(ground: Annotated[str, Depends(ground)]) -> AsyncIterator[str]:
        yield f"house on {ground}"
        log.append("-house")

    app = FastAPI(lifespan=singletons(ground))
    async with running(app) as client:
        late(app, "/", house)
        assert (await client.get("/")).json() == "house on ground"
    assert log == ["-house", "-ground"]


async def test_an_override_alive_at_a_late_opening_is_not_built_into_the_value() -> None:
    @singleton
    async def source() -> str:
        return "real"

    @singleton
    async def built(source: Annotated[str, Depends(source)]) -> str:
        return f"built on {source}"

    async with Run() as run:
        with source.override("fake"):
            assert await run.open(built) == "built on real"
            assert await run.open(source) == "fake"
        assert await run.open(source) == "real"


async def test_a_dependency_override_set_after_the_start_is_not_built_into_a_value() -> None:
    @singleton
    async def source() -> str:
        return "real"

    @singleton
    async def built(source: Annotated[str, Depends(source)]) -> str:
        return f"built on {source}"

    app = empty_app()
    async with running(app) as client:
        late(app, "/source", source)
        late(app, "/built", built)
        app.dependency_overrides[source] = lambda: "fake"
        assert (await client.get("/source")).json() == "fake"
        assert (await client.get("/built")).json() == "built on real"


async def test_a_late_value_inherits_nothing_from_the_request_that_asked_first() -> None:
    caller: ContextVar[str] = ContextVar("caller", default="nobody")
    seen: list[str] = []

    @singleton
    async def curious() -> AsyncIterator[None]:
        seen.append(caller.get())
        yield
        seen.append(caller.get())

    async with Run() as run:
        caller.set("ann")
        await run.open(curious)
    assert seen == ["nobody", "nobody"]


async def test_a_request_that_goes_away_does_not_end_the_opening_for_others() -> None:
    slow, made = counted()
    async with Run() as run:
        with anyio.move_on_after(0.001) as first:
            await run.open(slow)
        assert first.cancelled_caught
        assert await run.open(slow) == 0
    assert made == [0]


async def test_a_failed_late_opening_is_tried_again_by_the_next_request() -> None:
    tries: list[str] = []

    @singleton
    async def flaky() -> str:
        tries.append("try")
        if len(tries) == 1:
            raise OSError("not yet")
        return "up"

    app = empty_app()
    async with running(app) as client:
        late(app, "/", flaky)
        assert (await client.get("/")).status_code == 500
        assert (await client.get("/")).json() == "up"


async def test_all_who_wait_for_a_failed_opening_hear_of_it() -> None:
    @singleton
    async def broken() -> None:
        await anyio.sleep(0.01)
        raise OSError("no such host")

    failures: list[str] = []

    async def ask(run: Run) -> None:
        try:
            await run.open(broken)
        except OSError as error:
            failures.append(str(error))

    async with Run() as run, anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(ask, run)
    assert failures == ["no such host"] * 50


async def test_a_singleton_whose_task_fails_stops_alone_and_is_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its users get a 503, everything else goes on, and the log has the reason."""
    fail = anyio.Event()

    @singleton
    async def consumer() -> AsyncIterator[str]:
        async def consume() -> None:
            await fail.wait()
            raise ConnectionError("the queue is gone")

        async with anyio.create_task_group() as group:
            group.start_soon(consume)
            yield "consumer"

    @singleton
    async def other() -> AsyncIterator[str]:
        yield "other"

    app = empty_app()
    late(app, "/consumer", consumer)
    late(app, "/other", other)

    async with running(app) as client:
        assert (await client.get("/consumer")).json() == "consumer"
        with caplog.at_level(logging.ERROR):
            fail.set()
            await settled()
        answer = await client.get("/consumer")
        assert answer.status_code == 503
        assert answer.json()["detail"]["code"] == "singleton_stopped"
        assert (await client.get("/other")).json() == "other"
    assert "the singleton consumer has stopped" in caplog.text
    assert "the queue is gone" in caplog.text


async def test_a_stopped_singleton_is_refused_by_of_as_well() -> None:
    @singleton
    async def brief() -> AsyncIterator[None]:
        async def end() -> None:
            raise ConnectionError

        async with anyio.create_task_group() as group:
            group.start_soon(end)
            yield

    async with Run() as run:
        await run.open(brief)
        await settled()
        with pytest.raises(Unavailable):
            run.value(brief)


async def test_nothing_opens_before_a_run_begins_or_after_it_ends() -> None:
    slow, made = counted()
    run = Run()
    with pytest.raises(SingletonError, match="async with Run"):
        await run.open(slow)
    async with run:
        pass
    with pytest.raises(SingletonError, match="has ended"):
        await run.open(slow)
    assert made == []


async def test_a_sub_app_mounted_late_opens_what_it_uses() -> None:
    slow, _ = counted()
    app, sub = empty_app(), FastAPI()
    late(sub, "/", slow)
    async with running(app) as client:
        app.mount("/sub", sub)
        assert (await client.get("/sub/")).json() == "0"


@pytest.mark.parametrize("cancelled", [False, True], ids=["ends", "is cancelled"])
async def test_a_run_that_ends_while_something_opens_leaves_nothing_behind(
    cancelled: bool,
) -> None:
    log: list[str] = []

    @singleton
    def first() -> Iterator[None]:
        log.append("+first")
        yield
        log.append("-first")

    @singleton
    async def hanging(first: Annotated[None, Depends(first)]) -> AsyncIterator[None]:
        try:
            await anyio.sleep_forever()
            yield
        finally:
            log.append("stopped")

    async def use() -> None:
        async with Run() as run:
            opening = asyncio.ensure_future(run.open(hanging))
            opening.add_done_callback(lambda done: done.cancelled() or done.exception())
            await anyio.wait_all_tasks_blocked()
            if cancelled:
                await anyio.sleep_forever()

    using = asyncio.ensure_future(use())
    await anyio.wait_all_tasks_blocked()
    using.cancel()  # which does nothing to one that has ended
    await asyncio.wait({using})
    assert log == ["+first", "stopped", "-first"]
