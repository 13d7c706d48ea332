"""fastapi-limiter 0.1.6's form, as its documentation shows it, on our limiter.

It cannot be installed beside 0.2.0; nothing of either is imported here.
"""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import redis as sync_redis
import redis.asyncio as redis
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.testclient import TestClient

from backoffice.core import SetupError, singletons
from backoffice.ratelimit import RateLimit
from backoffice.ratelimit.compat import FastAPILimiter, RateLimiter


def documented(url: str, **more: Any) -> FastAPI:
    """The example of its documentation, at another Redis; its routes in a router."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        redis_connection = redis.from_url(url, encoding="utf8")
        await FastAPILimiter.init(redis_connection, **more)
        yield
        await FastAPILimiter.close()

    router = APIRouter()

    @router.get("/", dependencies=[Depends(RateLimiter(times=2, seconds=5))])
    async def index_get() -> dict[str, str]:
        return {"msg": "Hello World"}

    @router.post("/", dependencies=[Depends(RateLimiter(times=1, seconds=5))])
    async def index_post() -> dict[str, str]:
        return {"msg": "Hello World"}

    @router.get(
        "/multiple",
        dependencies=[
            Depends(RateLimiter(times=1, seconds=5)),
            Depends(RateLimiter(times=2, seconds=15)),
        ],
    )
    async def multiple() -> dict[str, str]:
        return {"msg": "Hello World"}

    app = FastAPI(lifespan=lifespan)
    app.include_router(router)
    return app


def keys(url: str) -> list[str]:
    with sync_redis.Redis.from_url(url) as client:
        return [key.decode() for key in client.scan_iter()]


@pytest.fixture
def client(redis_url: str) -> Iterator[TestClient]:
    with TestClient(documented(redis_url)) as client:
        yield client


def test_the_documented_app_limits_each_route_in_its_own_redis(
    client: TestClient, redis_url: str
) -> None:
    assert [client.get("/").status_code for _ in range(3)] == [200, 200, 429]
    assert [client.post("/").status_code for _ in range(2)] == [200, 429]
    assert [client.get("/multiple").status_code for _ in range(2)] == [200, 429]
    assert keys(redis_url)
    assert all("fastapi-limiter" in key for key in keys(redis_url))


def test_a_refusal_says_when_to_come_back(client: TestClient) -> None:
    answers = [client.get("/") for _ in range(3)]
    assert answers[2].headers["Retry-After"] == "3"
    assert answers[2].json()["detail"]["code"] == "rate_limited"
    assert answers[0].headers["RateLimit-Policy"] == '"2/5 seconds";q=2;w=5'


def test_several_limiters_of_a_route_are_spent_together_or_not_at_all(redis_url: str) -> None:
    def teapot(request: Request, response: Response, pexpire: int) -> None:
        raise HTTPException(418)

    hourly, once = RateLimiter(times=9, hours=1), RateLimiter(times=1, hours=1, callback=teapot)
    app = documented(redis_url)
    app.get("/tea", dependencies=[Depends(hourly), Depends(once)])(lambda: None)
    with TestClient(app) as client:
        answers = [client.get("/tea") for _ in range(5)]
    assert [each.status_code for each in answers] == [200] + [418] * 4
    assert '"9/hour";r=8;' in answers[4].headers["RateLimit"]


def test_two_workers_count_together(redis_url: str) -> None:
    with TestClient(documented(redis_url)) as one, TestClient(documented(redis_url)) as other:
        assert [each.get("/").status_code for each in (one, other, one)] == [200, 200, 429]


def test_what_init_sets_holds_for_its_event_loop_only(redis_url: str) -> None:
    """Two apps in one process do not see each other's."""

    async def everybody(request: Request) -> str:
        return "everybody"

    async def teapot(request: Request, response: Response, pexpire: int) -> None:
        raise HTTPException(418, headers={"Retry-After": str(pexpire)})

    custom = documented(redis_url, identifier=everybody, http_callback=teapot, prefix="a:b")
    with TestClient(custom) as one, TestClient(documented(redis_url)) as other:
        refused = [one.get("/") for _ in range(3)][2]
        assert (refused.status_code, refused.headers["Retry-After"]) == (418, "3000")
        assert [other.get("/").status_code for _ in range(3)] == [200, 200, 429]


def test_a_prefix_is_a_room_of_its_own(redis_url: str) -> None:
    for prefix in ("shop", "a prefix:with/what cannot begin a key"):
        with TestClient(documented(redis_url, prefix=prefix)) as client:
            assert [client.get("/").status_code for _ in range(3)] == [200, 200, 429]
    assert any("shop" in key for key in keys(redis_url))


def test_a_limiters_own_identifier_and_callback_come_first(redis_url: str) -> None:
    def user(request: Request) -> str:
        return request.headers["user"]

    def teapot(request: Request, response: Response, pexpire: int) -> None:
        raise HTTPException(418)

    app = documented(redis_url, identifier=lambda request: "everybody")
    limiter = RateLimiter(1, hours=1, identifier=user, callback=teapot)
    app.get("/tea", dependencies=[Depends(limiter)])(lambda: None)
    with TestClient(app) as client:
        statuses = [
            client.get("/tea", headers={"user": each}).status_code for each in ("a", "b", "a")
        ]
    assert statuses == [200, 200, 418]


def test_the_redis_of_the_environment_comes_first(
    redis_url: str, redis_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = redis_server.fresh_url()
    monkeypatch.setenv("BACKOFFICE_REDIS_URL", elsewhere)
    with TestClient(documented(redis_url)) as client:
        client.get("/")
    assert keys(elsewhere)
    assert not keys(redis_url)


def test_an_app_that_has_our_lifespan_counts_there_too(redis_url: str) -> None:
    app = documented(redis_url)
    app.include_router(APIRouter(lifespan=singletons()))
    app.get("/ours", dependencies=[RateLimit("1/hour")])(lambda: None)
    with TestClient(app) as client:
        assert [client.get("/").status_code for _ in range(3)] == [200, 200, 429]
        assert keys(redis_url)
        assert [client.get("/ours").status_code for _ in range(2)] == [200, 429]


def test_without_init_it_counts_in_this_process() -> None:
    app = FastAPI(dependencies=[Depends(RateLimiter(times=2, seconds=5))])
    app.get("/")(lambda: None)
    with TestClient(app) as client:
        assert [client.get("/").status_code for _ in range(3)] == [200, 200, 429]


@pytest.mark.anyio
async def test_redis_is_closed_and_told() -> None:
    client = redis.from_url("redis://localhost")
    await FastAPILimiter.init(client)
    assert FastAPILimiter.redis is client
    await FastAPILimiter.close()
    assert FastAPILimiter.redis is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"times": 0, "seconds": 5}, "lets nobody through"),
        ({"times": 2}, "write RateLimiter\\(times=2, seconds=5\\)"),
        ({"times": 2, "seconds": -5}, "lets nobody through"),
    ],
)
def test_limits_that_let_nobody_through_fail_where_they_are_written(
    arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(SetupError, match=message):
        RateLimiter(**arguments)


def test_the_forms_cannot_be_mixed() -> None:
    with pytest.raises(TypeError, match="blocking"):
        RateLimiter(times=2, seconds=5, blocking=True)  # type: ignore[call-overload]


def test_neither_package_is_needed() -> None:
    """In a process in which they cannot be imported."""
    program = (
        "import sys; sys.modules['fastapi_limiter'] = sys.modules['pyrate_limiter'] = None\n"
        "from backoffice.ratelimit.compat import RateLimiter\n"
        "print(RateLimiter(times=2, seconds=5))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
