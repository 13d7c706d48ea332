"""In a Redis Cluster each request goes to where its keys are."""

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest
from redis.crc import key_slot

from backoffice.core import Unavailable
from backoffice.ratelimit.wire import Wire
from tests.ratelimit.echo import DIGEST, SCRIPT, echo, keys
from tests.ratelimit.load import load, until
from tests.services.process import free_port
from tests.services.redis_cluster import SLOTS, RedisCluster, redis_cluster

pytestmark = pytest.mark.anyio

DEADLINE = 0.05


@pytest.fixture(scope="module")
def running_cluster() -> Iterator[RedisCluster]:
    with redis_cluster() as cluster:
        yield cluster


@pytest.fixture
def cluster(running_cluster: RedisCluster) -> RedisCluster:
    """A Cluster without keys."""
    running_cluster.flush()
    return running_cluster


def slot(caller: object) -> int:
    return int(key_slot(keys(caller)[0].encode()))


def caller_on(cluster: RedisCluster, port: int) -> int:
    return next(n for n in range(SLOTS) if cluster.holder(slot(n)) == port)


async def test_requests_of_all_slots_are_answered_to_those_who_asked(
    cluster: RedisCluster,
) -> None:
    async with echo(cluster.url) as wire:
        for times in (1, 2):
            replies = await asyncio.gather(*(wire.ask(keys(n), [n]) for n in range(3000)))
            assert replies == [[n, times] for n in range(3000)]
        assert len({slot(n) for n in range(3000)}) > 2000


async def test_every_server_that_lost_the_script_gets_it_again(cluster: RedisCluster) -> None:
    async with echo(cluster.url) as wire:
        for times in (1, 2, 3):
            for port in cluster.ports:
                cluster.ask(port, "SCRIPT", "FLUSH")
            replies = await asyncio.gather(*(wire.ask(keys(n), [n]) for n in range(300)))
            assert replies == [[n, times] for n in range(300)]


async def test_a_reset_reaches_every_server(cluster: RedisCluster) -> None:
    async with echo(cluster.url) as wire:
        await asyncio.gather(*(wire.ask(keys(n), [n]) for n in range(100)))
        assert await wire.reset([keys(n)[0] for n in range(100)]) == 100
        assert await wire.ask(keys(7), [7]) == [7, 1]


async def test_one_server_of_the_address_is_enough(cluster: RedisCluster) -> None:
    """Others of it may be gone, first in the list as well."""
    url = f"redis+cluster://127.0.0.1:{free_port()},127.0.0.1:{cluster.ports[2]}"
    async with echo(url) as wire:
        replies = await asyncio.gather(*(wire.ask(keys(n), [n]) for n in range(100)))
        assert replies == [[n, 1] for n in range(100)]


async def test_a_slot_that_moves_is_followed_without_an_error(cluster: RedisCluster) -> None:
    async with echo(cluster.url) as wire:
        caller = caller_on(cluster, cluster.ports[0])
        await wire.ask(keys(caller), [1])
        cluster.flush()
        cluster.move(slot(caller), cluster.ports[1])
        try:
            replies = await asyncio.gather(*(wire.ask(keys(caller), [n]) for n in range(5)))
            assert replies == [[n, n + 1] for n in range(5)]
            assert cluster.ask(cluster.ports[1], "EXISTS", keys(caller)[0]) == 1
        finally:
            cluster.flush()
            cluster.move(slot(caller), cluster.ports[0])


async def test_a_slot_that_is_being_moved_is_asked_for_where_each_key_is(
    cluster: RedisCluster,
) -> None:
    """What is there already stays until it is moved; what is new begins on the other server."""
    old, new = cluster.ports[:2]
    known = caller_on(cluster, old)
    tag = keys(known)[0].partition("{")[2].partition("}")[0]
    others = [[f"other:{number}:{{{tag}}}"] for number in range(3)]
    async with echo(cluster.url) as wire:
        assert await wire.ask(keys(known), [7]) == [7, 1]
        cluster.begin_to_move(slot(known), new)
        try:
            cluster.ask(new, "SCRIPT", "FLUSH")
            for times in (1, 2):
                asked = [wire.ask(keys(known), [7]), *(wire.ask(each, [8]) for each in others)]
                replies = await asyncio.gather(*asked)
                assert replies == [[7, times + 1], *[[8, times]] * 3]
            assert cluster.ask(old, "EXISTS", keys(known)[0]) == 1
        finally:
            cluster.flush()
            cluster.move(slot(known), old)
        assert await wire.ask(keys(known), [7]) == [7, 1]


async def test_connections_to_all_primaries_are_opened_ahead(cluster: RedisCluster) -> None:
    def received() -> list[int]:
        return [
            cluster.ask(port, "INFO", "stats")["total_connections_received"]
            for port in cluster.ports
        ]

    async with echo(cluster.url) as wire:
        await wire.open()
        before = received()
        await asyncio.gather(*(wire.ask(keys(n), [n]) for n in range(100)))
        # One each is that of the question itself.
        assert received() == [count + 1 for count in before]


async def test_while_no_server_answers_nothing_waits(cluster: RedisCluster) -> None:
    url = f"redis+cluster://127.0.0.1:{free_port()},127.0.0.1:{free_port()}"
    async with echo(url, DEADLINE) as wire:
        await wire.open()
        answers = await asyncio.gather(
            *(wire.ask(keys(n), [n]) for n in range(100)), return_exceptions=True
        )
        assert all(isinstance(answer, Unavailable) for answer in answers)
        with pytest.raises(Unavailable) as refusal:
            await wire.ping()
        assert "connecting to 127.0.0.1" in str(refusal.value.__cause__)


async def test_the_address_of_one_server_of_a_cluster_says_how_to_write_it(
    cluster: RedisCluster, caplog: pytest.LogCaptureFixture
) -> None:
    caller = caller_on(cluster, cluster.ports[1])
    wire = Wire(f"redis://127.0.0.1:{cluster.ports[0]}", SCRIPT, DIGEST, timeout=5)
    with pytest.raises(Unavailable):
        await wire.ask(keys(caller), [1])
    await wire.close()
    assert "write redis+cluster://" in caplog.text


async def test_a_primary_that_dies_takes_its_own_slots_along_and_no_others() -> None:
    with redis_cluster() as cluster:
        dead = cluster.ports[1]
        others = [n for n in range(300) if cluster.holder(slot(n)) != dead]
        lost = [n for n in range(300) if cluster.holder(slot(n)) == dead]
        async with echo(cluster.url, 1) as wire:
            await asyncio.gather(*(wire.ask(keys(n), [n]) for n in range(300)))
            os.kill(cluster.process(dead), signal.SIGKILL)
            for _ in range(5):
                answers = await asyncio.gather(
                    *(wire.ask(keys(n), [n]) for n in lost), return_exceptions=True
                )
                assert all(isinstance(answer, Unavailable) for answer in answers)
                for n in others:
                    assert (await wire.ask(keys(n), [n]))[0] == n
            with pytest.raises(Unavailable):
                await wire.ping()


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_replica_that_takes_a_dead_primarys_place_is_found(blow: signal.Signals) -> None:
    """Also where the primary only hangs."""
    with redis_cluster(replicas=True) as cluster:
        process = cluster.process(cluster.ports[0])
        async with echo(cluster.url, 0.2) as wire:
            callers = [n for n in range(60) if cluster.holder(slot(n)) == cluster.ports[0]]
            async with load(wire, callers=callers) as told:
                await told.until_answered()
                os.kill(process, blow)
                try:
                    await told.until_refused(1)
                    taker = cluster.ports[3]
                    await until(lambda: cluster.ask(taker, "ROLE")[0] == "master")
                    await told.until_answered()
                finally:
                    if blow == signal.SIGSTOP:
                        os.kill(process, signal.SIGCONT)
