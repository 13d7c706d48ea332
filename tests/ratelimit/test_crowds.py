"""Many at once, in one process and in four whose clocks are hours apart."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
import redis

from backoffice.ratelimit import Charge, limits
from backoffice.ratelimit.redis import RedisStore
from tests.ratelimit.counters import Counters
from tests.services.redis import RedisServer

FIFTY = ("50/day", "50/day;strict", "50/month;calendar", "50 concurrent")
WORKERS = 4
HOUR = 3600

pytestmark = pytest.mark.anyio


class Worker:
    """A process that charges a Redis, its clock wrong by so many seconds."""

    def __init__(self, url: str, skew: int) -> None:
        program = Path(__file__).with_name("crowd.py")
        self.process = subprocess.Popen(
            [sys.executable, str(program), url, str(skew)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def told(self, **order: str | int) -> None:
        """Give it an order; `answer` waits until it is done."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def die(self) -> None:
        """Be killed: nothing is given back."""
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def url(redis_server: RedisServer) -> str:
    """Where the workers count."""
    return redis_server.fresh_url()


@pytest.fixture(scope="module")
def workers(url: str) -> Iterator[list[Worker]]:
    """Not for each test: four processes take a second to start."""
    started = [Worker(url, (number - 1) * HOUR) for number in range(WORKERS)]
    try:
        assert [each.answer() for each in started] == ["ready"] * WORKERS
        yield started
    finally:
        for each in started:
            each.die()


def together(workers: list[Worker], **order: str | int) -> list[Any]:
    """What each answers when all are told at the same time."""
    for number, each in enumerate(workers):
        each.told(worker=number, **order)
    return [each.answer() for each in workers]


@pytest.mark.parametrize("written", FIFTY)
async def test_of_two_hundred_at_once_fifty_pass_in_one_process(
    counters: Counters, written: str
) -> None:
    (limit,) = limits(written)

    async def one(key: str, holder: str) -> None:
        verdict = await counters.store.charge([Charge(key, limit, holder=holder)])
        passed.append(verdict.allowed)

    for times in range(10):
        passed: list[bool] = []
        async with anyio.create_task_group() as tasks:
            for number in range(200):
                tasks.start_soon(one, f"{{{times}}}", str(number))
        assert (passed.count(True), len(passed)) == (50, 200)


@pytest.mark.parametrize("written", FIFTY)
def test_of_two_hundred_at_once_fifty_pass_over_four_processes(
    workers: list[Worker], url: str, written: str
) -> None:
    with redis.Redis.from_url(url) as client:
        for times in range(10):
            # Every other time Redis has lost the script.
            if times % 2:
                client.script_flush()
            found = together(
                workers, do="spend", key=f"{{{written}}}:{times}", limit=written, count=50
            )
            assert sum(found) == 50, (times, found)


def test_no_more_places_are_held_at_once_than_there_are(workers: list[Worker]) -> None:
    found = together(
        workers, do="work", key="{places}", limit="100 concurrent", count=100, waves=10
    )
    spans = [span for each in found for span in each]
    # Who left at the moment at which another came made room for that one.
    moments = sorted(
        [*((began, 1) for began, _ in spans), *((ended, -1) for _, ended in spans)],
        key=lambda moment: (moment[0], moment[1]),
    )
    held = most = 0
    for _, change in moments:
        held += change
        most = max(most, held)
    assert len(spans) > 100
    assert most <= 100


async def test_places_of_a_killed_worker_come_back_after_their_lease(url: str) -> None:
    (limit,) = limits("100 concurrent;lease=2 seconds")
    worker = Worker(url, HOUR)
    assert worker.answer() == "ready"
    assert together([worker], do="spend", key="{killed}", limit=str(limit), count=100) == [100]
    worker.die()
    store = RedisStore(url, timeout=5)
    late = Charge("{killed}", limit, holder="late")
    refused = await store.charge([late])
    lease, asked = refused.standings[0].reset / 1_000_000, anyio.current_time()
    assert not refused.allowed
    with anyio.fail_after(lease + 60):
        while not (await store.charge([late])).allowed:  # noqa: ASYNC110 - Redis tells nobody
            await anyio.sleep(0.02)
    await store.close()
    assert anyio.current_time() - asked >= lease - 0.1
