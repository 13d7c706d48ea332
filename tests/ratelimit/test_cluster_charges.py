"""Charges of several callers in a Redis Cluster, where one script cannot judge them together."""

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import anyio
import pytest

from backoffice.core import Unavailable
from backoffice.ratelimit import Charge, limits
from backoffice.ratelimit.charges import How
from backoffice.ratelimit.redis import RedisStore
from tests.services.redis_cluster import RedisCluster, redis_cluster

TEN, ONE, PLACES = limits("10/hour", "1/hour", "3 concurrent")
#: Each on another server.
CALLERS = ("key:1", "network:203.0.113.7", "user:3")

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def running_cluster() -> Iterator[RedisCluster]:
    with redis_cluster() as cluster:
        yield cluster


@pytest.fixture
def cluster(running_cluster: RedisCluster) -> RedisCluster:
    running_cluster.flush()
    return running_cluster


@pytest.fixture
async def store(cluster: RedisCluster) -> AsyncIterator[RedisStore]:
    store = RedisStore(cluster.url, timeout=5)
    yield store
    await store.close()


def wide(cost: int = 1, holder: str = "a") -> list[Charge]:
    """Ten for each caller, and a place for the last one."""
    tens = [Charge(f"{{{caller}}}:ten", TEN, cost) for caller in CALLERS]
    return [*tens, Charge(f"{{{CALLERS[-1]}}}:places", PLACES, cost, holder=holder)]


async def left(store: RedisStore, how: How = "look", cost: int = 1) -> list[int]:
    verdict = await store.charge(wide(cost), how)
    return [each.remaining for each in verdict.standings]


@contextmanager
def hung(process: int) -> Iterator[None]:
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def test_the_callers_are_on_different_servers(cluster: RedisCluster) -> None:
    slots = [cluster.ask(cluster.ports[0], "CLUSTER", "KEYSLOT", caller) for caller in CALLERS]
    assert len({cluster.holder(slot) for slot in slots}) == len(CALLERS)


async def test_charges_of_several_callers_are_all_spent(store: RedisStore) -> None:
    verdict = await store.charge(wide())
    assert verdict.allowed
    assert [each.remaining for each in verdict.standings] == [9, 9, 9, 2]
    assert await left(store) == [9, 9, 9, 2]


@pytest.mark.parametrize("refusing", CALLERS)
async def test_what_one_caller_is_refused_the_others_have_not_spent(
    store: RedisStore, refusing: str
) -> None:
    one = Charge(f"{{{refusing}}}:one", ONE)
    assert (await store.charge([one])).allowed
    refused = await store.charge([one, *wide()])
    assert not refused.allowed
    assert [each.remaining for each in refused.standings] == [0, 10, 10, 10, 3]
    assert [each.wait > 0 for each in refused.standings] == [True, *[False] * 4]
    assert await left(store) == [10, 10, 10, 3]


async def test_a_shadow_that_was_not_spent_is_not_given_back(store: RedisStore) -> None:
    shadow = Charge(f"{{{CALLERS[1]}}}:one", ONE, shadow=True)
    refusing = Charge(f"{{{CALLERS[0]}}}:one", ONE)
    assert (await store.charge([refusing, shadow])).allowed
    assert not (await store.charge([refusing, shadow])).allowed
    verdict = await store.charge([shadow], "look")
    assert verdict.standings[0].remaining == 0


async def test_looking_and_settling_reach_every_caller(store: RedisStore) -> None:
    assert await left(store) == [10, 10, 10, 3]
    await store.charge(wide(cost=4))
    assert await left(store, "settle", cost=-2) == [8, 8, 8, 3]


async def test_two_hundred_at_once_spend_no_more_than_there_is(store: RedisStore) -> None:
    outcomes: list[bool] = []

    async def one(place: int) -> None:
        asked = [Charge(f"{{{caller}}}:ten", TEN) for caller in CALLERS[place % 2 :]]
        outcomes.append((await store.charge(asked)).allowed)

    async with anyio.create_task_group() as tasks:
        for place in range(200):
            tasks.start_soon(one, place)
    assert 1 <= outcomes.count(True) <= 10
    assert 10 - (await left(store))[2] == outcomes.count(True)


async def test_where_one_server_hangs_the_others_have_not_spent(
    store: RedisStore, cluster: RedisCluster
) -> None:
    impatient = RedisStore(cluster.url, timeout=0.3)
    assert await left(impatient) == [10, 10, 10, 3]
    slot = cluster.ask(cluster.ports[0], "CLUSTER", "KEYSLOT", CALLERS[0])
    with hung(cluster.process(cluster.holder(slot))):
        with pytest.raises(Unavailable):
            await impatient.charge(wide())
        verdict = await store.charge(wide()[1:], "look")
    await impatient.close()
    assert [each.remaining for each in verdict.standings] == [10, 10, 3]
