"""Where Sentinel watches, the wire leads to the primary of the moment."""

import os
import signal

import pytest

from backoffice.core import Unavailable
from tests.ratelimit.echo import echo, keys
from tests.ratelimit.load import load, until
from tests.services.process import free_port
from tests.services.redis_sentinel import NAME, redis_sentinel

pytestmark = pytest.mark.anyio


async def test_a_failover_under_load_is_followed() -> None:
    """Nothing but Unavailable is told meanwhile, and the new primary is written to."""
    with redis_sentinel() as service:
        old = service.primary
        async with echo(service.url, 0.2) as wire, load(wire) as told:
            await told.until_answered()
            service.fail_over()
            await until(lambda: service.primary != old)
            service.ask(service.primary, "FLUSHALL")
            # Until Sentinel has told the old one, it counts as well.
            await until(lambda: service.ask(service.primary, "EXISTS", keys(1)[0]) == 1)
            await until(lambda: service.ask(old, "ROLE")[0] == "slave")
            await told.until_answered()


async def test_a_primary_that_is_killed_is_replaced() -> None:
    """By what two of three Sentinels say, the first of which hangs."""
    with redis_sentinel(sentinels=3) as service:
        old = service.primary
        hung = service.process(service.sentinels[0])
        async with echo(service.url, 0.2) as wire, load(wire) as told:
            await told.until_answered()
            os.kill(hung, signal.SIGSTOP)
            try:
                os.kill(service.process(old), signal.SIGKILL)
                await told.until_refused(1)
                await until(lambda: service.primary != old)
                await told.until_answered()
            finally:
                os.kill(hung, signal.SIGCONT)


async def test_a_name_that_no_sentinel_knows_is_told() -> None:
    with redis_sentinel() as service:
        async with echo(service.url.replace(NAME, "nobody"), 1) as wire:
            with pytest.raises(Unavailable) as refusal:
                await wire.ping()
            assert "watches no primary named 'nobody'" in str(refusal.value.__cause__)


async def test_a_server_that_is_no_primary_is_not_written_to() -> None:
    """Sentinel may name the old one for a while."""
    with redis_sentinel() as service:
        async with echo(service.url, 1) as wire:
            service.ask(service.primary, "REPLICAOF", "127.0.0.1", free_port())
            with pytest.raises(Unavailable) as refusal:
                await wire.ask(keys("ada"), [1])
            assert "not a primary yet" in str(refusal.value.__cause__)
