"""fastapi-limiter's own `RateLimiter`, on our limiter."""

from collections.abc import Callable, Iterator
from typing import Any

import fastapi_limiter.depends
import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.testclient import TestClient
from fastapi_limiter.decorators import skip_limiter
from pyrate_limiter import BucketFactory, Duration, InMemoryBucket, Limiter, Rate

from backoffice.core import SetupError, singletons
from backoffice.ratelimit.fastapi_limiter import RateLimiter


@pytest.fixture
def twice() -> Iterator[Limiter]:
    """Two a minute; pyrate-limiter keeps a thread for each, which is ended here."""
    with Limiter(Rate(2, Duration.MINUTE)) as limiter:
        yield limiter


def shop(limiter: Callable[..., Any]) -> FastAPI:
    router = APIRouter()

    @router.get("/books/{book}", dependencies=[Depends(limiter)])
    async def read(book: str) -> str:
        return book

    @router.get("/health", dependencies=[Depends(limiter)])
    @skip_limiter
    async def health() -> None: ...

    app = FastAPI(lifespan=singletons())
    app.include_router(router, prefix="/shop")
    return app


def statuses(client: TestClient, *paths: str, **headers: str) -> list[int]:
    return [client.get(path, headers=headers).status_code for path in paths]


@pytest.mark.usefixtures("counted")
def test_it_works_where_the_original_fails(twice: Limiter) -> None:
    """In an included router, whatever the path parameter and the forged address."""
    with TestClient(shop(RateLimiter(limiter=twice))) as client:
        answers = [
            client.get(f"/shop/books/{number}", headers={"X-Forwarded-For": f"1.1.1.{number}"})
            for number in range(3)
        ]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert answers[2].headers["Retry-After"] == "30"


def test_callers_have_a_bucket_each(twice: Limiter) -> None:
    async def user(request: Request) -> str:
        return request.headers["user"]

    with TestClient(shop(RateLimiter(twice, user))) as client:
        assert statuses(client, *["/shop/books/1"] * 3, user="ada") == [200, 200, 429]
        assert statuses(client, "/shop/books/1", user="grace") == [200]


def test_it_is_one_of_the_originals(twice: Limiter) -> None:
    limiter = RateLimiter(limiter=twice)
    assert isinstance(limiter, fastapi_limiter.depends.RateLimiter)
    assert limiter.limiter is twice


def test_a_skipped_route_is_skipped(twice: Limiter) -> None:
    with TestClient(shop(RateLimiter(twice))) as client:
        assert statuses(client, *["/shop/health"] * 4) == [200] * 4


def test_a_callback_answers_and_its_answer_says_when_to_come_back(twice: Limiter) -> None:
    async def callback(request: Request, response: Response) -> None:
        raise HTTPException(420, "Enhance your calm", headers={"Retry-After": "99"})

    with TestClient(shop(RateLimiter(twice, callback=callback))) as client:
        statuses(client, *["/shop/books/1"] * 2)
        refused = client.get("/shop/books/1")
    assert refused.status_code == 420
    assert refused.headers["Retry-After"] == "99"
    assert refused.headers["RateLimit"] == '"2/minute";r=0;t=30'


def test_a_callback_that_only_returns_lets_nobody_through(twice: Limiter) -> None:
    with TestClient(shop(RateLimiter(twice, callback=lambda *_: None))) as client:
        assert statuses(client, *["/shop/books/1"] * 3) == [200, 200, 429]


def test_several_rates_and_a_burst_are_read() -> None:
    rates = [Rate(2, Duration.SECOND * 10, burst=1), Rate(9, Duration.DAY)]
    with Limiter(rates) as limiter, TestClient(shop(RateLimiter(limiter))) as client:
        answer = client.get("/shop/books/1")
    assert answer.headers["RateLimit-Policy"] == (
        '"2/10 seconds;burst=1";q=2;w=10, "9/day";q=9;w=86400'
    )


def test_what_cannot_be_taken_over_is_refused(twice: Limiter) -> None:
    class ByName(BucketFactory):
        def wrap_item(self, name: str, weight: int = 1) -> Any: ...

        def get(self, item: Any) -> InMemoryBucket:
            raise NotImplementedError

    with pytest.raises(SetupError, match="rates of this Limiter cannot be read"):
        RateLimiter(Limiter(ByName()))
    with pytest.raises(SetupError, match="leave it out"):
        RateLimiter(twice, blocking=True)
