"""Limits in memory and in a real Redis."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis
from fastapi.testclient import TestClient

from backoffice.core.discovery import find_app
from backoffice.migrations import upgrade
from tests.ratelimit.commanding import Command, prepared
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


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """An SQLite file with the tables of accounts."""
    file = tmp_path / "app.db"
    upgrade(f"sqlite:///{file}")
    return file


@pytest.fixture
def command(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    database: Path,
) -> Command:
    """Runs `backoffice ... --json` and gives the exit code, the answer and stderr."""
    return prepared(tmp_path, monkeypatch, capsys, f"sqlite:///{database}")


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch, redis_url: str) -> Iterator[redis.Redis]:
    """The Redis in which the app of this test counts."""
    monkeypatch.setenv("BACKOFFICE_REDIS_URL", redis_url)
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def client(command: Command) -> Iterator[TestClient]:
    """A client of the app, which runs besides the command."""
    with TestClient(find_app("main:app"), client=("203.0.113.9", 5000)) as client:
        yield client
