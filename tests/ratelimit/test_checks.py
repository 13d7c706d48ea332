"""What `backoffice doctor` says of rate limits."""

from importlib.metadata import entry_points

import pytest
import redis
from fastapi import FastAPI

from backoffice.core import Finding, Run
from backoffice.core.checks import ENTRY_POINTS, Check
from backoffice.ratelimit import RateLimit
from tests.ratelimit.fallible_redis import FallibleRedis

pytestmark = pytest.mark.anyio


async def findings(app: FastAPI | None = None) -> list[Finding]:
    """What the check of this package finds."""
    (entry,) = entry_points(group=ENTRY_POINTS, name="ratelimit")
    check: Check = entry.load()
    async with Run(app) as run:
        return [each async for each in check(run)]


async def finding() -> Finding:
    """The one thing that it finds."""
    (found,) = await findings()
    return found


async def test_one_process_counts_for_itself() -> None:
    assert (await finding()).level == "ok"


async def test_several_processes_that_count_each_for_itself_are_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    found = await finding()
    assert (found.level, found.fix) == ("warning", "set BACKOFFICE_REDIS_URL")


async def test_a_redis_that_answers_is_well(fallible_redis: FallibleRedis) -> None:
    assert await finding() == Finding("ratelimit.redis", "ok", "counted in Redis, which answers")


async def test_a_redis_that_does_not_answer_is_an_error(fallible_redis: FallibleRedis) -> None:
    with fallible_redis.hung():
        found = await finding()
    assert found.level == "error"
    assert "each limit does as its on_error says" in found.message


@pytest.mark.parametrize(
    ("who", "database", "said"),
    [(":hunter2@", "0", "user or password"), ("", "9999", "database number")],
)
async def test_an_address_that_is_wrong_says_in_what(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, who: str, database: str, said: str
) -> None:
    place = redis_url.removeprefix("redis://").partition("/")[0]
    monkeypatch.setenv("BACKOFFICE_REDIS_URL", f"redis://{who}{place}/{database}")
    found = await finding()
    assert found.level == "error"
    assert f"the {said} in BACKOFFICE_REDIS_URL is wrong" in found.message
    assert "hunter2" not in found.message


async def test_a_number_of_workers_that_was_set_counts_as_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BACKOFFICE_RATELIMIT__WORKERS", "3")
    assert "3 times as much" in (await finding()).message


@pytest.mark.parametrize("policy", ["noeviction", "volatile-ttl"])
async def test_a_redis_that_keeps_counters_is_well(
    fallible_redis: FallibleRedis, policy: str
) -> None:
    with redis.Redis.from_url(fallible_redis.url) as client:
        client.config_set("maxmemory-policy", policy)
    assert (await finding()).level == "ok"


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-lfu", "volatile-lru", "allkeys-random"])
async def test_a_redis_that_drops_counters_is_a_warning(
    fallible_redis: FallibleRedis, policy: str
) -> None:
    with redis.Redis.from_url(fallible_redis.url) as client:
        client.config_set("maxmemory-policy", policy)
    well, found = await findings()
    assert (well.level, found.level) == ("ok", "warning")
    assert policy in found.message
    assert "volatile-ttl" in found.fix


@pytest.mark.parametrize(
    ("written", "kept", "levels"),
    [
        ("500/day", {}, ["ok", "warning"]),
        ("500/day", {"appendonly": "yes"}, ["ok"]),
        ("500/day", {"save": "3600 1"}, ["ok"]),
        ("500/hour", {}, ["ok"]),
    ],
)
async def test_a_redis_that_keeps_nothing_is_a_warning_where_limits_are_long(
    fallible_redis: FallibleRedis, written: str, kept: dict[str, str], levels: list[str]
) -> None:
    with redis.Redis.from_url(fallible_redis.url) as client:
        for name, value in kept.items():
            client.config_set(name, value)
    app = FastAPI(dependencies=[RateLimit("5/minute", written, name="day")])

    @app.get("/")
    async def read() -> None: ...

    found = await findings(app)
    assert [each.level for each in found] == levels
    assert all("day" in each.message for each in found[1:])


async def test_a_redis_that_does_not_tell_is_taken_as_it_is(
    fallible_redis: FallibleRedis,
) -> None:
    """As some hosted ones: neither CONFIG nor INFO is permitted."""
    with redis.Redis.from_url(fallible_redis.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.acl_setuser("default", enabled=True, nopass=True, commands=["-info", "-config"])
    assert (await finding()).level == "ok"
