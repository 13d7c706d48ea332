"""Who was refused a moment ago is answered before anything else, and as anybody else would be."""

import random
from collections.abc import Iterator
from math import ceil

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backoffice.core import clock, singletons
from backoffice.core.singletons import STATE, Run
from backoffice.core.testing import ManualClock
from backoffice.ratelimit import (
    Charge,
    Decision,
    Limiter,
    MemoryStore,
    RateLimitMiddleware,
    Standing,
    limiter,
    limits,
)
from backoffice.ratelimit.headers import Headers, steady
from backoffice.ratelimit.metrics import limit_metrics
from backoffice.ratelimit.overrides import EVERYBODY, Overrides, overrides
from backoffice.ratelimit.turned_away import MOST, Answer, TurnedAway

CALLER = "network:testclient"


def shop(*written: str) -> FastAPI:
    app = FastAPI(lifespan=singletons(limit_metrics))
    app.add_middleware(RateLimitMiddleware, limits=written)

    @app.get("/")
    async def read() -> None: ...

    return app


def run_of(client: TestClient) -> Run:
    found: Run = client.app_state[STATE]
    return found


def limiter_of(client: TestClient) -> Limiter:
    return run_of(client).value(limiter)


def reset(client: TestClient, *written: str) -> None:
    assert client.portal is not None
    client.portal.call(limiter_of(client).reset, "app", CALLER, limits(*written))


@pytest.fixture
def time() -> Iterator[ManualClock]:
    time = ManualClock()
    with clock.override(time):
        yield time


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which keys the memory was asked about."""
    found: list[str] = []
    alone = MemoryStore.alone

    def noted(store: MemoryStore, charge: Charge) -> Standing | None:
        found.append(charge.key)
        return alone(store, charge)

    monkeypatch.setattr(MemoryStore, "alone", noted)
    return found


def test_the_memory_is_not_asked_again_within_a_second(time: ManualClock, asked: list[str]) -> None:
    with TestClient(shop("1/minute")) as client:
        assert [client.get("/").status_code for _ in range(9)] == [200] + [429] * 8
        assert len(asked) == 2
        time.advance(1)
        assert client.get("/").status_code == 429
        assert len(asked) == 3


@pytest.mark.parametrize("written", [("3/minute",), ("2/10 seconds", "3/minute"), ("9/second",)])
def test_each_answer_says_what_is_true_at_its_moment(
    time: ManualClock, written: tuple[str, ...]
) -> None:
    """Beside a limiter that is asked anew each time."""
    chance, store, found = random.Random(1), MemoryStore(clock=time), limits(*written)
    with TestClient(shop(*written)) as client:
        for _ in range(300):
            answer = client.get("/")
            charges = [Charge(str(each), each) for each in found]
            verdict = store.charged(charges)
            decision = Decision("app", verdict.allowed, 1, verdict.standings)
            assert answer.status_code == (200 if verdict.allowed else 429)
            for name, value in Headers().fields([decision]).items():
                assert answer.headers[name] == value
            if not verdict.allowed:
                wait = max(each.wait for each in verdict.standings)
                assert answer.headers["Retry-After"] == str(ceil(wait / 1_000_000))
                assert answer.json()["detail"]["retry_after"] == ceil(wait / 1_000_000)
            time.advance(chance.choice([0, 0, 0.05, 0.3, 0.7, 1, 2.5]))


@pytest.mark.usefixtures("time")
def test_who_is_let_go_by_an_operator_passes_at_once() -> None:
    with TestClient(shop("1/minute")) as client:
        assert [client.get("/").status_code for _ in range(3)] == [200, 429, 429]
        reset(client, "1/minute")
        assert client.get("/").status_code == 200


@pytest.mark.usefixtures("time")
def test_other_limits_hold_at_once() -> None:
    held = Overrides()
    with overrides.override(held), TestClient(shop("1/minute")) as client:
        assert [client.get("/").status_code for _ in range(3)] == [200, 429, 429]
        held._held["app", EVERYBODY] = limits("2/minute"), float("inf")
        assert [client.get("/").status_code for _ in range(3)] == [200, 200, 429]
        held._held.clear()
        assert client.get("/").status_code == 429


@pytest.mark.usefixtures("time")
def test_each_refusal_is_counted() -> None:
    with TestClient(shop("1/minute")) as client:
        for _ in range(9):
            client.get("/")
        checks = run_of(client).value(limit_metrics).checks
    assert checks == {("app", "near"): 1, ("app", "refused"): 8}


@pytest.mark.usefixtures("time")
def test_another_run_of_the_app_knows_nothing_of_it() -> None:
    app = shop("1/minute")
    for _ in range(2):
        with TestClient(app) as client:
            assert [client.get("/").status_code for _ in range(3)] == [200, 429, 429]


def test_redis_is_not_asked_either_and_an_operator_is_heard(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_REDIS_URL", redis_url)
    monkeypatch.setenv("BACKOFFICE_RATELIMIT__REDIS_TIMEOUT", "5")
    with TestClient(shop("1/hour")) as client:
        assert [client.get("/").status_code for _ in range(9)] == [200] + [429] * 8
        reset(client, "1/hour")
        assert client.get("/").status_code == 200


@pytest.mark.parametrize("kind", ["5/minute;strict", "5/hour;calendar"])
def test_what_may_read_otherwise_any_moment_is_not_kept(kind: str) -> None:
    (limit,) = limits(kind)
    assert steady(Decision("app", False, 1, (Standing(limit, 0, 5, 5),))) == 0


def test_the_answers_are_bounded() -> None:
    (five,) = limits("5/minute")
    running, kept = Limiter(MemoryStore()), TurnedAway()
    for number in range(2 * MOST):
        decision = Decision("app", False, 1, (Standing(five, 0, 10**6, 10**6),))
        known = running.remembered(str(number), (five,), decision)
        assert known is not None
        kept.keep(str(number), Answer(running, *known, decision, [], b""))
    assert len(kept._answers) == MOST
