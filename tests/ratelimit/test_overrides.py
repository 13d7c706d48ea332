"""An operator's limits hold in every process, within two seconds and for as long as was said."""

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import anyio
import httpx2
import pytest
import redis

from backoffice.core import Conflict, Run
from backoffice.ratelimit import limits
from backoffice.ratelimit.overrides import DIGEST, EVERYBODY, MOST, SCRIPT, Overrides, overrides
from backoffice.ratelimit.wire import Wire
from tests.ratelimit.fallible_redis import FallibleRedis
from tests.ratelimit.load import until
from tests.services.process import free_port, listens, running

KEY = "backoffice:{overrides}"
APP = """
from fastapi import FastAPI
from backoffice.core import singletons
from backoffice.ratelimit import RateLimit
app = FastAPI(lifespan=singletons())

@app.get("/quote", dependencies=[RateLimit("1000/minute", name="quotes")])
async def quote() -> None: ...
"""
SERVE = """
import os, sys
os.chdir(sys.argv[1])
sys.argv = ["uvicorn", "main:app", "--port", sys.argv[2]]
sys.path.insert(0, ".")
import uvicorn
uvicorn.main()
"""

pytestmark = pytest.mark.anyio


@contextmanager
def process(folder: Path, redis_url: str) -> Iterator[Callable[[], httpx2.Response]]:
    """An app in a process of its own; gives what asks it."""
    folder.mkdir()
    (folder / "main.py").write_text(APP)
    port = free_port()
    command = [sys.executable, "-c", SERVE, str(folder), str(port)]
    environment = {"BACKOFFICE_REDIS_URL": redis_url, "BACKOFFICE_RATELIMIT__REDIS_TIMEOUT": "1"}
    ready = partial(listens, port)
    with running(command, directory=folder, ready=ready, environment=environment):
        yield lambda: httpx2.get(f"http://127.0.0.1:{port}/quote", timeout=60)


def is_held(ask: Callable[[], httpx2.Response], limit: str) -> bool:
    return limit in ask().headers["RateLimit-Policy"]


@pytest.fixture
async def held(redis_url: str) -> AsyncIterator[Overrides]:
    wire = Wire(redis_url, SCRIPT, DIGEST, timeout=5)
    yield Overrides(wire)
    await wire.close()


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


async def test_an_override_for_a_caller_goes_before_one_for_all(held: Overrides) -> None:
    few, many = limits("1/minute"), limits("100/minute", "5/second")
    await held.set("quotes", EVERYBODY, many)
    await held.set("quotes", "ann", few, 60)
    assert held.limits("quotes", "ann") == few
    assert held.limits("quotes", "bob") == many
    assert held.limits("others", "ann") is None
    assert await held.lift("quotes", "ann")
    assert not await held.lift("quotes", "ann")
    assert held.limits("quotes", "ann") == many


async def test_an_override_ends_by_itself_and_leaves_nothing(
    held: Overrides, client: redis.Redis
) -> None:
    await held.set("quotes", EVERYBODY, limits("1/minute"), 300)
    assert 0 < client.pttl(KEY) <= 300_001
    assert held.limits("quotes", "ann")
    await held.set("quotes", EVERYBODY, limits("1/minute"), 0.1)
    await until(lambda: held.limits("quotes", "ann") is None and not client.dbsize())
    assert await held.all() == []


async def test_what_holds_until_it_is_lifted_stays_beside_what_ends(
    held: Overrides, client: redis.Redis
) -> None:
    await held.set("quotes", EVERYBODY, limits("1/minute"), 0.1)
    await held.set("quotes", "ann", limits("2/minute"))
    assert client.pttl(KEY) == -1
    await until(lambda: held.limits("quotes", "bob") is None)
    [left] = await held.all()
    assert (left.policy, left.caller, left.seconds) == ("quotes", "ann", None)
    await held.lift("quotes", "ann")
    assert client.dbsize() == 0


async def test_there_are_only_so_many(held: Overrides, client: redis.Redis) -> None:
    for number in range(MOST):
        client.hset(KEY, f"* policy-{number}", "0 1/minute")
    with pytest.raises(Conflict):
        await held.set("one-more", EVERYBODY, limits("1/minute"))
    await held.set("policy-1", EVERYBODY, limits("2/minute"))
    assert held.limits("policy-1", "ann") == limits("2/minute")


@pytest.mark.parametrize("value", ["", "junk", "0 junk", "0 1/minute, junk", "\x80"])
async def test_what_cannot_be_read_does_not_hold(
    held: Overrides, client: redis.Redis, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    client.hset(KEY, "* quotes", value)
    client.hset(KEY, "* others", "0 1/minute")
    for _ in range(3):
        assert [each.policy for each in await held.all()] == ["others"]
    assert caplog.text.count("cannot be read") <= 1


async def test_it_goes_on_holding_while_redis_is_away(fallible_redis: FallibleRedis) -> None:
    async with Run() as run:
        found = await run.open(overrides)
        await found.set("quotes", EVERYBODY, limits("1/minute"), 60)
        with fallible_redis.hung():
            await anyio.sleep(1.2)
            assert found.limits("quotes", "ann") == limits("1/minute")


async def test_two_processes_hold_what_the_command_says(
    held: Overrides, redis_url: str, tmp_path: Path
) -> None:
    with process(tmp_path / "one", redis_url) as one, process(tmp_path / "two", redis_url) as two:
        for each in (one, two):
            assert each().headers["RateLimit-Policy"] == '"1000/minute";q=1000;w=60'
        await held.set("quotes", EVERYBODY, limits("2/hour"), 3600)
        for each in (one, two):
            await until(partial(is_held, each, '"2/hour"'))
        assert [one().status_code, two().status_code] == [429, 429]
        await held.set("quotes", EVERYBODY, limits("2/hour"), 3)
        await until(lambda: {each().status_code for each in (one, two)} == {200})
