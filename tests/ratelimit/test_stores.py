"""What is particular to each store."""

import anyio
import pytest
import redis
import redis.asyncio

from backoffice.core import SetupError, Unavailable
from backoffice.ratelimit import Charge, Limiter, MemoryStore, limits
from backoffice.ratelimit.redis import RedisStore
from tests.ratelimit.fallible_redis import FallibleRedis, losing_answers

FIVE = limits("5/minute")
ONE_OF_FIVE = [Charge("{ada}", FIVE[0])]

pytestmark = pytest.mark.anyio


async def answering(store: RedisStore) -> None:
    """Wait until the store has found that Redis is back."""
    with anyio.fail_after(30):
        while True:
            try:
                return await store.ping()
            except Unavailable:
                await anyio.sleep(0.02)


async def test_memory_is_bounded_under_any_number_of_callers() -> None:
    store = MemoryStore(size=1000)
    limiter = Limiter(store)
    for caller in range(5000):
        await limiter.check("GET /", str(caller), FIVE)
    assert len(store) == 1000


async def test_memory_forgets_the_longest_unused_first() -> None:
    """Who comes again and again, refused or not, is not forgotten for newcomers."""
    limiter = Limiter(MemoryStore(size=10))
    await limiter.check("GET /", "abuser", FIVE, cost=5)
    for newcomer in range(100):
        await limiter.check("GET /", f"new-{newcomer}", FIVE)
        assert not (await limiter.check("GET /", "abuser", FIVE)).allowed


async def test_a_check_of_several_limits_is_one_command(redis_url: str) -> None:
    store = RedisStore(redis_url, timeout=5)
    limiter = Limiter(store)
    with redis.Redis.from_url(redis_url) as client:
        await limiter.check("GET /", "ada", limits("5/minute", "100/hour", "500/day"))
        client.config_resetstat()
        await limiter.check("GET /", "ada", limits("5/minute", "100/hour", "500/day"))
        calls = {name: stats["calls"] for name, stats in client.info("commandstats").items()}
    await store.close()
    # TIME, GET and SET are the script's own, within the server.
    assert calls["cmdstat_evalsha"] == 1
    assert {name for name in calls if calls[name]} <= {
        *("cmdstat_evalsha", "cmdstat_time", "cmdstat_get", "cmdstat_set"),
        *("cmdstat_config|resetstat", "cmdstat_info"),
    }


async def test_every_key_goes_away_by_itself_and_is_small(redis_url: str) -> None:
    store = RedisStore(redis_url, timeout=5)
    limiter = Limiter(store)
    template = "GET /publishers/{publisher}/authors/{author}/books/{book}"
    for name, key in (("GET /api/quote", "user:1"), (template, "a-very-long-name" * 20)):
        await limiter.check(name, key, limits("5/minute", "500/day"))
    with redis.Redis.from_url(redis_url) as client:
        keys = list(client.scan_iter())
        lives = [client.pttl(key) for key in keys]
        sizes = [client.memory_usage(key) for key in keys]
    await store.close()
    assert len(keys) == 4
    assert all(0 < life <= 12_000 or 0 < life <= 172_800 for life in lives)
    assert max(sizes) <= 120


async def test_no_name_or_address_of_a_caller_stands_in_a_key(redis_url: str) -> None:
    store = RedisStore(redis_url, timeout=5)
    await Limiter(store).check("GET /", "caller:ada@example.org", FIVE)
    with redis.Redis.from_url(redis_url) as client:
        (key,) = client.scan_iter()
    await store.close()
    assert key.startswith(b"backoffice:{")
    assert b"ada" not in key


async def test_whatever_a_client_can_send_can_be_a_key() -> None:
    limiter = Limiter(MemoryStore())
    for key in ("", "\ud800", "\0", "{}" * 10_000):
        assert (await limiter.check("GET /", key, FIVE)).allowed


async def test_limits_checked_together_share_a_slot(redis_url: str) -> None:
    """Redis Cluster runs a script only where all its keys are in one slot."""
    store = RedisStore(redis_url, timeout=5)
    await Limiter(store).check("GET /{id}", "ada", limits("5/minute", "500/day"))
    with redis.Redis.from_url(redis_url) as client:
        tags = {key.split(b"{")[1].split(b"}")[0] for key in client.scan_iter()}
    await store.close()
    assert len(tags) == 1


async def test_flushed_scripts_are_brought_again(redis_url: str) -> None:
    store = RedisStore(redis_url, timeout=5)
    limiter = Limiter(store)
    with redis.Redis.from_url(redis_url) as client:
        await limiter.check("GET /", "ada", FIVE)
        client.script_flush()
        decision = await limiter.check("GET /", "ada", FIVE)
    await store.close()
    assert decision.remaining == 3


async def test_connections_that_redis_closed_are_opened_anew(redis_url: str) -> None:
    """As after its restart, or its `timeout`: nobody is refused for that."""
    store = RedisStore(redis_url, timeout=5)
    limiter = Limiter(store)
    # Asynchronous, so that the event loop has learnt of the others' end when it has the answer.
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        for _ in range(3):
            async with anyio.create_task_group() as tasks:
                for _ in range(8):
                    tasks.start_soon(limiter.check, "GET /", "ada", limits("500/day"))
            await client.client_kill_filter(_type="normal", skipme=True)
    decision = await limiter.check("GET /", "ada", limits("500/day"))
    await store.close()
    assert decision.remaining == 475


async def test_a_limit_that_was_tightened_recovers_in_its_own_time(redis_url: str) -> None:
    """Nobody is locked out for the day that the old limit would have taken."""
    store = RedisStore(redis_url, timeout=5)
    minute, day = limits("1/minute", "1/day")
    await store.charge([Charge("{ada}", day)])
    verdict = await store.charge([Charge("{ada}", minute)])
    await store.close()
    assert verdict.standings[0].reset == minute.capacity


async def test_a_value_that_is_not_ours_is_read_as_unspent(redis_url: str) -> None:
    store = RedisStore(redis_url, timeout=5)
    with redis.Redis.from_url(redis_url) as client:
        client.set("{ada}", "scribble")
    verdict = await store.charge(ONE_OF_FIVE)
    await store.close()
    assert verdict.allowed


async def test_more_callers_than_connections_wait_and_none_fails(redis_url: str) -> None:
    store = RedisStore(redis_url, timeout=5)
    limiter = Limiter(store)
    async with anyio.create_task_group() as tasks:
        for _ in range(300):
            tasks.start_soon(limiter.check, "GET /", "ada", limits("300/hour"))
    decision = await limiter.check("GET /", "ada", limits("300/hour"), cost=0)
    await store.close()
    assert decision.remaining == 0


async def test_a_hung_redis_is_given_up_in_time_and_taken_up_again(
    fallible_redis: FallibleRedis,
) -> None:
    store = RedisStore(fallible_redis.url, timeout=0.2)
    limiter = Limiter(store)
    await limiter.check("GET /", "ada", FIVE)
    refused: list[str] = []

    async def one() -> None:
        with pytest.raises(Unavailable) as caught:
            await limiter.check("GET /", "ada", FIVE)
        refused.append(caught.value.code)

    with fallible_redis.hung(), anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for _ in range(500):  # one after the other they would take 100 s
                tasks.start_soon(one)
    assert refused == ["limits_unavailable"] * 500
    await answering(store)
    assert (await limiter.check("GET /", "ada", limits("9/day"))).allowed
    await store.close()


async def test_a_check_whose_answer_was_lost_is_not_sent_again(redis_url: str) -> None:
    """Redis may have counted it: a second time would spend twice."""
    real = RedisStore(redis_url, timeout=5)
    await real.charge(ONE_OF_FIVE)
    async with losing_answers(redis_url, of=b"EVALSHA") as url:
        cut = RedisStore(url, timeout=5)
        with pytest.raises(Unavailable):
            await cut.charge(ONE_OF_FIVE)
        await cut.close()
    verdict = await real.charge(ONE_OF_FIVE, "look")
    await real.close()
    assert verdict.standings[0].remaining == 3


async def test_an_address_that_is_none_is_a_setup_error() -> None:
    with pytest.raises(SetupError, match="BACKOFFICE_REDIS_URL is not the address"):
        RedisStore("http://:secret@localhost")
