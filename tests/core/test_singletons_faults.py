"""Faults at each stage of start-up and shutdown: what had opened is closed, and nobody is blamed
for another's failure."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import anyio
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
    with pytest.raises(SingletonError, match="iterator; write `yield`"), TestClient(app):
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
        with pytest.raises(SingletonError, match=r"takes the app.*Run\(app\)"):
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
