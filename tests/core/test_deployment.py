"""What doctor says of debugging, clocks and versions."""

from importlib.metadata import PackageNotFoundError

import pytest
from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount

from backoffice.core import Run
from backoffice.core.advisories import ADVISORIES, known_weaknesses, release
from backoffice.core.deployment import _clock, _debug, apart, of_clock


def weak(**installed: str) -> set[str]:
    """The ids of what is wrong with these versions; nothing else is installed."""

    def version(package: str) -> str:
        try:
            return installed[package.replace("-", "_")]
        except KeyError:
            raise PackageNotFoundError(package) from None

    return {each.id for each, _ in known_weaknesses(version)}


@pytest.mark.parametrize(
    ("installed", "ids"),
    [
        ({"python_jose": "3.3.0"}, {"CVE-2024-33663", "CVE-2024-33664"}),
        ({"python_jose": "3.4.0"}, set()),
        ({"pyjwt": "2.10.0"}, {"CVE-2024-53861", "CVE-2026-32597", "CVE-2026-48524"}),
        ({"pyjwt": "2.10"}, {"CVE-2024-53861", "CVE-2026-32597", "CVE-2026-48524"}),
        ({"pyjwt": "2.10.1"}, {"CVE-2026-32597", "CVE-2026-48524"}),
        ({"jinja2": "3.1.5"}, {"CVE-2025-27516"}),
        ({"redis": "4.5.3"}, {"CVE-2023-28859"}),
        ({"redis": "2.10.6"}, set()),
        ({"starlette": "1.0.1rc1"}, {"CVE-2026-54282"}),
        ({"starlette": "1.10.0"}, set()),
    ],
)
def test_a_version_is_weak_from_one_to_before_the_one_that_mends_it(
    installed: dict[str, str], ids: set[str]
) -> None:
    assert weak(**installed) == ids


def test_what_is_installed_here_has_no_known_weakness() -> None:
    assert list(known_weaknesses()) == []


def test_each_advisory_names_a_range_and_its_source() -> None:
    for each in ADVISORIES:
        assert release(each.since) < release(each.fixed), each
        assert each.id.startswith("CVE-"), each


def test_debug_is_found_in_mounted_apps_as_well() -> None:
    app, sub = FastAPI(), FastAPI(debug=True)
    assert _debug(app).level == "ok"
    app.mount("/sub", sub)
    found = _debug(app)
    assert (found.id, found.level) == ("core.debug", "error")
    assert "the app at /sub" in found.message


def test_debug_is_found_wherever_an_app_is_mounted() -> None:
    app, router = FastAPI(), APIRouter()
    layers = [Middleware(GZipMiddleware)]
    app.router.routes.append(Mount("/layers", FastAPI(debug=True), middleware=layers))
    router.mount("/inner", FastAPI(debug=True))
    app.include_router(router, prefix="/v1")
    app.host("api.example.com", FastAPI(debug=True))
    message = _debug(app).message
    for path in ("/layers", "/v1/inner", "//api.example.com"):
        assert f"the app at {path}" in message


@pytest.mark.parametrize(
    ("told", "expected"),
    [(100.5, 0.0), (100.0, 0.0), (101.0, 0.0), (104.0, 3.0), (97.0, -3.0)],
)
def test_a_clock_is_apart_by_what_asking_cannot_have_taken(told: float, expected: float) -> None:
    assert apart(told, asked=100.0, answered=101.0) == expected


@pytest.mark.parametrize(
    ("seconds", "level", "said"),
    [
        (0.9, "ok", "agree"),
        (-2.0, "warning", "2.0 s behind"),
        (2.0, "warning", "2.0 s ahead of"),
        (-60.0, "error", "60.0 s behind"),
    ],
)
def test_the_further_clocks_are_apart_the_worse(seconds: float, level: str, said: str) -> None:
    found = of_clock("core.clock", "the database", seconds)
    assert (found.level, said in found.message) == (level, True)


@pytest.mark.anyio
async def test_the_clock_of_the_database_is_asked(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_url)
    async with Run() as run:
        found = await _clock(run)
        assert found is not None
        assert (found.id, found.level) == ("core.clock", "ok")
        if database_url.startswith("postgresql"):
            monkeypatch.setattr("time.time", lambda: 1_000_000_000.0)
            behind = await _clock(run)
            assert behind is not None
            assert (behind.level, "ahead of this machine" in behind.message) == ("error", True)


@pytest.mark.anyio
async def test_the_clock_of_a_database_that_is_away_is_no_finding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", "postgresql://127.0.0.1:1/none")
    async with Run() as run:
        assert await _clock(run) is None
