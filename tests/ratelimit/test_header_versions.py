"""The fields in each version that can be set, letter by letter."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backoffice.core import clock, singletons
from backoffice.core.testing import ManualClock
from backoffice.ratelimit import RateLimit

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
POLICIES = ("20/minute", "5/10 seconds;strict", "100/day;calendar", "3 concurrent")
GOLDEN: Mapping[str, Mapping[str, str]] = {
    "draft-11": {
        "ratelimit-policy": (
            '"20/minute";q=20;w=60, "5/10 seconds;strict";q=5;w=10, '
            '"100/day;calendar";q=100;w=86400, "3 concurrent";q=3;qu="concurrent-requests"'
        ),
        "ratelimit": (
            '"20/minute";r=19;t=57, "5/10 seconds;strict";r=4;t=10, '
            '"100/day;calendar";r=99;t=43200, "3 concurrent";r=2'
        ),
    },
    "draft-7": {
        "ratelimit-policy": "20;w=60, 5;w=10, 100;w=86400",
        "ratelimit": "limit=5, remaining=4, reset=10",
    },
    "off": {},
}
LEGACY = {"x-ratelimit-limit": "2", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "30"}


def told(*policies: str, requests: int = 1) -> dict[str, str]:
    """The fields of the last answer."""
    app = FastAPI(lifespan=singletons())

    @app.get("/", dependencies=[RateLimit(*policies)])
    async def read() -> None: ...

    with clock.override(ManualClock(NOON)), TestClient(app) as client:
        answers = [client.get("/") for _ in range(requests)]
    headers = answers[-1].headers
    return {name: headers[name] for name in headers if "ratelimit" in name}


@pytest.mark.parametrize("version", GOLDEN)
def test_the_fields_are_those_of_the_version(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKOFFICE_RATELIMIT__HEADERS", version)
    assert told(*POLICIES) == GOLDEN[version]


@pytest.mark.parametrize("version", GOLDEN)
def test_the_old_fields_come_besides(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the limit that a client has to wait for."""
    monkeypatch.setenv("BACKOFFICE_RATELIMIT__HEADERS", version)
    monkeypatch.setenv("BACKOFFICE_RATELIMIT__LEGACY_HEADERS", "true")
    found = told("2/minute", "100/day", requests=3)
    assert {name: found[name] for name in LEGACY} == LEGACY
    assert ("ratelimit" in found) is (version != "off")


def test_a_shadow_is_not_told() -> None:
    app = FastAPI(lifespan=singletons())

    @app.get("/", dependencies=[RateLimit("1/minute", shadow=True), RateLimit("9/minute")])
    async def read() -> None: ...

    with TestClient(app) as client:
        answers = [client.get("/") for _ in range(3)]
    assert [each.status_code for each in answers] == [200] * 3
    assert answers[2].headers["RateLimit-Policy"] == '"9/minute";q=9;w=60'
