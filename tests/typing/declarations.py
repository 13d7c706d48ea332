"""What `singleton` makes of each kind of factory: a Singleton of the value, never of its wrapping.

Type-checked by mypy and pyright, both strict; not run.
"""

from asyncio import ensure_future
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Generator, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Generic, Protocol, Self, TypeVar, assert_type

from fastapi import Depends, FastAPI
from pydantic import BaseModel
from pydantic_settings import BaseSettings
from redis.asyncio import Redis

from backoffice.core import Singleton, singleton

T = TypeVar("T")


class Catalogue:
    def __init__(self, title: str = "") -> None:
        self.title = title


@singleton
async def by_async_iterator() -> AsyncIterator[Catalogue]:
    yield Catalogue()


@singleton
async def by_async_generator() -> AsyncGenerator[Catalogue, None]:
    yield Catalogue()


@singleton
async def by_async_generator_alone() -> AsyncGenerator[Catalogue]:
    yield Catalogue()


@singleton
def by_iterator() -> Iterator[Catalogue]:
    yield Catalogue()


@singleton
def by_generator() -> Generator[Catalogue, None, None]:
    yield Catalogue()


async def opened() -> Catalogue:
    return Catalogue()


@singleton
async def by_coroutine() -> Catalogue:
    return Catalogue()


@singleton
def by_function() -> Catalogue:
    return Catalogue()


@singleton
def by_awaitable() -> Awaitable[Catalogue]:
    return ensure_future(opened())


assert_type(by_async_iterator, Singleton[Catalogue])
assert_type(by_async_generator, Singleton[Catalogue])
assert_type(by_async_generator_alone, Singleton[Catalogue])
assert_type(by_iterator, Singleton[Catalogue])
assert_type(by_generator, Singleton[Catalogue])
assert_type(by_coroutine, Singleton[Catalogue])
assert_type(by_function, Singleton[Catalogue])
assert_type(by_awaitable, Singleton[Catalogue])
assert_type(singleton(lambda: Catalogue()), Singleton[Catalogue])
assert_type(singleton(partial(Catalogue, title="Books")), Singleton[Catalogue])


class Named(Protocol):
    title: str


@singleton
def titles() -> list[str]:
    return []


@singleton
async def shelves() -> AsyncIterator[dict[str, list[Catalogue]]]:
    yield {}


@singleton
async def perhaps() -> Catalogue | None:
    return None


@singleton
def named() -> Named:
    return Catalogue()


@singleton
def nothing() -> None: ...


assert_type(titles, Singleton[list[str]])
assert_type(shelves, Singleton[dict[str, list[Catalogue]]])
assert_type(perhaps, Singleton[Catalogue | None])
assert_type(named, Singleton[Named])
assert_type(nothing, Singleton[None])


@singleton
async def built_on_others(
    app: FastAPI,
    catalogue: Annotated[Catalogue, Depends(by_async_iterator)],
    *,
    titles: Annotated[list[str], Depends(titles)],
    limit: int = 10,
) -> AsyncIterator[tuple[Catalogue, list[str]]]:
    yield catalogue, titles[:limit]


assert_type(built_on_others, Singleton[tuple[Catalogue, list[str]]])


class Owner:
    """A package's own object, whose method is the factory."""

    def __init__(self) -> None:
        self.opened = singleton(self._opened)
        self.made = singleton(self._made)

    async def _opened(self, titles: Annotated[list[str], Depends(titles)]) -> AsyncIterator[Self]:
        yield self

    def _made(self) -> Catalogue:
        return Catalogue()


assert_type(Owner().opened, Singleton[Owner])
assert_type(Owner().made, Singleton[Catalogue])


# A class is given to `singleton` by a call, so that its name stays a type in both checkers: mypy
# overlooks what a class decorator returns, pyright takes the name for the singleton.
class Configuration(BaseSettings):
    url: str = "sqlite://"


class Limits(BaseModel):
    per_minute: int = 5


@dataclass(frozen=True)
class Bundle:
    catalogue: Annotated[Catalogue, Depends(by_async_iterator)]
    titles: Annotated[list[str], Depends(titles)]


class Shelf(Generic[T]):
    def __init__(self, books: tuple[T, ...] = ()) -> None:
        self.books = books


class Iterable:
    def __iter__(self) -> Iterator[int]:
        return iter(())


class Cursor:
    def __iter__(self) -> Self:
        return self

    def __next__(self) -> int:
        return 0


class Feed:
    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> int:
        return 0


class Connection:
    def __await__(self) -> Generator[Any, None, bool]:
        yield
        return True


assert_type(singleton(Catalogue), Singleton[Catalogue])
assert_type(singleton(Configuration), Singleton[Configuration])
assert_type(singleton(Limits), Singleton[Limits])
assert_type(singleton(Bundle), Singleton[Bundle])
assert_type(singleton(Shelf[str]), Singleton[Shelf[str]])
assert_type(singleton(Iterable), Singleton[Iterable])
assert_type(singleton(Cursor), Singleton[Cursor])
assert_type(singleton(Feed), Singleton[Feed])
assert_type(singleton(Connection), Singleton[Connection])
assert_type(singleton(Redis), Singleton[Redis])


def refused() -> None:
    singleton(Catalogue("not a factory"))  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
