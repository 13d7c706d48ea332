"""What a run counts of its checks, and how Prometheus gets it."""

from collections.abc import Callable, Iterator
from typing import get_args

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.parser import text_string_to_metric_families

from backoffice.auth import Auth
from backoffice.auth.testing import Accounts
from backoffice.core import SetupError, singletons
from backoffice.core.testing import RunningApp
from backoffice.ratelimit import RateLimit, limiter, limits
from backoffice.ratelimit.judgements import OnError
from backoffice.ratelimit.metrics import BOUNDS, MOST_POLICIES, OTHERS, LimitMetrics, limit_metrics
from backoffice.ratelimit.prometheus import exported, metrics_router
from tests.auth.conftest import create_tables
from tests.ratelimit.fallible_redis import FallibleRedis


def shop(*routers: APIRouter) -> FastAPI:
    app = FastAPI(lifespan=singletons())
    for each in routers:
        app.include_router(each)

    @app.get("/quote", dependencies=[RateLimit("10/minute")])
    async def quote() -> None: ...

    @app.get("/dark", dependencies=[RateLimit("1/minute", shadow=True, name="dark")])
    async def dark() -> None: ...

    return app


def samples(text: str) -> dict[tuple[str, ...], float]:
    """What Prometheus reads: values by name and labels."""
    return {
        (each.name, *each.labels.values()): each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
    }


def test_each_check_is_counted_by_policy_and_outcome() -> None:
    with RunningApp(shop()) as running:
        client = running.client()
        for _ in range(12):
            client.get("/quote")
        for _ in range(3):
            client.get("/dark")
        found = running.value(limit_metrics)
        assert found.checks == {
            ("GET /quote", "allowed"): 8,
            ("GET /quote", "near"): 2,
            ("GET /quote", "refused"): 2,
            ("dark", "near"): 1,
            ("dark", "shadow"): 2,
        }
        assert sum(found.durations.counts) == 15
        assert 0 < found.durations.seconds < 15


def test_two_apps_count_each_their_own() -> None:
    with RunningApp(shop()) as one, RunningApp(shop()) as other:
        one.client().get("/quote")
        assert one.value(limit_metrics).checks == {("GET /quote", "allowed"): 1}
        assert other.value(limit_metrics).checks == {}


def test_names_without_end_are_counted_together() -> None:
    metrics = LimitMetrics()
    for number in range(MOST_POLICIES + 7):
        metrics.count(f"team-{number}", "allowed")
    metrics.count("team-3", "refused")
    assert metrics.checks[OTHERS, "allowed"] == 7
    assert metrics.checks["team-3", "refused"] == 1
    assert len({policy for policy, _ in metrics.checks}) == MOST_POLICIES + 1


def test_a_duration_counts_in_the_first_bound_that_holds_it() -> None:
    metrics = LimitMetrics()
    for seconds in (BOUNDS[0], BOUNDS[0] * 1.1, 10.0):
        metrics.took(seconds)
    assert metrics.durations.counts == (1, 1, *[0] * (len(BOUNDS) - 2), 1)


def test_prometheus_reads_the_counters_beside_those_of_the_app() -> None:
    registry = CollectorRegistry()
    Counter("sold", "Books sold.", registry=registry).inc(3)
    app = shop(metrics_router(registry, networks=["203.0.113.0/24"]))
    with TestClient(app, client=("203.0.113.9", 50000)) as client:
        client.get("/quote")
        answer = client.get("/metrics")
        found = samples(answer.text)
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert found["sold_total",] == 3
    assert found["backoffice_ratelimit_checks_total", "allowed", "GET /quote"] == 1
    assert found["backoffice_ratelimit_check_seconds_count",] == 1
    assert found["backoffice_ratelimit_check_seconds_bucket", "+Inf"] == 1
    assert found["backoffice_ratelimit_check_seconds_sum",] > 0


def test_the_registry_is_left_as_it_was_when_the_run_ends() -> None:
    registry = CollectorRegistry()
    app = FastAPI(lifespan=singletons(exported(registry)))
    for _ in range(2):
        with RunningApp(app):
            assert [each.name for each in registry.collect()] == [
                "backoffice_ratelimit_checks",
                "backoffice_ratelimit_check_seconds",
            ]
        assert list(registry.collect()) == []


def test_a_network_that_is_none_is_a_setup_error() -> None:
    with pytest.raises(SetupError, match=r"10\.0\.0\.0/8"):
        metrics_router(networks=["everyone"])


@pytest.fixture
def running(
    database_from_template: Callable[[str, Callable[[str], None]], str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[RunningApp]:
    """The app with accounts."""
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_from_template("auth", create_tables))
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
    auth = Auth()
    with RunningApp(shop(auth.router, metrics_router())) as running:
        yield running


def test_metrics_are_not_for_strangers(running: RunningApp) -> None:
    accounts = Accounts(running)
    with running.client() as stranger:
        assert stranger.get("/metrics").status_code == 401
        assert stranger.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 401
    assert accounts.signed_in(permissions=["users:view"]).get("/metrics").status_code == 403
    reader = accounts.signed_in(permissions=["metrics:read"])
    assert reader.get("/metrics").status_code == 200
    assert reader.get("/metrics", headers={"Accept": "x/y;version=z"}).status_code == 200


def test_a_program_that_checks_by_name_is_counted_too() -> None:
    with RunningApp(shop()) as running:
        invite = running.value(limiter).check("invite", "acme", limits("10/hour"))
        running.call(invite)
        assert running.value(limit_metrics).checks == {("invite", "allowed"): 1}


def test_what_could_not_be_checked_is_counted_as_such(fallible_redis: FallibleRedis) -> None:
    app = FastAPI(lifespan=singletons())
    for choice in get_args(OnError):
        limit = RateLimit("1/minute", name=choice, on_error=choice)
        app.add_api_route(f"/{choice}", lambda: None, dependencies=[limit])
    with RunningApp(app) as running:
        client = running.client(raise_server_exceptions=False)
        fallible_redis.die()
        found = {each: client.get(f"/{each}").status_code for each in get_args(OnError)}
        assert found == {"local": 200, "closed": 503, "open": 200}
        assert client.get("/local").status_code == 429
        assert running.value(limit_metrics).checks == {
            ("local", "local"): 1,
            ("local", "refused"): 1,
            ("closed", "unavailable"): 1,
            ("open", "unavailable"): 1,
        }
