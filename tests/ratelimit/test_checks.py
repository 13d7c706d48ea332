"""What `backoffice doctor` says of rate limits."""

from importlib.metadata import entry_points

import pytest

from backoffice.core import Finding, Run
from backoffice.core.checks import ENTRY_POINTS, Check
from tests.ratelimit.fallible_redis import FallibleRedis

pytestmark = pytest.mark.anyio


async def finding() -> Finding:
    """What the one check of this package finds."""
    (entry,) = entry_points(group=ENTRY_POINTS, name="ratelimit")
    check: Check = entry.load()
    async with Run() as run:
        (found,) = [each async for each in check(run)]
    return found


async def test_one_process_counts_for_itself() -> None:
    assert (await finding()).level == "ok"


async def test_several_processes_that_count_each_for_itself_are_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    found = await finding()
    assert (found.level, found.fix) == ("warning", "set BACKOFFICE_REDIS_URL")


async def test_a_redis_that_answers_is_well(fallible_redis: FallibleRedis) -> None:
    assert await finding() == Finding("rate limits", "ok", "counted in Redis, which answers")


async def test_a_redis_that_does_not_answer_is_an_error(fallible_redis: FallibleRedis) -> None:
    with fallible_redis.hung():
        found = await finding()
    assert found.level == "error"
    assert "limited routes answer 503" in found.message
