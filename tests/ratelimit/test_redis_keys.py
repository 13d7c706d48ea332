"""What stands in Redis: little, for as long as it counts, and nothing of whoever was refused."""

from collections.abc import Iterator

import pytest
import redis

from backoffice.ratelimit import Charge, Limit, limits
from backoffice.ratelimit.keys import Keys, digest
from backoffice.ratelimit.redis import RedisStore
from tests.ratelimit.counters import SECOND, InRedis

KEYS = Keys("backoffice")
ALL = limits(
    *("5/minute", "7/second", "1000000/day", "1/3660 days"),
    *("5/minute;strict", "255/hour;strict", "65535/day;strict", "9999999/week;strict"),
    *("999999999999/day;strict", "9/hour;calendar", "999999999999/month;calendar"),
    *("5 concurrent", "200 concurrent;lease=10 seconds"),
)

pytestmark = pytest.mark.anyio


def charges(wanted: tuple[Limit, ...] = ALL, cost: int = 1) -> list[Charge]:
    return [
        Charge(KEYS.of(f"GET /{place}", digest("ada"), limit), limit, cost, holder="a")
        for place, limit in enumerate(wanted)
    ]


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def dump(client: redis.Redis) -> dict[bytes, bytes | None]:
    """All that stands there."""
    return {key: client.dump(key) for key in client.scan_iter()}


def lives(client: redis.Redis) -> dict[bytes, int]:
    """For how many milliseconds it all stands there yet."""
    return {key: client.pttl(key) for key in client.scan_iter()}


def not_prolonged(before: dict[bytes, int], after: dict[bytes, int]) -> bool:
    return all(after[key] <= life for key, life in before.items())


async def test_every_key_lives_until_its_limit_is_unspent(
    redis_url: str, client: redis.Redis
) -> None:
    store = RedisStore(redis_url, timeout=5)
    verdict = await store.charge(charges())
    milliseconds = [client.pttl(each.key) for each in charges()]
    await store.close()
    assert len(milliseconds) == client.dbsize() == len(ALL)
    for life, standing in zip(
        (each * 1000 for each in milliseconds), verdict.standings, strict=True
    ):
        assert standing.reset - 2 * SECOND < life <= standing.reset + 1000, standing.limit


async def test_a_refusal_writes_nothing(redis_url: str, client: redis.Redis) -> None:
    store = RedisStore(redis_url, timeout=5)
    spent = limits("1/hour;strict", "1/month;calendar", "1/hour", "1 concurrent")
    assert (await store.charge(charges((*spent, *ALL)))).allowed
    before, until = dump(client), lives(client)
    for place in range(len(spent)):
        refused = charges((*spent, *ALL))
        refused = [
            Charge(each.key, each.limit, holder="b", shadow=at < len(spent) and at != place)
            for at, each in enumerate(refused)
        ]
        assert not (await store.charge(refused)).allowed
    await store.close()
    assert dump(client) == before
    assert not_prolonged(until, lives(client))


async def test_looking_and_a_cost_of_nothing_write_nothing(
    redis_url: str, client: redis.Redis
) -> None:
    store = RedisStore(redis_url, timeout=5)
    await store.charge(charges())
    before, until = dump(client), lives(client)
    for cost in (0, 1, 10**15):
        await store.charge(charges(cost=cost), "look")
    await store.charge(charges(cost=0))
    await store.close()
    assert dump(client) == before
    assert not_prolonged(until, lives(client))


async def test_a_key_takes_120_bytes_at_most(redis_url: str) -> None:
    """Of a strict limit when all its slots are spent; places are as many as are held."""
    counters = InRedis(redis_url)
    wanted = charges(tuple(each for each in ALL if each.kind != "concurrent"))
    sizes = {}
    for each in wanted:
        for _ in range(min(each.limit.count, 200)):
            assert (await counters.store.charge([each])).allowed
            if each.limit.kind == "strict":
                counters.elapse(each.limit.period // 100)
        sizes[str(each.limit)] = counters.client.memory_usage(each.key) or 0
    await counters.store.close()
    counters.close()
    assert 80 < max(sizes.values()) <= 120, sizes


async def test_what_is_given_back_wholly_leaves_no_key(redis_url: str, client: redis.Redis) -> None:
    store = RedisStore(redis_url, timeout=5)
    await store.charge(charges(cost=5))
    await store.charge(charges(cost=-5), "settle")
    await store.close()
    assert client.dbsize() == 0


async def test_keys_that_are_reset_are_unspent(redis_url: str, client: redis.Redis) -> None:
    store = RedisStore(redis_url, timeout=5)
    await store.charge(charges())
    await store.reset([each.key for each in charges()])
    await store.close()
    assert client.dbsize() == 0


@pytest.mark.parametrize("foreign", ["text", "list"])
async def test_a_foreign_value_fails_nobody(
    redis_url: str, client: redis.Redis, foreign: str
) -> None:
    """Others' requests travel in the same script."""
    store = RedisStore(redis_url, timeout=5)
    for each in charges():
        if foreign == "list":
            client.rpush(each.key, "scribble")
        elif each.limit.kind != "strict":
            client.set(each.key, "scribble")
    verdict = await store.charge(charges())
    await store.close()
    assert verdict.allowed
    assert all(client.pttl(each.key) > 0 for each in charges())


async def test_a_clock_that_was_set_back_locks_nobody_out_for_longer_than_the_limit(
    redis_url: str, client: redis.Redis
) -> None:
    """As after a failover to a server whose clock is behind: here by ten days."""
    store = RedisStore(redis_url, timeout=5)
    spread, strict, daily = wanted = limits("5/minute", "5/minute;strict", "5/day;calendar")
    asked = charges(wanted)
    await store.charge(asked)
    ahead = 10 * 86400 * SECOND
    now = int(client.time()[0]) * SECOND
    client.set(asked[0].key, now + ahead)
    slot = 3_000_000
    client.set(asked[1].key, ((now + ahead) // slot).to_bytes(6, "big") + b"\x05")
    client.set(asked[2].key, f"{(now + ahead) // (3600 * SECOND)}:5")
    verdict = await store.charge(asked, "look")
    await store.close()
    assert [each.limit for each in verdict.standings] == [spread, strict, daily]
    assert verdict.standings[0].reset == spread.period
    assert verdict.standings[1].reset <= strict.period * 11 // 10
    assert verdict.standings[2].remaining == 5
