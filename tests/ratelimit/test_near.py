"""Who is near a limit or over it, in memory and in Redis, and overrides within one process."""

import pytest
from fastapi import FastAPI

from backoffice.core import Conflict, Run
from backoffice.ratelimit import RateLimit, limits
from backoffice.ratelimit.desk import Desk
from backoffice.ratelimit.keys import digest
from backoffice.ratelimit.near import near
from backoffice.ratelimit.overrides import EVERYBODY, MOST, Overrides

pytestmark = pytest.mark.anyio

FEW, MANY = "5/day", "100/week"
NAME = "GET /quote"

app = FastAPI()


@app.get("/quote", dependencies=[RateLimit(FEW, MANY)])
async def quote() -> None: ...


async def counted(desk: Desk, caller: str, times: int) -> None:
    for _ in range(times):
        await desk.limiter.check(NAME, caller, limits(FEW, MANY))


@pytest.mark.parametrize("kept", ["memory", "redis"])
async def test_who_has_less_than_a_fifth_left_is_told(
    kept: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no longer, once an override gives more; what was spent under the old limit is past."""
    if kept == "redis":
        monkeypatch.setenv("BACKOFFICE_REDIS_URL", request.getfixturevalue("redis_url"))
        monkeypatch.setenv("BACKOFFICE_RATELIMIT__REDIS_TIMEOUT", "5")
    async with Run(app) as run:
        desk = await Desk.of(run, within=True)
        for caller, times in (("ann", 5), ("bob", 3), ("eve", 7)):
            await counted(desk, caller, times)
        found = {each.caller: each for each in await near(desk)}
        assert set(found) == {digest("ann"), digest("eve")}
        assert all(each.is_over and each.policy.name == NAME for each in found.values())
        assert str(found[digest("ann")].standing.limit) == FEW
        await desk.overrides.set(NAME, digest("ann"), limits("50/day"))
        await desk.limiter.clear(NAME, digest("eve"), limits(FEW, MANY))
        assert not await near(await Desk.of(run, within=True))


async def test_without_redis_an_override_holds_in_the_process_that_was_given_it() -> None:
    held = Overrides()
    await held.set("quotes", EVERYBODY, limits("1/minute"), 3600)
    await held.set("quotes", "ann", limits("2/minute"))
    await held.set("quotes", "bob", limits("3/minute"), 0)
    assert held.limits("quotes", "ann") == limits("2/minute")
    assert held.limits("quotes", "bob") == held.limits("quotes", "eve") == limits("1/minute")
    assert {(each.caller, each.seconds is None) for each in await held.all()} == {
        (EVERYBODY, False),
        ("ann", True),
    }
    assert await held.lift("quotes", "ann")
    assert not await held.lift("quotes", "ann")


async def test_without_redis_there_are_only_so_many_too() -> None:
    held = Overrides()
    for number in range(MOST):
        await held.set(f"policy-{number}", EVERYBODY, limits("1/minute"))
    with pytest.raises(Conflict):
        await held.set("one-more", EVERYBODY, limits("1/minute"))
    await held.set("policy-1", EVERYBODY, limits("2/minute"))
