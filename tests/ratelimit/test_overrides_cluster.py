"""Overrides are kept in a Cluster and behind a Sentinel as well."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from backoffice.core import Finding, Run
from backoffice.ratelimit import limiter, limits
from backoffice.ratelimit.checks import ratelimit_checks
from backoffice.ratelimit.overrides import EVERYBODY, overrides
from tests.ratelimit.load import until
from tests.services.redis_cluster import redis_cluster
from tests.services.redis_sentinel import redis_sentinel

pytestmark = pytest.mark.anyio


@contextmanager
def running(kind: str) -> Iterator[str]:
    """The address of such a service."""
    service = redis_cluster if kind == "cluster" else redis_sentinel
    with service() as found:
        yield found.url


@pytest.mark.parametrize("kind", ["cluster", "sentinel"])
async def test_an_override_holds_there_and_is_lifted(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_RATELIMIT__REDIS_TIMEOUT", "2")
    with running(kind) as url:
        monkeypatch.setenv("BACKOFFICE_REDIS_URL", url)
        async with Run() as run, Run() as other:
            found, held = await run.open(overrides), await other.open(overrides)
            await found.set("quotes", EVERYBODY, limits("1/minute"), 600)
            await until(lambda: held.limits("quotes", "ann") == limits("1/minute"))
            checks = [
                await (await other.open(limiter)).check("quotes", "ann", limits("9/minute"))
                for _ in range(2)
            ]
            assert [each.allowed for each in checks] == [True, False]
            assert await found.lift("quotes", EVERYBODY)
            assert await found.all() == []
            findings: list[Finding] = [each async for each in ratelimit_checks(run)]
            assert [each.level for each in findings] == ["ok"]
