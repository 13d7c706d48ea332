"""What the tests of an app are given: no limits, and time that they move."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI

from backoffice.core import TooManyRequests, singletons
from backoffice.core.testing import ManualClock, RunningApp
from backoffice.ratelimit import RateLimit, limiter, limits
from backoffice.ratelimit.testing import unlimited

pytest_plugins = ["pytester"]

SHOP = """
from fastapi import FastAPI
from backoffice.auth import Auth
from backoffice.core import TooManyRequests, singletons
from backoffice.ratelimit import RateLimit, RateLimitMiddleware

auth = Auth()
app = FastAPI(lifespan=singletons())
app.include_router(auth.router, prefix="/auth")
app.add_middleware(RateLimitMiddleware, limits=["3/minute"])

@app.get("/quote", dependencies=[RateLimit("1/minute", "1 concurrent")])
async def quote() -> None: ...
"""
CONFTEST = """
import shop
from pytest import fixture
backoffice_app = fixture(lambda: shop.app, name="backoffice_app")
"""
TESTS = """
import pytest

FORM = {"username": "ann@example.com", "password": "no such password"}

def test_no_limits(backoffice_client, backoffice_no_limits):
    assert {backoffice_client.get("/quote").status_code for _ in range(30)} == {200}
    tries = [backoffice_client.post("/auth/login", data=FORM).status_code for _ in range(30)]
    assert set(tries) == {401}

def test_the_next_one_has_limits(backoffice_client):
    assert [backoffice_client.get("/quote").status_code for _ in range(2)] == [200, 429]

@pytest.mark.usefixtures("backoffice_no_limits")
def test_named_by_a_mark(backoffice_client):
    assert {backoffice_client.get("/quote").status_code for _ in range(30)} == {200}

@pytest.mark.anyio
async def test_async(backoffice_async_client, backoffice_no_limits):
    assert {(await backoffice_async_client.get("/quote")).status_code for _ in range(9)} == {200}

def test_time(backoffice_client, backoffice_clock):
    assert [backoffice_client.get("/quote").status_code for _ in range(2)] == [200, 429]
    backoffice_clock.advance(60)
    assert backoffice_client.get("/quote").status_code == 200

@pytest.fixture
def anyio_backend():
    return "asyncio"
"""


def test_the_fixture_takes_limits_off_in_one_test_alone(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(shop=SHOP, conftest=CONFTEST, test_shop=TESTS)
    done = pytester.runpytest_subprocess("-W", "error", "-p", "no:asyncio")
    done.assert_outcomes(passed=5)


def test_nothing_that_a_server_runs_imports_it() -> None:
    code = (
        "import sys, backoffice.fixtures.ratelimit, backoffice.ratelimit.dependencies\n"
        "assert 'backoffice.ratelimit.testing' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_no_limits_still_tell_the_fields() -> None:
    with limiter.override(unlimited()), RunningApp(shop("2/minute")) as running:
        answers = [running.client().get("/quote") for _ in range(3)]
    assert [each.status_code for each in answers] == [200] * 3
    assert answers[-1].headers["RateLimit"].startswith('"2/minute";r=2')


MOMENTS = [
    ("2/minute", "2026-02-27T12:00:30", timedelta(seconds=30)),
    ("2/minute;burst=2", "2026-02-27T12:00:30", timedelta(seconds=30)),
    ("2/hour;calendar", "2026-02-27T12:59:30", timedelta(seconds=30)),
    ("2/day;calendar", "2026-02-27T23:59:30", timedelta(seconds=30)),
    ("2/week;calendar", "2026-02-27T12:00:00", timedelta(days=2, hours=12)),
    ("2/month;calendar", "2026-02-24T12:00:00", timedelta(days=4, hours=12)),
]


@pytest.mark.parametrize(("written", "begin", "span"), MOMENTS)
def test_every_kind_of_limit_follows_the_clock_of_a_test(
    written: str, begin: str, span: timedelta
) -> None:
    time = ManualClock(datetime.fromisoformat(begin).replace(tzinfo=UTC))
    with RunningApp(shop(written), time=time) as running:
        client = running.client()
        assert [client.get("/quote").status_code for _ in range(3)] == [200, 200, 429]
        time.advance(span - timedelta(seconds=1))
        assert client.get("/quote").status_code == 429
        time.advance(1)
        assert client.get("/quote").status_code == 200


def test_a_strict_window_follows_the_clock_of_a_test() -> None:
    """Its oldest part counts whole, so that it may last a tenth longer."""
    time = ManualClock()
    with RunningApp(shop("2/minute;strict"), time=time) as running:
        client = running.client()
        assert [client.get("/quote").status_code for _ in range(3)] == [200, 200, 429]
        time.advance(59)
        assert client.get("/quote").status_code == 429
        time.advance(7)
        assert [client.get("/quote").status_code for _ in range(3)] == [200, 200, 429]


def test_a_lease_follows_the_clock_of_a_test() -> None:
    time = ManualClock()
    with RunningApp(shop("2/minute"), time=time) as running:
        found, places = running.value(limiter), limits("1 concurrent;lease=60 seconds")

        async def second() -> bool:
            """Whether somebody else gets the place once its lease is over, and not before."""
            async with found.reserve("export", "ann", places):
                with pytest.raises(TooManyRequests):
                    await found.reserve("export", "ann", places).__aenter__()
                time.advance(61)
                async with found.reserve("export", "ann", places) as reserved:
                    return reserved is not None

        assert running.call(second())


def shop(written: str) -> FastAPI:
    app = FastAPI(lifespan=singletons())

    @app.get("/quote", dependencies=[RateLimit(written)])
    async def quote() -> None: ...

    return app
