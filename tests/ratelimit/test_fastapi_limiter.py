"""fastapi-limiter 0.2.0's form of `RateLimiter`, with the real package, on our limiter."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import fastapi_limiter.callback
import fastapi_limiter.decorators
import fastapi_limiter.identifier
import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.testclient import TestClient
from pyrate_limiter import BucketFactory, Duration, InMemoryBucket, Limiter, Rate

from backoffice.core import SetupError
from backoffice.ratelimit.compat import RateLimiter, skip_limiter


@pytest.fixture
def twice() -> Iterator[Limiter]:
    """Two a minute; pyrate-limiter keeps a thread for each, which is ended here."""
    with Limiter(Rate(2, Duration.MINUTE)) as limiter:
        yield limiter


def shop(limiter: Callable[..., Any]) -> FastAPI:
    """An app that knows nothing of singletons."""
    router = APIRouter()

    @router.get("/books/{book}", dependencies=[Depends(limiter)])
    async def read(book: str) -> str:
        return book

    @router.get("/health", dependencies=[Depends(limiter)])
    @fastapi_limiter.decorators.skip_limiter
    async def health() -> None: ...

    @router.get("/metrics", dependencies=[Depends(limiter)])
    @skip_limiter
    def metrics() -> None: ...

    app = FastAPI()
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
    assert answers[0].headers["RateLimit"].startswith('"2/minute";r=1;')


def test_it_needs_no_lifespan_at_all(twice: Limiter) -> None:
    """Not even that of the client: counts are kept as long as the event loop."""
    client = TestClient(shop(RateLimiter(twice)))
    assert statuses(client, "/shop/books/1") == [200]


def test_callers_have_a_bucket_each(twice: Limiter) -> None:
    async def user(request: Request) -> str:
        return request.headers["user"]

    with TestClient(shop(RateLimiter(twice, user))) as client:
        assert statuses(client, *["/shop/books/1"] * 3, user="ada") == [200, 200, 429]
        assert statuses(client, "/shop/books/1", user="grace") == [200]


def test_a_sync_identifier_works(twice: Limiter) -> None:
    with TestClient(shop(RateLimiter(twice, lambda request: request.headers["user"]))) as client:
        assert statuses(client, *["/shop/books/1"] * 3, user="ada") == [200, 200, 429]
        assert statuses(client, "/shop/books/1", user="grace") == [200]


def test_routes_of_one_limiter_have_a_bucket_each(twice: Limiter) -> None:
    limiter = RateLimiter(twice)
    app = FastAPI(dependencies=[Depends(limiter)])
    app.get("/a")(lambda: None)
    app.get("/b")(lambda: None)
    with TestClient(app) as client:
        assert statuses(client, "/a", "/a", "/a", "/b") == [200, 200, 429, 200]


def test_the_originals_own_defaults_are_ours(twice: Limiter) -> None:
    """Its identifier would believe a forged address, its callback tells no time."""
    limiter = RateLimiter(
        twice,
        fastapi_limiter.identifier.default_identifier,
        fastapi_limiter.callback.default_callback,
    )
    with TestClient(shop(limiter)) as client:
        for number in range(2):
            client.get("/shop/books/1", headers={"X-Forwarded-For": f"1.1.1.{number}"})
        refused = client.get("/shop/books/1", headers={"X-Forwarded-For": "1.1.1.9"})
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "30"


def test_a_skipped_route_is_skipped(twice: Limiter) -> None:
    with TestClient(shop(RateLimiter(twice))) as client:
        assert statuses(client, *["/shop/health"] * 4) == [200] * 4
        assert statuses(client, *["/shop/metrics"] * 4) == [200] * 4


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


def test_blocking_waits_for_ones_turn() -> None:
    with Limiter(Rate(1, Duration.SECOND)) as limiter:
        app = shop(RateLimiter(limiter, blocking=True))
        with TestClient(app) as client:
            began = time.monotonic()
            assert statuses(client, *["/shop/books/1"] * 2) == [200, 200]
            assert time.monotonic() - began >= 1


def test_blocking_does_not_wait_for_what_takes_too_long() -> None:
    with Limiter(Rate(1, Duration.HOUR)) as limiter:
        app = shop(RateLimiter(limiter, blocking=True))
        with TestClient(app) as client:
            assert statuses(client, *["/shop/books/1"] * 2) == [200, 429]


def test_a_limiter_whose_rates_cannot_be_read_is_refused() -> None:
    class ByName(BucketFactory):
        def wrap_item(self, name: str, weight: int = 1) -> Any: ...

        def get(self, item: Any) -> InMemoryBucket:
            raise NotImplementedError

    with pytest.raises(SetupError, match="rates of this Limiter cannot be read"):
        RateLimiter(Limiter(ByName()))
