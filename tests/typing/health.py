"""A singleton's health check is given the singleton's value.

Type-checked by mypy and pyright, both strict; not run.
"""

from collections.abc import Awaitable, Callable
from typing import assert_type

from backoffice.core import singleton


class Search:
    async def ping(self) -> None: ...


@singleton
async def search() -> Search:
    return Search()


@search.health
async def answers(search: Search) -> None:
    await search.ping()


assert_type(answers, Callable[[Search], Awaitable[object]])


@singleton
def catalogue() -> str:
    return ""


@catalogue.health(timeout=0.5, required=False)
async def reachable(catalogue: str) -> None:
    assert_type(catalogue, str)


async def of_another_value(search: str) -> None: ...


def not_async(search: Search) -> None: ...


async def wants_more(search: Search, limit: int) -> None: ...


def refused() -> None:
    search.health(of_another_value)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    search.health(not_async)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    search.health(wants_more)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    search.health(timeout="2s")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
