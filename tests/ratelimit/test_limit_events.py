"""What a run tells of its refusals."""

from datetime import timedelta

import pytest
from fastapi import FastAPI

from backoffice.core import Listeners, events, singletons
from backoffice.core.testing import ManualClock, RunningApp
from backoffice.ratelimit import RateLimit, limits
from backoffice.ratelimit.events import MOST_TOLD, LimitRefused, Refusals
from backoffice.ratelimit.keys import digest


def app_with(*dependencies: RateLimit) -> FastAPI:
    app = FastAPI(lifespan=singletons(events))

    @app.get("/quote", dependencies=list(dependencies))
    async def quote() -> None: ...

    return app


def told(running: RunningApp) -> list[LimitRefused]:
    return running.events.of(LimitRefused)


def test_a_refusal_is_told_once_per_caller_and_period() -> None:
    time = ManualClock()
    with RunningApp(app_with(RateLimit("2/minute", "500/day")), time=time) as running:
        client = running.client()
        statuses = [client.get("/quote").status_code for _ in range(50)]
        assert statuses == [200, 200, *[429] * 48]
        [event] = told(running)
        assert (event.policy, event.limit, event.shadow) == ("GET /quote", "2/minute", False)
        time.advance(timedelta(seconds=59))
        client.get("/quote")
        assert len(told(running)) == 1
        time.advance(timedelta(seconds=1))
        assert [client.get("/quote").status_code for _ in range(3)][-1] == 429
        assert len(told(running)) == 2


def test_the_caller_is_told_by_a_digest_alone() -> None:
    with RunningApp(app_with(RateLimit("1/minute", key=lambda _: "acme-secret"))) as running:
        client = running.client()
        for _ in range(2):
            client.get("/quote")
        [event] = told(running)
        assert event.caller == digest("key:acme-secret")
        assert "acme" not in repr(event)


def test_a_shadow_is_told_and_refuses_nobody() -> None:
    with RunningApp(app_with(RateLimit("1/minute", shadow=True))) as running:
        client = running.client()
        assert [client.get("/quote").status_code for _ in range(3)] == [200] * 3
        [event] = told(running)
        assert (event.limit, event.shadow) == ("1/minute", True)


def test_a_listener_that_fails_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    listeners = Listeners()

    @listeners.on(LimitRefused)
    async def fail(event: LimitRefused) -> None:
        raise ValueError

    app = app_with(RateLimit("1/minute"))
    with RunningApp(app) as running:
        running.value(events).attach(listeners)
        client = running.client()
        assert [client.get("/quote").status_code for _ in range(3)] == [200, 429, 429]
        assert len(told(running)) == 1
    assert "a listener of ratelimit.refused failed" in caplog.text


def test_an_attack_from_everywhere_is_no_flood() -> None:
    now = 0.0
    refusals = Refusals(lambda: now)
    (minute,) = limits("1/minute")
    first = [refusals.first("GET /", minute, str(number)) for number in range(MOST_TOLD + 500)]
    assert first == [*[True] * MOST_TOLD, *[False] * 500]
    now = 59.0
    assert not refusals.first("GET /", minute, "new")
    now = 60.5
    assert refusals.first("GET /", minute, "new")


def test_each_limit_and_policy_is_told_by_itself() -> None:
    refusals = Refusals(lambda: 0.0)
    minute, day = limits("1/minute", "2/day")
    asked = [("a", minute), ("a", day), ("b", minute), ("a", minute)]
    assert [refusals.first(name, limit, "ann") for name, limit in asked] == [
        True, True, True, False,
    ]  # fmt: skip


def test_a_day_is_told_again_after_an_hour() -> None:
    now = 0.0
    refusals = Refusals(lambda: now)
    (day,) = limits("1/day")
    assert refusals.first("a", day, "ann")
    now = 3599.0
    assert not refusals.first("a", day, "ann")
    now = 3600.5
    assert refusals.first("a", day, "ann")
