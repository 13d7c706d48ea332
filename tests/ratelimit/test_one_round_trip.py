"""All limits of a request are judged together, wherever they are written."""

from collections.abc import Iterator, Sequence
from typing import Annotated

import pytest
import redis
from fastapi import APIRouter, Depends, FastAPI, Request, params
from fastapi.testclient import TestClient

from backoffice.core import singletons
from backoffice.ratelimit import Charge, Decision, MemoryStore, RateLimit, Standing, Verdict
from backoffice.ratelimit.charges import How

APP = RateLimit("100/minute", name="app")
ROUTER = RateLimit("50/minute", name="router")
FIVE = RateLimit("5/minute", "500/day")


async def helper(_: Annotated[Decision, RateLimit("40/minute", name="helper")]) -> None: ...


def shop(*dependencies: params.Depends) -> FastAPI:
    """An app with limits of its own, its router's, its route's and a dependency's."""
    app = FastAPI(lifespan=singletons(), dependencies=[APP])
    router = APIRouter(prefix="/x", dependencies=[ROUTER])

    @router.get("/quote", dependencies=[FIVE, Depends(helper), *dependencies])
    async def quote() -> str:
        return "So it goes."

    app.include_router(router)
    return app


@pytest.fixture
def charged(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many charges each call of the store in memory had."""
    calls: list[int] = []
    charged, alone = MemoryStore.charged, MemoryStore.alone

    def counted(store: MemoryStore, charges: Sequence[Charge], how: How = "spend") -> Verdict:
        before = len(calls)
        verdict = charged(store, charges, how)
        calls[before:] = [len(charges)]
        return verdict

    def counted_alone(store: MemoryStore, charge: Charge) -> Standing | None:
        calls.append(1)
        return alone(store, charge)

    monkeypatch.setattr(MemoryStore, "charged", counted)
    monkeypatch.setattr(MemoryStore, "alone", counted_alone)
    return calls


def test_a_request_calls_the_store_once(charged: list[int]) -> None:
    with TestClient(shop()) as client:
        assert client.get("/x/quote").status_code == 200
    assert charged == [5]


def test_a_request_is_one_command_to_redis(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKOFFICE_REDIS_URL", redis_url)
    monkeypatch.setenv("BACKOFFICE_RATELIMIT__REDIS_TIMEOUT", "5")
    with TestClient(shop()) as client, redis.Redis.from_url(redis_url) as server:
        client.get("/x/quote")
        with server.monitor() as monitor:
            assert client.get("/x/quote").status_code == 200
            server.ping()
            commands = [each["command"] for each in until_ping(monitor)]
    judged = [each for each in commands if each.startswith("EVALSHA") and "}:" in each]
    assert len([each for each in judged if "{overrides}" not in each]) == 1


def until_ping(monitor: object) -> Iterator[dict[str, str]]:
    for each in monitor.listen():  # type: ignore[attr-defined]
        if each["command"] == "PING":
            return
        if each["client_type"] != "lua":
            yield each


def test_who_is_refused_by_one_has_spent_none_of_the_others() -> None:
    with TestClient(shop()) as client:
        answers = [client.get("/x/quote") for _ in range(6)]
    assert [each.status_code for each in answers] == [200] * 5 + [429]
    refused = answers[-1]
    assert refused.json()["detail"]["violated-policies"] == ["5/minute"]
    left = dict(each.split(";", 1) for each in refused.headers["RateLimit"].split(", "))
    assert left['"100/minute"'].startswith("r=95;")
    assert left['"40/minute"'].startswith("r=35;")
    assert left['"500/day"'].startswith("r=495;")


def test_a_refusal_by_several_says_the_longest_wait() -> None:
    app = FastAPI(lifespan=singletons(), dependencies=[RateLimit("1/minute")])

    @app.get("/", dependencies=[RateLimit("1/hour")])
    async def read() -> None: ...

    with TestClient(app) as client:
        client.get("/")
        refused = client.get("/")
    assert refused.headers["Retry-After"] == "3600"
    assert refused.json()["detail"]["violated-policies"] == ["1/minute", "1/hour"]


def test_a_limit_written_in_app_and_route_alike_counts_once() -> None:
    app = FastAPI(lifespan=singletons(), dependencies=[FIVE])

    @app.get("/", dependencies=[FIVE])
    async def read() -> None: ...

    with TestClient(app) as client:
        assert [client.get("/").status_code for _ in range(6)] == [200] * 5 + [429]


def test_a_limit_that_is_overridden_counts_nothing(charged: list[int]) -> None:
    app = shop()
    assert FIVE.dependency is not None
    app.dependency_overrides[FIVE.dependency] = lambda: None
    with TestClient(app) as client:
        assert [client.get("/x/quote").status_code for _ in range(6)] == [200] * 6
    assert charged == [3] * 6


def test_what_stands_in_for_a_dependency_is_limited_by_its_own(charged: list[int]) -> None:
    async def stand_in(_: Annotated[Decision, RateLimit("1/minute", name="other")]) -> None: ...

    app = shop()
    app.dependency_overrides[helper] = stand_in
    with TestClient(app) as client:
        answers = [client.get("/x/quote").status_code for _ in range(2)]
    assert answers == [200, 429]
    assert charged == [4, 1, 4, 1]


@pytest.mark.parametrize("late", [True, False])
def test_routes_included_before_or_after_are_found(late: bool, charged: list[int]) -> None:
    app, router = FastAPI(lifespan=singletons(), dependencies=[APP]), APIRouter()
    if not late:
        app.include_router(router)

    @router.get("/quote/{number}", dependencies=[RateLimit("2/minute")])
    async def quote(number: int) -> None: ...

    if late:
        app.include_router(router)
    with TestClient(app) as client:
        answers = [client.get(f"/quote/{number}").status_code for number in range(3)]
    assert answers == [200, 200, 429]
    assert charged == [2, 2, 2]


def test_a_decision_is_given_wherever_it_is_asked_for() -> None:
    app = FastAPI(lifespan=singletons(), dependencies=[APP])

    @app.get("/")
    async def read(
        five: Annotated[Decision, FIVE], nine: Annotated[Decision, RateLimit("9/minute")]
    ) -> list[int | None]:
        return [five.remaining, nine.remaining]

    with TestClient(app) as client:
        assert client.get("/").json() == [4, 8]


def test_a_cost_of_nothing_is_not_refused_beside_another(charged: list[int]) -> None:
    async def price(request: Request) -> int:
        return int(request.query_params["price"])

    app = FastAPI(lifespan=singletons(), dependencies=[RateLimit("9/minute", name="app")])

    @app.get("/", dependencies=[RateLimit("1/minute", cost=price)])
    async def read() -> None: ...

    with TestClient(app) as client:
        answers = [client.get(f"/?price={price}") for price in (1, 1, 0)]
    assert [each.status_code for each in answers] == [200, 429, 200]
    assert answers[2].headers["RateLimit"].startswith('"9/minute";r=7;')
