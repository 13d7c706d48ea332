"""A cost that is known only afterwards: set aside, then settled for what was used."""

from collections.abc import Iterator
from typing import Annotated

import anyio
import pytest
from fastapi import FastAPI, HTTPException, Request
from fastapi.testclient import TestClient
from starlette.responses import StreamingResponse

from backoffice.core import InvalidInput, SetupError, TooManyRequests, singletons
from backoffice.ratelimit import (
    Limiter,
    MemoryStore,
    RateLimit,
    RateLimitMiddleware,
    Reservation,
    Reserve,
    limits,
    reservation,
)

TOKENS = RateLimit("1000/day", cost=Reserve(400), name="tokens")
LEFT = RateLimit("1000/day", cost=0, name="tokens")


def model(*, seen: bool = False) -> FastAPI:
    """A language model that uses as many tokens as it is told to."""
    app = FastAPI(lifespan=singletons())
    if seen:
        app.add_middleware(RateLimitMiddleware)

    @app.get("/ask")
    async def ask(tokens: Annotated[Reservation, TOKENS], use: int = 0) -> None:
        tokens.settle(use)

    @app.get("/listed", dependencies=[TOKENS])
    async def listed(request: Request, use: int) -> None:
        reservation(request, "tokens").settle(use)

    @app.get("/silent", dependencies=[TOKENS])
    async def silent() -> None: ...

    @app.get("/failing")
    async def failing(tokens: Annotated[Reservation, TOKENS], use: int | None = None) -> None:
        if use is not None:
            tokens.settle(use)
        raise HTTPException(502)

    @app.get("/stream")
    async def stream(tokens: Annotated[Reservation, TOKENS]) -> StreamingResponse:
        def words() -> Iterator[str]:
            for number in range(1, 11):
                tokens.settle(5 * number)
                yield "word "

        return StreamingResponse(words())

    @app.get("/left", dependencies=[LEFT])
    async def left() -> None: ...

    return app


def left(client: TestClient) -> int:
    return int(client.get("/left").headers["RateLimit"].split("r=")[1].split(";")[0])


@pytest.fixture(params=[False, True], ids=["alone", "with middleware"])
def client(request: pytest.FixtureRequest, counted: None) -> Iterator[TestClient]:
    with TestClient(model(seen=request.param)) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "used"),
    [
        ("/ask?use=100", 100),
        ("/ask?use=0", 0),
        ("/ask?use=400", 400),
        ("/ask?use=700", 700),
        ("/listed?use=100", 100),
        ("/silent", 400),
        ("/failing", 400),
        ("/failing?use=0", 0),
        ("/stream", 50),
    ],
)
def test_what_was_used_is_spent(client: TestClient, path: str, used: int) -> None:
    assert client.get(path).status_code in (200, 502)
    # What is given back counts as spent until it was, which may be a unit in part.
    assert left(client) in (1000 - used, 999 - used)


def test_what_might_not_fit_is_refused_before_it_begins(client: TestClient) -> None:
    paths = ["/silent", "/silent", "/silent", "/ask?use=0"]
    assert [client.get(path).status_code for path in paths] == [200, 200, 429, 429]


def test_what_is_overspent_is_paid_back_by_waiting(client: TestClient) -> None:
    assert client.get("/ask?use=1300").status_code == 200
    refused = client.get("/ask?use=0")
    assert refused.status_code == 429
    # 1300 spent and 400 asked for: 700 of 1000 a day must come back first.
    assert int(refused.headers["Retry-After"]) == pytest.approx(0.7 * 86400, abs=100)


@pytest.mark.anyio
@pytest.mark.parametrize("used", [25, 400])
async def test_two_hundred_at_once_never_spend_more_than_the_limit(used: int) -> None:
    limiter, day = Limiter(MemoryStore()), limits("5000/day")
    spent = 0

    async def ask() -> None:
        nonlocal spent
        try:
            async with limiter.reserve("tokens", "ada", day, 400) as reserved:
                await anyio.sleep(0.01)
                reserved.settle(used)
                spent += used
        except TooManyRequests:
            return

    async with anyio.create_task_group() as tasks:
        for _ in range(200):
            tasks.start_soon(ask)
    assert 0 < spent <= 5000
    left = (await limiter.check("tokens", "ada", day, 0)).remaining
    # What was given back late may have come back by a unit meanwhile.
    assert left in (5000 - spent, 4999 - spent)


@pytest.mark.anyio
async def test_less_than_nothing_is_not_used() -> None:
    limiter = Limiter(MemoryStore())
    with pytest.raises(InvalidInput, match="less than nothing"):
        async with limiter.reserve("tokens", "ada", limits("10/day"), 5) as reserved:
            reserved.settle(-1)
    assert (await limiter.check("tokens", "ada", limits("10/day"), 0)).remaining == 5


def test_who_is_exempt_settles_for_nothing() -> None:
    app = FastAPI(lifespan=singletons())
    exempt = RateLimit("10/day", cost=Reserve(5), exempt=lambda _: True)

    @app.get("/")
    async def ask(tokens: Annotated[Reservation, exempt]) -> int:
        tokens.settle(1000)
        return tokens.estimate

    with TestClient(app) as client:
        assert [client.get("/").json() for _ in range(3)] == [0, 0, 0]


def test_a_reservation_that_no_limit_has_made_is_a_setup_error() -> None:
    app = FastAPI(lifespan=singletons())

    @app.get("/")
    async def ask(request: Request) -> None:
        reservation(request)

    with TestClient(app) as client, pytest.raises(SetupError, match="cost=Reserve"):
        client.get("/")
