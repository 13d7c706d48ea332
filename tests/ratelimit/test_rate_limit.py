"""`RateLimit(...)` on a route: who is counted, what it costs, how a refusal is answered."""

from typing import Annotated

import anyio
import pytest
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.testclient import TestClient
from httpx2 import ASGITransport, AsyncClient
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse

from backoffice.core import (
    Callers,
    SetupError,
    SingletonError,
    callers,
    clock,
    serve,
    singletons,
)
from backoffice.core.testing import ManualClock
from backoffice.ratelimit import (
    Decision,
    RateLimit,
    client_network,
)

ADA, GRACE = {"X-User": "ada"}, {"X-User": "grace"}


def tenant(request: Request) -> str | None:
    return request.headers.get("X-Tenant")


async def size(request: Request) -> int:
    return int(request.query_params["size"])


def shop(*limits: RateLimit) -> FastAPI:
    """An app with one route behind these limits."""
    app = FastAPI(lifespan=singletons())

    @app.get("/quote", dependencies=limits)
    async def quote() -> str:
        return "So it goes."

    return app


def statuses(client: TestClient, *paths: str) -> list[int]:
    return [client.get(path).status_code for path in paths]


@pytest.mark.usefixtures("counted")
def test_a_route_answers_as_often_as_its_limit_says() -> None:
    with TestClient(shop(RateLimit("2/minute"))) as client:
        assert statuses(client, *["/quote"] * 4) == [200, 200, 429, 429]


@pytest.mark.usefixtures("counted")
def test_a_refusal_says_when_to_come_back_and_is_not_cached() -> None:
    with TestClient(shop(RateLimit("2/minute", "500/day"))) as client:
        statuses(client, "/quote", "/quote")
        refused = client.get("/quote")
    after = int(refused.headers["Retry-After"])
    assert 29 <= after <= 30
    assert refused.headers["Cache-Control"] == "no-store"
    assert refused.headers["RateLimit-Policy"] == '"2/minute";q=2;w=60, "500/day";q=500;w=86400'
    assert refused.headers["RateLimit"].startswith(f'"2/minute";r=0;t={after}, "500/day";r=498;t=')
    assert refused.json() == {
        "detail": {
            "code": "rate_limited",
            "message": f"Too many requests; try again in {after} seconds.",
            "retry_after": after,
            "violated-policies": ["2/minute"],
        }
    }


def test_who_waits_as_long_as_told_is_let_through() -> None:
    app, time = shop(RateLimit("7/minute")), ManualClock()
    with clock.override(time), TestClient(app) as client:
        statuses(client, *["/quote"] * 7)
        time.advance(int(client.get("/quote").headers["Retry-After"]))
        assert statuses(client, "/quote", "/quote") == [200, 429]


def test_an_answer_says_what_is_left_and_never_when_to_retry() -> None:
    with TestClient(shop(RateLimit("20/minute"))) as client:
        answer = client.get("/quote")
    assert answer.headers["RateLimit-Policy"] == '"20/minute";q=20;w=60'
    assert answer.headers["RateLimit"] == '"20/minute";r=19;t=57'
    assert "Retry-After" not in answer.headers


def test_several_rate_limits_of_a_route_are_counted_apart_and_told_together() -> None:
    with TestClient(shop(RateLimit("5/minute"), RateLimit("5/minute"))) as client:
        answer = client.get("/quote")
    assert answer.headers["RateLimit-Policy"] == '"5/minute";q=5;w=60, "5/minute#2";q=5;w=60'
    assert answer.headers["RateLimit"] == '"5/minute";r=4;t=48, "5/minute#2";r=4;t=48'


def test_the_fields_can_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKOFFICE_RATELIMIT__HEADERS", "off")
    with TestClient(shop(RateLimit("1/minute"))) as client:
        answers = [client.get("/quote") for _ in range(2)]
    assert not [name for each in answers for name in each.headers if "ratelimit" in name]
    assert answers[1].headers["Retry-After"] == "60"


def test_annotated_gives_the_decision() -> None:
    app = FastAPI(lifespan=singletons())

    @app.get("/quote")
    async def quote(limit: Annotated[Decision, RateLimit("3/minute", "500/day")]) -> int | None:
        return limit.remaining

    with TestClient(app) as client:
        assert [client.get("/quote").json() for _ in range(3)] == [2, 1, 0]


@pytest.mark.usefixtures("counted")
@pytest.mark.anyio
async def test_two_hundred_at_once_against_fifty_let_fifty_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # On a busy machine, two hundred requests in one process may need half a second of it.
    monkeypatch.setenv("BACKOFFICE_RATELIMIT__REDIS_TIMEOUT", "10")
    answers: list[int] = []

    async def ask(client: AsyncClient) -> None:
        answers.append((await client.get("/quote")).status_code)

    async with serve(shop(RateLimit("50/hour"))) as asgi, anyio.create_task_group() as tasks:
        client = AsyncClient(transport=ASGITransport(asgi), base_url="http://shop")
        for _ in range(200):
            tasks.start_soon(ask, client)
    await client.aclose()
    assert {status: answers.count(status) for status in set(answers)} == {200: 50, 429: 150}


@pytest.mark.anyio
async def test_workers_that_share_a_redis_share_its_limits(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_REDIS_URL", redis_url)
    monkeypatch.setenv("BACKOFFICE_RATELIMIT__REDIS_TIMEOUT", "5")
    answers: list[int] = []

    async def worker() -> None:
        async with serve(shop(RateLimit("50/hour"))) as asgi:
            transport = ASGITransport(asgi)
            async with AsyncClient(transport=transport, base_url="http://shop") as client:
                answers.extend([(await client.get("/quote")).status_code for _ in range(50)])

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(worker)
    assert {status: answers.count(status) for status in set(answers)} == {200: 50, 429: 150}


def test_two_apps_in_one_process_do_not_share() -> None:
    limit = RateLimit("1/minute")
    with TestClient(shop(limit)) as one, TestClient(shop(limit)) as other:
        assert statuses(one, "/quote", "/quote") == [200, 429]
        assert statuses(other, "/quote", "/quote") == [200, 429]


def test_apps_with_a_namespace_each_do_not_share_in_redis(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_REDIS_URL", redis_url)
    for namespace in ("shop", "till"):
        monkeypatch.setenv("BACKOFFICE_RATELIMIT__NAMESPACE", namespace)
        with TestClient(shop(RateLimit("1/minute"))) as client:
            assert statuses(client, "/quote", "/quote") == [200, 429]


@pytest.mark.anyio
async def test_strangers_are_counted_by_their_network() -> None:
    async with serve(shop(RateLimit("1/minute"))) as asgi:

        async def ask(address: str) -> int:
            transport = ASGITransport(asgi, client=(address, 50000))
            async with AsyncClient(transport=transport, base_url="http://shop") as client:
                return (await client.get("/quote")).status_code

        assert await ask("2001:db8:1:2::1") == 200
        assert await ask("2001:db8:1:2:ffff::9") == 429
        assert await ask("2001:db8:1:3::1") == 200


def test_a_forged_forwarding_header_gives_no_new_bucket() -> None:
    with TestClient(shop(RateLimit("2/minute")), client=("8.8.8.8", 1)) as client:
        forged = [
            client.get("/quote", headers={"X-Forwarded-For": f"1.1.1.{number}"}).status_code
            for number in range(4)
        ]
    assert forged == [200, 200, 429, 429]


def test_a_known_caller_is_counted_by_name_wherever_it_comes_from() -> None:
    async def identify(connection: HTTPConnection) -> str | None:
        return connection.headers.get("X-User")

    app = shop(RateLimit("1/minute"))

    @app.get("/register")
    async def register(known: Annotated[Callers, Depends(callers)]) -> None:
        known.register(identify)

    with TestClient(app) as client:
        client.get("/register")
        assert client.get("/quote", headers=ADA).status_code == 200
        assert client.get("/quote", headers=ADA).status_code == 429
        assert client.get("/quote", headers=GRACE).status_code == 200
        assert client.get("/quote").status_code == 200


def test_a_key_chooses_who_is_counted_and_none_leaves_it_to_the_default() -> None:
    with TestClient(shop(RateLimit("1/minute", key=tenant))) as client:
        for headers in ({"X-Tenant": "a"}, {"X-Tenant": "b"}, {}):
            answers = [client.get("/quote", headers=headers).status_code for _ in range(2)]
            assert answers == [200, 429]


def test_a_key_may_be_the_clients_network() -> None:
    with TestClient(shop(RateLimit("1/minute", key=client_network))) as client:
        assert statuses(client, "/quote", "/quote") == [200, 429]


def test_a_cost_may_depend_on_the_request() -> None:
    paths = [f"/quote?size={size}" for size in (3, 3, 2, 1)]
    with TestClient(shop(RateLimit("5/minute", cost=size))) as client:
        assert statuses(client, *paths) == [200, 429, 200, 429]


def test_what_costs_nothing_passes_even_when_all_is_spent() -> None:
    with TestClient(shop(RateLimit("5/minute", cost=size))) as client:
        assert statuses(client, "/quote?size=5", "/quote?size=1") == [200, 429]
        free = client.get("/quote?size=0")
    assert free.status_code == 200
    assert free.headers["RateLimit"].startswith('"5/minute";r=0;')


@pytest.mark.usefixtures("counted")
# Python writes no number of more than 4300 digits.
@pytest.mark.parametrize("asked", [6, 10**4295], ids=["6", "huge"])
def test_a_cost_above_the_limit_is_told_so_and_not_to_wait(asked: int) -> None:
    with TestClient(shop(RateLimit("5/minute", cost=size))) as client:
        refused = client.get(f"/quote?size={asked}")
        assert statuses(client, "/quote?size=5") == [200]
    assert refused.status_code == 429
    assert "Retry-After" not in refused.headers
    assert refused.json()["detail"]["message"].endswith(
        "the 5 that are allowed at once; ask for less."
    )
    assert refused.headers["RateLimit"] == '"5/minute";r=5;t=60'


def test_a_negative_cost_gives_nothing_back() -> None:
    with TestClient(shop(RateLimit("5/minute", cost=size))) as client:
        assert client.get("/quote?size=-5").status_code == 422
        assert client.get("/quote?size=0").headers["RateLimit"] == '"5/minute";r=5;t=60'


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        ({"cost": 6}, "can never pass"),
        ({"cost": -1}, "can never pass"),
        ({"name": " "}, "name is empty"),
        ({"on_error": "refuse"}, "on_error='refuse' is not known; 'local' or 'closed' or 'open'"),
        ({"on": "sundays"}, "on='sundays' is not known"),
    ],
)
def test_what_cannot_work_is_refused_where_it_is_written(
    wrong: dict[str, object], fault: str
) -> None:
    with pytest.raises(SetupError, match=fault):
        RateLimit("5/minute", **wrong)  # type: ignore[arg-type]


def test_an_error_of_the_route_is_counted_like_an_answer() -> None:
    app = FastAPI(lifespan=singletons())

    @app.get("/missing", dependencies=[RateLimit("1/minute")])
    async def missing() -> None:
        raise HTTPException(404)

    with TestClient(app) as client:
        assert statuses(client, "/missing", "/missing") == [404, 429]


def test_a_response_of_the_routes_own_is_limited_too() -> None:
    app = FastAPI(lifespan=singletons())

    @app.get("/plain", dependencies=[RateLimit("1/minute")])
    async def plain() -> Response:
        return PlainTextResponse("So it goes.")

    with TestClient(app) as client:
        assert statuses(client, "/plain", "/plain") == [200, 429]


def test_an_app_that_opens_no_singletons_lets_nobody_through_unlimited() -> None:
    app = FastAPI()

    @app.get("/quote", dependencies=[RateLimit("1/minute")])
    async def quote() -> None:
        pytest.fail("reached without a limit")

    with TestClient(app) as client, pytest.raises(SingletonError):
        client.get("/quote")
