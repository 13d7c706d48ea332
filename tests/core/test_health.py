"""Health: one word for strangers, all of it for those permitted, and never a wait without end."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import nullcontext, suppress
from typing import Annotated, Any

import anyio
import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.testclient import TestClient
from starlette.requests import HTTPConnection

from backoffice.core import (
    Callers,
    Run,
    Singleton,
    SingletonError,
    Unauthenticated,
    Unavailable,
    callers,
    health_router,
    singleton,
    singletons,
)
from backoffice.core.health import Health, Readiness, readiness, status

pytestmark = pytest.mark.anyio


def checked(error: BaseException | None = None, **options: Any) -> Singleton[str]:
    """A singleton whose check raises that."""

    @singleton
    async def part() -> str:
        return "part"

    @part.health(**options)
    async def check(value: str) -> None:
        assert value == "part"
        if error is not None:
            raise error

    return part


async def examined(*wanted: Singleton[Any]) -> list[Health]:
    async with Run() as run:
        for each in wanted:
            await run.open(each)
        return await Readiness().examine(run)


async def test_a_check_that_returns_is_well() -> None:
    (found,) = await examined(checked())
    assert (found.name, found.well, found.required, found.message) == ("part", True, True, "")


async def test_an_error_of_the_ladder_is_told_in_its_words() -> None:
    (found,) = await examined(checked(Unavailable("The printer is out of paper.")))
    assert (found.well, found.message) == (False, "The printer is out of paper.")


async def test_another_error_is_told_by_its_type_and_the_log_has_the_rest(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A driver's message may hold an address or a password."""
    part, readiness = checked(OSError("10.0.0.7 refused")), Readiness()
    async with Run() as run:
        await run.open(part)
        _, (found,) = await readiness.look(run)
    assert (found.well, found.message) == (False, "OSError")
    assert "health: part is unwell: OSError" in caplog.text
    assert "10.0.0.7 refused" in caplog.text


@pytest.mark.parametrize("stubborn", [False, True], ids=["heeds", "ignores"])
async def test_a_check_that_hangs_is_unwell_after_its_timeout(stubborn: bool) -> None:
    released = anyio.Event()

    @singleton
    async def part() -> str:
        return "part"

    @part.health(timeout=0.01)
    async def hang(_: str) -> None:
        try:
            await anyio.sleep_forever()
        except asyncio.CancelledError:
            if stubborn:
                await released.wait()
            raise

    with anyio.fail_after(60):
        (found,) = await examined(part)
    assert (found.well, found.message) == (False, "no answer within 0.01 s")
    released.set()


async def test_checks_run_together() -> None:
    """Each waits for the other: one after the other they would not end."""
    met = [anyio.Event(), anyio.Event()]

    def meeting(own: int) -> Singleton[int]:
        part = singleton(lambda: own)

        @part.health(timeout=60)
        async def meet(_: int) -> None:
            met[own].set()
            await met[1 - own].wait()

        return part

    with anyio.fail_after(60):
        assert [each.well for each in await examined(meeting(0), meeting(1))] == [True, True]


async def test_a_singleton_that_stopped_is_unwell() -> None:
    @singleton
    async def worker() -> AsyncIterator[None]:
        async def work() -> None:
            raise ConnectionError

        async with anyio.create_task_group() as group:
            group.start_soon(work)
            yield

    async with Run() as run:
        await run.open(worker)
        for _ in range(5):
            await anyio.wait_all_tasks_blocked()
        (found,) = await Readiness().examine(run)
    assert (found.name, found.well, found.required) == ("worker", False, True)


def test_a_second_check_of_one_singleton_is_refused() -> None:
    part = checked()
    with pytest.raises(SingletonError, match="has a health check already"):

        @part.health
        async def again(_: str) -> None: ...


def test_what_is_not_required_degrades() -> None:
    well, ill = Health("a", True, True, 0.0), Health("b", False, False, 0.0)
    assert status([well]) == status([]) == "ok"
    assert status([well, ill]) == "degraded"
    assert status([well, ill, Health("c", False, True, 0.0)]) == "failed"


async def test_a_crowd_that_asks_at_once_costs_one_look() -> None:
    looks: list[int] = []

    @singleton
    async def part() -> str:
        return "part"

    @part.health
    async def look(_: str) -> None:
        looks.append(1)
        await anyio.sleep(0.01)

    readiness = Readiness()
    async with Run() as run:
        await run.open(part)
        async with anyio.create_task_group() as group:
            for _ in range(100):
                group.start_soon(readiness.look, run)
    assert looks == [1]


async def test_what_changes_is_logged_and_nothing_else(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Probes ask each second: an outage of an hour is told once, and so is its end."""
    monkeypatch.setattr("backoffice.core.health.FRESH", -1)
    ill = True

    @singleton
    async def part() -> str:
        return "part"

    @part.health
    async def check(_: str) -> None:
        if ill:
            raise Unavailable("gone")

    readiness = Readiness()
    async with Run() as run:
        await run.open(part)
        for _ in range(3):
            await readiness.look(run)
        ill = False
        for _ in range(3):
            await readiness.look(run)
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING] == [
        "health: part is unwell: gone",
        "health: failed, was ok",
        "health: part is well again",
        "health: ok, was failed",
    ]


async def test_a_check_that_hangs_is_not_asked_again_before_it_comes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else each look would leave a task, or a thread, behind."""
    asked: list[int] = []

    @singleton
    async def part() -> str:
        return "part"

    @part.health(timeout=0.001)
    async def hang(_: str) -> None:
        asked.append(1)
        while not released.is_set():
            with suppress(asyncio.CancelledError):
                await released.wait()

    released, readiness = anyio.Event(), Readiness()
    async with Run() as run:
        await run.open(part)
        for _ in range(5):
            (found,) = await readiness.examine(run)
            assert not found.well
    released.set()
    assert asked == [1]


async def test_a_check_that_was_cancelled_is_not_well() -> None:
    """By the look before, or within what it awaits: either way it has no answer."""
    (found,) = await examined(checked(asyncio.CancelledError()))
    assert (found.well, found.message) == (False, "the check was cancelled")


async def test_what_needs_a_stopped_singleton_is_unwell_too() -> None:
    @singleton
    async def worker() -> AsyncIterator[str]:
        async def work() -> None:
            raise ConnectionError

        async with anyio.create_task_group() as group:
            group.start_soon(work)
            yield "worker"

    @singleton
    async def shop(worker: Annotated[str, Depends(worker)]) -> str:
        return worker

    async with Run() as run:
        await run.open(shop)
        for _ in range(5):
            await anyio.wait_all_tasks_blocked()
        found = {each.name: each.message for each in await Readiness().examine(run)}
    assert found["shop"] == "needs worker, which has stopped"


async def test_what_a_test_put_in_place_is_not_asked() -> None:
    part = checked(Unavailable("gone"))
    with part.override("fake"):
        async with Run() as run:
            await run.open(part)
            assert await Readiness().examine(run) == []


@pytest.mark.parametrize("way", ["override", "dependency_overrides"])
async def test_what_is_well_with_a_fake_does_not_ask_what_the_fake_stands_for(way: str) -> None:
    @singleton
    def account(number: int) -> int:
        return number

    @singleton
    async def shop(account: Annotated[int, Depends(account)]) -> int:
        return account

    @shop.health
    async def check(account: int) -> None:
        assert account == 7

    app = FastAPI()
    if way == "dependency_overrides":
        app.dependency_overrides[account] = lambda: 7
    with account.override(7) if way == "override" else nullcontext():
        async with Run(app) as run:
            await run.open(shop)
            assert [each.well for each in await Readiness().examine(run)] == [True]


async def test_what_needs_a_fake_that_stopped_is_unwell_too() -> None:
    @singleton
    async def worker() -> str:
        return "worker"

    async def fake() -> AsyncIterator[str]:
        async def work() -> None:
            raise ConnectionError

        async with anyio.create_task_group() as group:
            group.start_soon(work)
            yield "fake"

    @singleton
    async def shop(worker: Annotated[str, Depends(worker)]) -> str:
        return worker

    app = FastAPI()
    app.dependency_overrides[worker] = fake
    async with Run(app) as run:
        await run.open(shop)
        for _ in range(5):
            await anyio.wait_all_tasks_blocked()
        found = {each.name: each.message for each in await Readiness().examine(run)}
    assert found["shop"] == "needs fake, which has stopped"


def shop(*wanted: Singleton[Any], permits: Any = None) -> FastAPI:
    """An app with the router, and perhaps something that knows callers."""

    @singleton
    async def knows(found: Annotated[Callers, Depends(callers)]) -> None:
        async def identify(_: HTTPConnection) -> None: ...

        found.register(identify, permits)

    app = FastAPI()
    app.include_router(health_router)
    app.include_router(APIRouter(lifespan=singletons(knows, *wanted)))
    return app


async def permit(_: HTTPConnection, permission: str) -> bool:
    return permission == "health:read"


def test_strangers_get_one_word() -> None:
    with TestClient(shop(checked())) as client:
        for path in ("/health/live", "/health/ready"):
            answer = client.get(path)
            assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
            assert answer.headers["cache-control"] == "no-store"
            assert client.head(path).status_code == 200


def test_an_app_that_is_not_ready_is_live_and_says_no_more_to_strangers() -> None:
    with TestClient(shop(checked(Unavailable("secret place")))) as client:
        assert client.get("/health/live").status_code == 200
        answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["detail"] == {
        "code": "not_ready",
        "message": "This app is not ready.",
        "status": "failed",
    }


def test_a_degraded_app_stays_ready() -> None:
    with TestClient(shop(checked(OSError(), required=False))) as client:
        answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()) == (200, {"status": "degraded"})


def test_those_permitted_see_checks_times_and_graph() -> None:
    with TestClient(shop(checked(Unavailable("out of paper")), permits=permit)) as client:
        detail = client.get("/health/ready").json()["detail"]
    (found,) = detail["checks"]
    assert (found["name"], found["well"], found["message"]) == ("part", False, "out of paper")
    assert "part" in {each["name"] for each in detail["singletons"]}
    assert all(each["seconds"] >= 0 for each in detail["singletons"])
    assert detail["graph"].startswith("graph TD")


def test_while_callers_cannot_be_known_health_is_told_without_details() -> None:
    async def away(_: HTTPConnection, __: str) -> bool:
        raise Unavailable("the database is away")

    with TestClient(shop(permits=away)) as client:
        assert client.get("/health/ready").json() == {"status": "ok"}


def test_a_bad_credential_is_refused_here_as_everywhere() -> None:
    async def refuse(_: HTTPConnection, __: str) -> bool:
        raise Unauthenticated("expired", code="invalid_token")

    with TestClient(shop(permits=refuse)) as client:
        assert client.get("/health/ready").status_code == 401
        assert client.get("/health/live").status_code == 200


def test_two_apps_with_the_router_do_not_see_each_other() -> None:
    ill, well = shop(checked(Unavailable("ill"))), shop(checked())
    with TestClient(ill) as one, TestClient(well) as two:
        assert one.get("/health/ready").status_code == 503
        assert two.get("/health/ready").status_code == 200


async def test_a_check_that_nobody_waits_for_any_more_ends_before_what_it_checks() -> None:
    """Else it asks a database that is closed, and opens it once more."""
    told: list[str] = []

    @singleton
    async def part() -> AsyncIterator[str]:
        yield "part"
        told.append("closed")

    @part.health(timeout=60)
    async def hang(_: str) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            told.append("ended")

    async with Run() as run:
        await run.open(part)
        probe = asyncio.create_task((await run.open(readiness)).look(run))
        await anyio.wait_all_tasks_blocked()
        probe.cancel()
    assert told == ["ended", "closed"]


async def test_a_check_that_cannot_be_ended_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("backoffice.core.health.STOPPING", 0.01)
    released = anyio.Event()

    @singleton
    async def part() -> str:
        return "part"

    @part.health(timeout=0.001)
    async def hang(_: str) -> None:
        while not released.is_set():
            with suppress(asyncio.CancelledError):
                await released.wait()

    async with Run() as run:
        await run.open(part)
        await (await run.open(readiness)).look(run)
    released.set()
    assert "health: the check of part does not end" in caplog.text
