"""Requests travel together, and everyone gets the reply to their own."""

import asyncio
import random

import pytest
import redis

from backoffice.core import Unavailable
from tests.ratelimit.echo import echo, keys

pytestmark = pytest.mark.anyio


def calls(url: str, command: str) -> int:
    """How often the server has run it."""
    with redis.Redis.from_url(url) as client:
        statistics = client.info("commandstats")
    return int(statistics.get(f"cmdstat_{command}", {"calls": 0})["calls"])


async def test_a_request_gets_its_entry_of_the_reply(redis_url: str) -> None:
    async with echo(redis_url) as wire:
        assert await wire.ask(keys("ada"), [7]) == [7, 1]
        assert await wire.ask(keys("ada"), [8]) == [8, 2]


async def test_requests_of_one_turn_of_the_loop_travel_together(redis_url: str) -> None:
    async with echo(redis_url) as wire:
        await wire.ask(keys("ada"), [0])
        before = calls(redis_url, "evalsha")
        replies = await asyncio.gather(*(wire.ask(keys(n), [n]) for n in range(100)))
        assert calls(redis_url, "evalsha") == before + 1
    assert replies == [[n, 1] for n in range(100)]


async def test_what_is_more_than_a_batch_waits_for_one_of_two_connections(redis_url: str) -> None:
    async with echo(redis_url) as wire:
        replies = await asyncio.gather(*(wire.ask(keys(n), [n]) for n in range(1000)))
        with redis.Redis.from_url(redis_url) as client:
            database = redis_url.rpartition("/")[2]
            ours = [each for each in client.client_list() if each["db"] == database]
        assert len(ours) - 1 <= 2  # without the one that asks
    assert replies == [[n, 1] for n in range(1000)]


async def test_no_reply_goes_to_another_asker(redis_url: str) -> None:
    """Thousands of requests at random times, some of whose askers leave before the reply."""
    chance = random.Random(5)

    async def ask(number: int) -> None:
        await asyncio.sleep(chance.random() / 10)
        if chance.random() < 0.2:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(wire.ask(keys(number), [number]), 0)
            return
        assert (await wire.ask(keys(number), [number]))[0] == number

    async with echo(redis_url) as wire:
        await asyncio.gather(*(ask(number) for number in range(3000)))


async def test_who_leaves_before_the_batch_does_is_not_charged(redis_url: str) -> None:
    async with echo(redis_url) as wire:
        leaving = asyncio.create_task(wire.ask(keys("ada"), [1]))
        staying = asyncio.create_task(wire.ask(keys("bob"), [1]))
        await asyncio.sleep(0)
        leaving.cancel()
        assert await staying == [1, 1]
        assert await wire.ask(keys("ada"), [2]) == [2, 1]


async def test_a_server_that_lost_the_script_gets_it_again(redis_url: str) -> None:
    """In the middle of batches, and nothing is counted twice."""
    async with echo(redis_url) as wire:
        with redis.Redis.from_url(redis_url) as client:
            for rounds in range(1, 11):
                asked = [asyncio.create_task(wire.ask(keys(n), [n])) for n in range(300)]
                await asyncio.sleep(0.001)
                client.script_flush()
                assert await asyncio.gather(*asked) == [[n, rounds] for n in range(300)]


async def test_a_connection_that_the_server_closed_is_renewed_before_it_is_used(
    redis_url: str,
) -> None:
    async with echo(redis_url) as wire:
        for number in range(1, 4):
            assert await wire.ask(keys("ada"), [0]) == [0, number]
            with redis.Redis.from_url(redis_url) as client:
                client.client_kill_filter(_type="normal", skipme=True)
            await asyncio.sleep(0.01)


async def test_an_error_of_one_command_is_nobody_elses(
    redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Its asker is told Unavailable, and the wire goes on."""
    async with echo(redis_url) as wire:
        bad = asyncio.create_task(wire.command("GET", key=""))
        good = asyncio.create_task(wire.ask(keys("ada"), [1]))
        with pytest.raises(Unavailable) as refusal:
            await bad
        assert await good == [1, 1]
        assert "wrong number of arguments" in str(refusal.value.__cause__)
    assert "limits: Redis refuses a check" in caplog.text


async def test_a_reset_removes_the_keys(redis_url: str) -> None:
    async with echo(redis_url) as wire:
        await wire.ask(keys("ada"), [1])
        await wire.ask(keys("bob"), [1])
        assert await wire.reset([*keys("ada"), *keys("nobody")]) == 1
        assert await wire.reset([]) == 0
        assert await wire.ask(keys("ada"), [1]) == [1, 1]
        assert await wire.ask(keys("bob"), [1]) == [1, 2]


async def test_the_first_request_finds_a_connection_that_was_opened_ahead(redis_url: str) -> None:
    async with echo(redis_url) as wire:
        await wire.open()
        with redis.Redis.from_url(redis_url) as client:
            before = client.info("stats")["total_connections_received"]
            assert await wire.ask(keys("ada"), [1]) == [1, 1]
            assert client.info("stats")["total_connections_received"] == before


async def test_closing_tells_those_who_wait(redis_url: str) -> None:
    """And who asks afterwards."""
    async with echo(redis_url) as wire:
        await wire.ping()
        waiting = [asyncio.create_task(wire.ask(keys(n), [n])) for n in range(500)]
        await asyncio.sleep(0)
        await wire.close()
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(answer, Unavailable) for answer in answers)
        with pytest.raises(Unavailable):
            await wire.ask(keys("ada"), [1])
