"""What can be declared as a singleton, and how its parameters are filled."""

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from fastapi import (
    BackgroundTasks,
    Body,
    Depends,
    FastAPI,
    Header,
    Query,
    Request,
    Response,
    WebSocket,
)
from fastapi.testclient import TestClient
from pydantic_settings import BaseSettings
from starlette.requests import HTTPConnection

from backoffice.core import Run, Singleton, SingletonError, singleton, singletons
from backoffice.core.graph import mermaid

pytestmark = pytest.mark.anyio


@singleton
def name() -> str:
    return "Ann"


Name = Annotated[str, Depends(name)]


async def by_async_generator(name: Name) -> AsyncIterator[str]:
    yield name


def by_generator(name: Name) -> Iterator[str]:
    yield name


async def by_coroutine(name: Name) -> str:
    return name


def by_function(name: Name) -> str:
    return name


def by_default(name: str = Depends(name)) -> str:
    return name


def with_more(*rest: Any, name: Name, **options: Any) -> str:
    assert (rest, options) == ((), {})
    return name


def with_two(greeting: str, name: Name) -> str:
    return greeting + name


class ByCall:
    def __call__(self, name: Name) -> str:
        return name


@pytest.mark.parametrize(
    "factory",
    [
        by_async_generator,
        by_generator,
        by_coroutine,
        by_function,
        by_default,
        with_more,
        pytest.param(functools.partial(with_two, ""), id="partial"),
        pytest.param(functools.partial(by_coroutine), id="partial of a coroutine"),
        ByCall(),
    ],
    ids=lambda factory: getattr(factory, "__name__", type(factory).__name__),
)
async def test_every_kind_of_factory_gives_its_value(factory: Callable[..., Any]) -> None:
    async with Run() as run:
        assert await run.open(singleton(factory)) == "Ann"


class Plain:
    def __init__(self, name: Name) -> None:
        self.name = name


@dataclass(frozen=True)
class Bundle:
    name: Name


class Feed(Iterator[int], Awaitable[int]):
    """A class whose objects may be iterated and awaited; its object is the value all the same."""

    def __init__(self, name: Name) -> None:
        self.name = name

    def __next__(self) -> int:
        raise StopIteration

    def __await__(self) -> Generator[Any, None, int]:
        raise AssertionError


@pytest.mark.parametrize("kind", [Plain, Bundle, Feed])
async def test_a_class_gives_its_object(kind: type[Plain]) -> None:
    async with Run() as run:
        found = await run.open(singleton(kind))
        assert isinstance(found, kind)
        assert found.name == "Ann"


async def test_a_settings_class_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its required fields are parameters as well, which nobody has to fill."""

    class ShopSettings(BaseSettings):
        shop_city: str

    monkeypatch.setenv("SHOP_CITY", "Bern")
    async with Run() as run:
        assert (await run.open(singleton(ShopSettings))).shop_city == "Bern"


async def test_a_builtin_has_no_parameters_to_fill() -> None:
    async with Run() as run:
        assert await run.open(singleton(dict)) == {}


def test_a_cycle_is_refused_with_its_path_and_nothing_opens() -> None:
    async def egg(hen: Any) -> None: ...
    async def hen(egg: Any) -> None: ...

    eggs, hens = singleton(egg), singleton(hen)
    egg.__annotations__["hen"] = Annotated[None, Depends(hens)]
    hen.__annotations__["egg"] = Annotated[None, Depends(eggs)]

    @singleton
    async def farm(egg: Annotated[None, Depends(eggs)]) -> None: ...

    with pytest.raises(SingletonError, match="circular singletons: egg -> hen -> egg"):
        TestClient(FastAPI(lifespan=singletons(farm))).__enter__()


def refused(wanted: Singleton[Any]) -> str:
    with pytest.raises(SingletonError) as error:
        TestClient(FastAPI(lifespan=singletons(name, wanted))).__enter__()
    return error.value.message


def test_a_missing_parameter_is_refused_with_the_way_to_it() -> None:
    @singleton
    async def deep(where: str) -> str:
        return where

    @singleton
    async def middle(deep: Annotated[str, Depends(deep)]) -> str:
        return deep

    @singleton
    async def top(middle: Annotated[str, Depends(middle)]) -> str:
        return middle

    message = refused(top)
    assert "deep(where) is neither a singleton nor has a default" in message
    assert "reached by top -> middle -> deep" in message


def test_a_request_dependency_is_refused_with_the_way_to_it() -> None:
    async def current(request: Request) -> str:
        return request.url.path

    @singleton
    async def greedy(path: Annotated[str, Depends(current)]) -> str:
        return path

    message = refused(greedy)
    assert "greedy(path) takes a request dependency" in message
    assert "reached by greedy" in message


class Box: ...


@pytest.mark.parametrize(
    "default", [Header(), Query("d"), Body()], ids=lambda it: type(it).__name__
)
def test_what_a_request_would_fill_is_refused(default: Any) -> None:
    def greedy(value: str = default) -> None: ...

    assert "greedy(value) takes something of a request" in refused(singleton(greedy))


@pytest.mark.parametrize("kind", [Request, WebSocket, HTTPConnection, Response, BackgroundTasks])
def test_the_request_itself_is_refused(kind: type[Any]) -> None:
    def greedy(value: Any) -> None: ...

    greedy.__annotations__["value"] = kind
    assert "takes something of a request" in refused(singleton(greedy))


def test_a_class_by_depends_alone_is_refused_as_a_request_dependency() -> None:
    def greedy(box: Box = Depends()) -> None: ...

    assert "greedy(box) takes a request dependency" in refused(singleton(greedy))


def test_positional_only_parameters_are_refused_before_anything_opens() -> None:
    def strict(name: Name, /) -> None: ...

    assert "remove the `/`" in refused(singleton(strict))


def test_the_route_that_asks_is_named() -> None:
    async def lost(where: str) -> None: ...

    app = FastAPI(lifespan=singletons())

    @app.get("/report")
    async def report(_: Annotated[None, Depends(singleton(lost))]) -> None: ...

    with pytest.raises(SingletonError, match=r"reached by lost\), for /report"):
        TestClient(app).__enter__()


def test_a_name_holds_no_argument() -> None:
    """That of a partial, or the repr of a dataclass, may be a password."""
    connect = functools.partial(with_two, "postgres://shop:hunter2@host")
    assert singleton(connect).name == "with_two"


def test_a_health_check_must_be_async() -> None:
    def check(_: str) -> None: ...

    part = singleton(by_coroutine)
    with pytest.raises(SingletonError, match="must be an `async def`"):
        part.health(check)  # type: ignore[arg-type]


def test_of_says_how_to_open_what_no_route_uses() -> None:
    app = FastAPI(lifespan=singletons())

    @app.get("/")
    async def route(request: Request) -> str:
        return name.of(request)

    with TestClient(app) as client, pytest.raises(SingletonError, match=r"singletons\(name\)"):
        client.get("/")


class TestMermaid:
    """The graph as a picture."""

    def test_arrows_point_at_what_is_needed(self) -> None:
        hall = singleton(by_coroutine)
        assert mermaid([hall], {name: 0.0123}).splitlines() == [
            "graph TD",
            '    n0["name<br/>12.3 ms"]',
            '    n1["by_coroutine"]',
            "    n1 --> n0",
        ]

    def test_two_of_one_name_are_told_apart_and_markup_stays_text(self) -> None:
        lambdas = [singleton(lambda: 1), singleton(lambda: 2)]
        shown = mermaid(lambdas)
        assert '"#lt;lambda#gt;"' in shown
        assert '"#lt;lambda#gt; (2)"' in shown
        assert "<lambda>" not in shown
