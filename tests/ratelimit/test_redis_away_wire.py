"""A Redis that hangs, dies and comes back, under load."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest
import redis
import uvloop

from backoffice.core import Unavailable
from backoffice.ratelimit.wire import Wire
from tests.ratelimit.echo import DIGEST, SCRIPT, echo, keys
from tests.ratelimit.fallible_redis import FallibleRedis, losing_answers
from tests.ratelimit.load import load
from tests.services.process import free_port
from tests.services.redis import redis_at, redis_server

pytestmark = pytest.mark.anyio

DEADLINE = 0.05
#: Where nothing may fail, a deadline that a busy machine holds; and a route that takes longer.
KEPT, CARELESS = 1.0, 1.2


@pytest.fixture
def fallible() -> Iterator[FallibleRedis]:
    """A Redis of this test's own."""
    with redis_server() as server:
        yield FallibleRedis(server.fresh_url())


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


async def test_while_redis_hangs_a_few_wait_for_the_deadline_and_all_others_not_at_all(
    fallible: FallibleRedis,
) -> None:
    async with echo(fallible.url, DEADLINE) as wire, load(wire) as told:
        await told.until_answered()
        told.forget()
        with fallible.hung():
            await told.until_refused(1)
            assert told.delays[0] >= DEADLINE
            told.forget()
            await told.until_refused(1000)
            late = [delay for delay in told.delays if delay >= DEADLINE]
            # The deadline passed for those who were under way as it began, of which there are 20;
            # a machine that stalls adds some.
            assert len(late) <= 200
            assert told.told["answered"] == 0
        await told.until_answered()


async def test_a_hung_redis_is_asked_by_one_alone(fallible: FallibleRedis) -> None:
    """However many requests come meanwhile; its queue holds a few connections and no more."""
    async with echo(fallible.url, DEADLINE) as wire, load(wire) as told:
        await told.until_answered()
        with redis.Redis.from_url(fallible.url) as client:
            before = int(client.info("stats")["total_connections_received"])
            with fallible.hung():
                await told.until_refused(1000)
            await told.until_answered()
            connections = int(client.info("stats")["total_connections_received"]) - before
    assert connections <= 8


async def test_a_redis_that_dies_refuses_at_once_and_is_found_again_at_its_place() -> None:
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    async with echo(url, DEADLINE) as wire:
        with redis_at(port):
            async with load(wire) as told:
                await told.until_answered()
                FallibleRedis(url).die()
                await told.until_refused()
                assert median(told.delays) < DEADLINE
                told.forget()
                with redis_at(port):
                    await told.until_answered()


async def test_connections_that_are_killed_under_load_cost_those_under_way_alone(
    redis_url: str,
) -> None:
    async with echo(redis_url) as wire, load(wire) as told:
        with redis.Redis.from_url(redis_url) as client:
            for _ in range(3):
                await told.until_answered()
                client.client_kill_filter(_type="normal", skipme=True)
            await told.until_answered()


async def test_a_request_that_may_have_run_is_not_sent_again(redis_url: str) -> None:
    async with losing_answers(redis_url, of=b"EVALSHA") as url, echo(url) as wire:
        with redis.Redis.from_url(redis_url) as client:
            client.script_load(SCRIPT)
            with pytest.raises(Unavailable):
                await wire.ask(keys("ada"), [1])
            assert client.get(keys("ada")[0]) == b"1"


LOOPS = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])


@LOOPS
def test_a_loop_that_was_busy_opens_nothing(redis_url: str, run: Callable[..., None]) -> None:
    """A deadline that passed meanwhile is looked at again, for the reply has arrived."""

    async def main() -> None:
        async with echo(redis_url, KEPT) as wire:
            await wire.ask(keys("ada"), [0])
            for turns in (0, 1, 3):
                asked = asyncio.create_task(wire.ask(keys("ada"), [turns]))
                for _ in range(turns):
                    await asyncio.sleep(0)
                time.sleep(CARELESS)  # noqa: ASYNC251 - what a careless route does
                assert (await asked)[0] == turns

    run(main())


@LOOPS
def test_a_loop_that_is_busy_at_every_turn_opens_nothing(
    redis_url: str, run: Callable[..., None]
) -> None:
    async def busy() -> None:
        while True:
            time.sleep(CARELESS)  # noqa: ASYNC251 - what careless routes do
            await asyncio.sleep(0)

    async def main() -> None:
        async with echo(redis_url, KEPT) as wire:
            await wire.ask(keys("ada"), [0])
            others = asyncio.create_task(busy())
            assert (await wire.ask(keys("ada"), [1]))[0] == 1
            others.cancel()

    run(main())


async def test_who_leaves_while_redis_hangs_desynchronises_nothing(
    fallible: FallibleRedis,
) -> None:
    async with echo(fallible.url, 5) as wire:
        with fallible.hung():
            asked = [asyncio.create_task(wire.ask(keys(n), [n])) for n in range(50)]
            await asyncio.sleep(0.05)
            for each in asked[::2]:
                each.cancel()
        staying = await asyncio.gather(*asked[1::2])
        assert [reply[0] for reply in staying] == [*range(1, 50, 2)]
        again = await asyncio.gather(*(wire.ask(keys(n), [n]) for n in range(50)))
        assert [reply[0] for reply in again] == [*range(50)]


async def test_a_queue_that_is_full_refuses_at_once(fallible: FallibleRedis) -> None:
    async with echo(fallible.url, 1) as wire:
        await wire.ping()
        with fallible.hung():
            asked = [asyncio.create_task(wire.ask(keys(n), [n])) for n in range(10_000)]
            await asyncio.sleep(0)
            done = [each for each in asked if each.done()]
            assert 5_000 <= len(done) < 10_000
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert {type(each) for each in answers} <= {list, Unavailable}


async def test_closing_ends_what_hangs(fallible: FallibleRedis) -> None:
    async with echo(fallible.url, 60) as wire:
        with fallible.hung():
            asked = [asyncio.create_task(wire.ask(keys(n), [n])) for n in range(300)]
            await asyncio.sleep(0.05)
            async with asyncio.timeout(50):
                await wire.close()
            answers = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(each, Unavailable) for each in answers)


async def test_closing_ends_the_questions_of_the_breaker() -> None:
    before = asyncio.all_tasks()
    async with echo(f"redis://127.0.0.1:{free_port()}/0", DEADLINE) as wire:
        with pytest.raises(Unavailable):
            await wire.ping()
        assert asyncio.all_tasks() > before
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("redis://:hunter2@127.0.0.1:{port}/0", "user or password in BACKOFFICE_REDIS_URL is"),
        ("redis://ada:hunter2@127.0.0.1:{port}/0", "user or password in BACKOFFICE_REDIS_URL is"),
        ("redis://127.0.0.1:{port}/9999", "database number in BACKOFFICE_REDIS_URL is wrong"),
    ],
)
async def test_a_wrong_address_says_what_is_wrong(
    redis_url: str, where: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    port = redis_url.rpartition(":")[2].partition("/")[0]
    wire = Wire(where.format(port=port), SCRIPT, DIGEST)
    await wire.open()
    assert said in caplog.text
    for _ in range(2):
        with pytest.raises(Unavailable):
            await wire.ping()
    await wire.close()
    [record] = caplog.records
    assert said in record.getMessage()
    assert "hunter2" not in caplog.text


async def test_a_hung_redis_keeps_no_closing_waiting(fallible: FallibleRedis) -> None:
    """With the breaker open and its question under way."""
    process = redis.Redis.from_url(fallible.url).info("server")["process_id"]
    async with echo(fallible.url, DEADLINE) as wire:
        await wire.ping()
        os.kill(process, signal.SIGSTOP)
        try:
            with pytest.raises(Unavailable):
                await wire.ping()
            await asyncio.sleep(0.13)
            async with asyncio.timeout(50):
                await wire.close()
        finally:
            os.kill(process, signal.SIGCONT)
