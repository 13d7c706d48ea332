"""Limits in memory and in a real Redis."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.ratelimit.counters import Counters, InMemory, InRedis
from tests.ratelimit.fallible_redis import FallibleRedis
from tests.services.redis import redis_server as running_redis


@pytest.fixture
async def counters(limits_url: str | None) -> AsyncIterator[Counters]:
    """Counters in memory, and in Redis."""
    if limits_url is None:
        yield InMemory()
        return
    counters = InRedis(limits_url)
    yield counters
    await counters.store.close()
    counters.close()


@pytest.fixture
def counted(limits_url: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The apps of this test count in memory, and in Redis."""
    if limits_url is not None:
        monkeypatch.setenv("BACKOFFICE_REDIS_URL", limits_url)


@pytest.fixture
def fallible_redis(monkeypatch: pytest.MonkeyPatch) -> Iterator[FallibleRedis]:
    """Where the apps of this test count."""
    with running_redis() as server:
        fallible = FallibleRedis(server.fresh_url())
        monkeypatch.setenv("BACKOFFICE_REDIS_URL", fallible.url)
        yield fallible
