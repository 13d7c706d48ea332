"""Faults at each stage of start-up and shutdown: what had opened is closed, and nobody is blamed
for another's failure."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any

import anyio
import anyio.lowlevel
import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.testclient import TestClient

from backoffice.core import Run, SingletonError, serve, singleton, singletons

pytestmark = pytest.mark.anyio


class Tower:
    """Three singletons, each on the one below; one of them fails at one stage."""

    def __init__(self, failing: str = "", stage: str = "") -> None:
        self.log: list[str] = []
        self._failing, self._stage = failing, stage

        @singleton
        async def cellar() -> AsyncIterator[str]:
            self._do("opening", "cellar")
            yield "cellar"
            self._do("closing", "cellar")

        @singleton
        def hall(cellar: Annotated[str, Depends(cellar)]) -> Iterator[str]:
            self._do("opening", "hall")
            yield "hall"
            self._do("closing", "hall")

        @singleton
        async def roof(hall: Annotated[str, Depends(hall)]) -> AsyncIterator[str]:
            self._do("opening", "roof")
            async with anyio.create_task_group():
                yield "roof"
            self._do("closing", "roof")

        self.cellar, self.hall, self.roof = cellar, hall, roof

    def _do(self, stage: str, name: str) -> None:
        if (self._stage, self._failing) == (stage, name):
            self.log.append(f"!{name}")
            raise OSError(f"{name} fails while {stage}")
        self.log.append(("+" if stage == "opening" else "-") + name)


@pytest.mark.parametrize(
    ("failing", "expected"),
    [
        ("cellar", ["!cellar"]),
        ("hall", ["+cellar", "!hall", "-cellar"]),
        ("roof", ["+cellar", "+hall", "!roof", "-hall", "-cellar"]),
    ],
)
def test_a_failed_start_closes_what_had_opened(failing: str, expected: list[str]) -> None:
    tower = Tower(failing, "opening")
    app = FastAPI(lifespan=singletons(tower.roof))
    with pytest.raises(OSError, match=f"{failing} fails") as failed, TestClient(app):
        pass
    assert tower.log == expected
    assert f"while opening the singleton {failing}" in failed.value.__notes__


@pytest.mark.parametrize("failing", ["cellar", "hall", "roof"])
def test_one_that_fails_to_close_keeps_none_from_closing(failing: str) -> None:
    """The others are resumed as ever: nothing is thrown into them."""
    tower = Tower(failing, "closing")
    app = FastAPI(lifespan=singletons(tower.roof))
    with pytest.raises(BaseException) as failed, TestClient(app):
        pass
    closed = [name.replace(f"-{failing}", f"!{failing}") for name in ("-roof", "-hall", "-cellar")]
    assert tower.log == ["+cellar", "+hall", "+roof", *closed]
    assert f"{failing} fails while closing" in str(failed.value)


async def test_several_that_fail_to_close_are_all_told() -> None:
    @singleton
    async def one() -> AsyncIterator[None]:
        yield
        raise OSError("one")

    @singleton
    async def two() -> AsyncIterator[None]:
        yield
        raise ValueError("two")

    async def use() -> None:
        async with Run() as run:
            await run.open(one)
            await run.open(two)

    with pytest.raises(ExceptionGroup) as failed:
        await use()
    assert [str(each) for each in failed.value.exceptions] == ["two", "one"]


async def test_a_failure_to_close_does_not_hide_why_the_start_failed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @singleton
    async def first() -> AsyncIterator[None]:
        yield
        raise OSError("cannot close either")

    @singleton
    async def second(first: Annotated[None, Depends(first)]) -> None:
        raise LookupError("the reason")

    app = FastAPI(lifespan=singletons(second))
    with pytest.raises(LookupError, match="the reason"):
        async with serve(app):
            pass
    assert "cannot close either" in caplog.text


async def test_a_start_that_is_cancelled_closes_what_had_opened() -> None:
    tower = Tower()
    reached = anyio.Event()

    @singleton
    async def hanging(roof: Annotated[str, Depends(tower.roof)]) -> None:
        reached.set()
        await anyio.sleep_forever()

    async def start() -> None:
        async with serve(FastAPI(lifespan=singletons(hanging))):
            pass

    async with anyio.create_task_group() as group:
        group.start_soon(start)
        await reached.wait()
        group.cancel_scope.cancel()
    assert tower.log == ["+cellar", "+hall", "+roof", "-roof", "-hall", "-cellar"]


async def test_a_run_within_a_cancelled_scope_still_closes_in_order() -> None:
    tower = Tower()

    @singleton
    async def slow_to_close(roof: Annotated[str, Depends(tower.roof)]) -> AsyncIterator[None]:
        yield
        await anyio.sleep(0.01)
        tower.log.append("-slow")

    with anyio.CancelScope() as scope:
        async with Run() as run:
            await run.open(slow_to_close)
            scope.cancel()
            await anyio.sleep_forever()
    assert tower.log[-4:] == ["-slow", "-roof", "-hall", "-cellar"]


def test_a_later_router_that_fails_to_start_closes_the_singletons() -> None:
    tower = Tower()

    @asynccontextmanager
    async def failing(_: FastAPI) -> AsyncIterator[None]:
        raise OSError("their own resource")
        yield

    app = FastAPI(lifespan=singletons(tower.roof))
    app.include_router(APIRouter(lifespan=failing))
    with pytest.raises(OSError, match="their own"), TestClient(app):
        pass
    assert tower.log[-3:] == ["-roof", "-hall", "-cellar"]


def test_a_generator_that_never_yields_is_named() -> None:
    @singleton
    async def forgetful() -> AsyncIterator[None]:
        if False:
            yield

    app = FastAPI(lifespan=singletons(forgetful))
    with pytest.raises(RuntimeError) as failed, TestClient(app):
        pass
    assert "while opening the singleton forgetful" in failed.value.__notes__


def test_a_generator_that_yields_twice_is_an_error_at_the_end() -> None:
    @singleton
    async def restless() -> AsyncIterator[int]:
        yield 1
        yield 2

    app = FastAPI(lifespan=singletons(restless))
    with pytest.raises(RuntimeError, match="didn't stop"), TestClient(app):
        pass


def test_a_function_that_returns_an_iterator_is_told_to_yield() -> None:
    """A type checker takes it for a generator, and the value for what it iterates over."""

    @singleton
    def lines() -> Iterator[str]:
        return iter(["one"])

    app = FastAPI(lifespan=singletons(lines))
    with pytest.raises(SingletonError, match="lines returns an iterator"), TestClient(app):
        pass


def test_annotations_that_cannot_be_read_are_named() -> None:
    async def lost(where: Any) -> None: ...

    lost.__annotations__["where"] = "OnlyForTypeChecking"
    app = FastAPI(lifespan=singletons(singleton(lost)))
    with pytest.raises(SingletonError, match="lost cannot be read"), TestClient(app):
        pass


async def test_a_singleton_that_takes_the_app_needs_a_run_that_has_one() -> None:
    @singleton
    async def title(app: FastAPI) -> str:
        return app.title

    async with Run(FastAPI(title="Shop")) as run:
        assert await run.open(title) == "Shop"
    async with Run() as run:
        with pytest.raises(SingletonError, match=r"no app; write Run\(app\)"):
            await run.open(title)


def test_what_a_later_router_names_is_checked_before_anything_opens() -> None:
    tower = Tower()

    @singleton
    async def lost(where: str) -> str:
        return where

    inner = APIRouter(lifespan=singletons(lost))
    outer = APIRouter()
    outer.include_router(inner)
    app = FastAPI(lifespan=singletons(tower.roof))
    app.include_router(outer)
    with pytest.raises(SingletonError, match=r"lost\(where\)"), TestClient(app):
        pass
    assert tower.log == []


class House:
    """A house on its ground; closing the house takes a while."""

    def __init__(self, closing: float = 0.05) -> None:
        self.log: list[str] = []
        self.closing = anyio.Event()

        @singleton
        async def ground() -> AsyncIterator[None]:
            try:
                yield
            finally:
                self.log.append("-ground")

        @singleton
        async def house(ground: Annotated[None, Depends(ground)]) -> AsyncIterator[None]:
            try:
                yield
            finally:
                self.closing.set()
                try:
                    await anyio.sleep(closing)
                finally:
                    self.log.append("-house")

        self.ground, self.house = ground, house


async def test_a_cancellation_while_closing_ends_that_closing_and_goes_on_with_the_others() -> None:
    house = House(closing=3600)

    async def use() -> None:
        async with Run() as run:
            await run.open(house.house)

    using = asyncio.ensure_future(use())
    await house.closing.wait()
    using.cancel()
    with anyio.fail_after(60), pytest.raises(asyncio.CancelledError):
        await using
    assert house.log == ["-house", "-ground"]


async def test_a_loop_that_cancels_all_its_tasks_closes_in_order() -> None:
    """As at the end of `asyncio.run`, or of a server that is told to end twice."""
    house = House()

    async def use() -> None:
        async with Run() as run:
            await run.open(house.house)
            await anyio.sleep_forever()

    before = asyncio.all_tasks()
    using = asyncio.ensure_future(use())
    await anyio.wait_all_tasks_blocked()
    for task in asyncio.all_tasks() - before:
        task.cancel()
    with anyio.fail_after(60):
        await asyncio.wait({using})
    assert house.log == ["-house", "-ground"]


async def test_a_run_that_ends_before_an_opening_begins_keeps_nobody_waiting() -> None:
    house = House()
    async with Run() as run:
        opening = asyncio.create_task(run.open(house.ground))
        await anyio.lowlevel.checkpoint()
    with anyio.fail_after(60), pytest.raises(SingletonError, match="ground was cancelled"):
        await opening


async def test_an_opening_that_swallows_its_cancellation_does_not_keep_the_run_from_ending() -> (
    None
):
    @singleton
    async def stubborn() -> AsyncIterator[None]:
        with suppress(asyncio.CancelledError):
            await anyio.sleep_forever()
        yield

    with anyio.fail_after(60):
        async with Run() as run:
            opening = asyncio.create_task(run.open(stubborn))
            await anyio.wait_all_tasks_blocked()
    await asyncio.wait({opening})


@pytest.mark.parametrize("reason", [SystemExit, KeyboardInterrupt])
async def test_an_exit_while_closing_leaves_nothing_open(reason: type[BaseException]) -> None:
    house = House(closing=0)

    @singleton
    async def leaving(house: Annotated[None, Depends(house.house)]) -> AsyncIterator[None]:
        yield
        raise reason

    async def use() -> None:
        async with Run() as run:
            await run.open(leaving)

    with pytest.raises(reason):
        await use()
    assert house.log == ["-house", "-ground"]


async def test_what_hangs_is_named_in_the_log_while_it_does(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("backoffice.core.held.SLOW", 0.001)
    house = House(closing=0.05)

    @singleton
    async def slow(house: Annotated[None, Depends(house.house)]) -> None:
        await anyio.sleep(0.05)

    async with Run() as run:
        await run.open(slow)
    messages = [each.getMessage() for each in caplog.records]
    assert any("the singleton slow is still opening" in each for each in messages)
    assert any("the singleton house is still closing" in each for each in messages)


async def test_a_thousand_who_wait_for_one_that_fails_cost_one_try() -> None:
    tries: list[int] = []

    @singleton
    async def broken() -> None:
        tries.append(1)
        await anyio.sleep(0.01)
        raise OSError("no")

    async with Run() as run:
        found = await asyncio.gather(
            *(run.open(broken) for _ in range(1000)), return_exceptions=True
        )
    assert {type(each) for each in found} == {OSError}
    assert tries == [1]


async def test_a_run_is_entered_once() -> None:
    run = Run()
    async with run:
        with pytest.raises(SingletonError, match="has begun before"):
            await run.__aenter__()


async def test_a_value_is_not_given_any_more_while_it_closes() -> None:
    house = House()

    @singleton
    async def watcher(house: Annotated[None, Depends(house.house)]) -> None: ...

    run = Run()
    async with run:
        await run.open(watcher)
        await run.open(house.house)
    with pytest.raises(SingletonError):
        run.value(house.house)


async def test_five_hundred_runs_leave_nothing_behind() -> None:
    house = House(closing=0)
    before = len(asyncio.all_tasks())
    references = []
    for _ in range(500):
        async with Run() as run:
            await run.open(house.house)
        references.append(weakref.ref(run))
    del run
    gc.collect()
    assert len(asyncio.all_tasks()) == before
    assert not [each for each in references if each() is not None]
