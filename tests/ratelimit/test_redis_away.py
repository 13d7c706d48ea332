"""What limited routes answer while Redis does not."""

import logging
import time

import pytest
import redis
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backoffice.core import singletons
from backoffice.ratelimit import RateLimit
from tests.ratelimit.fallible_redis import FallibleRedis


def shop() -> FastAPI:
    app = FastAPI(lifespan=singletons())

    @app.get("/closed", dependencies=[RateLimit("9/minute", on_error="closed")])
    async def closed() -> None: ...

    @app.get("/open", dependencies=[RateLimit("9/minute", on_error="open")])
    async def opened() -> None: ...

    return app


def assert_closed_and_open(client: TestClient) -> None:
    """Neither waits for Redis to come back."""
    started = time.monotonic()
    refused = client.get("/closed")
    answered = time.monotonic()
    passed = client.get("/open")
    assert max(answered - started, time.monotonic() - answered) < 60
    assert refused.status_code == 503
    assert refused.json()["detail"]["code"] == "limits_unavailable"
    assert refused.headers["Retry-After"] == "5"
    assert refused.headers["Cache-Control"] == "no-store"
    assert passed.status_code == 200
    assert "RateLimit" not in passed.headers


def test_while_redis_hangs_limits_refuse_or_allow_as_each_says_and_count_again_after(
    fallible_redis: FallibleRedis,
) -> None:
    with TestClient(shop()) as client:
        assert client.get("/closed").status_code == 200
        with fallible_redis.hung():
            assert_closed_and_open(client)
        deadline = time.monotonic() + 60
        while client.get("/closed").status_code != 200:
            assert time.monotonic() < deadline


def test_a_redis_that_dies_is_noticed_and_logged_once(
    fallible_redis: FallibleRedis, caplog: pytest.LogCaptureFixture
) -> None:
    with TestClient(shop()) as client:
        assert client.get("/closed").status_code == 200
        fallible_redis.die()
        for _ in range(3):
            assert_closed_and_open(client)
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert "Redis does not answer" in errors[0].getMessage()


def test_an_app_starts_without_its_redis(
    fallible_redis: FallibleRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a restart of both together would depend on which comes first."""
    fallible_redis.die()
    with TestClient(shop()) as client:
        assert_closed_and_open(client)


def test_an_app_is_connected_before_its_first_check(fallible_redis: FallibleRedis) -> None:
    """Which would have to do it within its deadline."""
    with redis.Redis.from_url(fallible_redis.url) as observer, TestClient(shop()) as client:
        before = observer.info("stats")["total_connections_received"]
        assert client.get("/closed").status_code == 200
        assert observer.info("stats")["total_connections_received"] == before


def test_no_password_of_redis_reaches_a_log_or_an_answer(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("BACKOFFICE_REDIS_URL", "redis://ada:hunter2@127.0.0.1:1/0")
    caplog.set_level(logging.DEBUG)
    with TestClient(shop()) as client:
        answer = client.get("/closed")
    assert answer.status_code == 503
    assert "hunter2" not in answer.text + caplog.text
