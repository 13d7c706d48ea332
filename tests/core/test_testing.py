"""What tests of an app stand on: an app that runs, time that stands still, events and mail."""

import ast
import asyncio
import gzip
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated, Any

import anyio
import pytest
from fastapi import Depends, FastAPI, Request, Response, WebSocket
from httpx2 import ASGITransport, AsyncClient
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.core import (
    Clock,
    Event,
    Events,
    Run,
    SetupError,
    SingletonError,
    clock,
    events,
    serve,
    session,
    singleton,
    singletons,
)
from backoffice.core.mail import Mailer, Message, mailer
from backoffice.core.testing import ManualClock, RunningApp, TemplateDatabase

MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class Sold(Event):
    title: str


@dataclass(frozen=True, kw_only=True)
class Resold(Sold):
    pass


@singleton
def greeting() -> str:
    return "hello"


def shop() -> FastAPI:
    """An app that tells the time, sells, sends mail and fails."""
    app = FastAPI(lifespan=singletons(mailer))

    @app.get("/time")
    async def time(clock: Annotated[Clock, Depends(clock)]) -> datetime:
        return clock.now()

    @app.get("/greeting")
    async def greet(found: Annotated[str, Depends(greeting)]) -> str:
        return found

    @app.post("/sold/{title}")
    async def sell(
        title: str,
        events: Annotated[Events, Depends(events)],
        session: Annotated[AsyncSession, Depends(session)],
    ) -> None:
        await events.emit(Sold(title=title), session)
        await session.commit()

    @app.post("/mail/{name}")
    async def send(name: str, mailer: Annotated[Mailer, Depends(mailer)]) -> None:
        await mailer.send(Message(to=f"{name}@example.org", subject="Sold", text="It is."))

    @app.get("/broken")
    async def broken() -> None:
        raise LookupError("broken")

    @app.api_route("/echo", methods=["GET", "POST"])
    async def echo(request: Request) -> Response:
        seen = {**request.headers, "body": (await request.body()).decode()}
        answer = Response(gzip.compress(repr(seen).encode()), media_type="text/plain")
        answer.headers["Content-Encoding"] = "gzip"
        answer.set_cookie("visits", "1")
        return answer

    @app.websocket("/socket")
    async def socket(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(greeting.of(socket))
        await socket.close()

    return app


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BACKOFFICE_MAIL__URL", "memory:")
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", f"sqlite:///{tmp_path}/test.db")


def test_a_manual_clock_stands_still_until_it_is_moved() -> None:
    time = ManualClock(MOMENT)
    assert (time.now(), time.monotonic()) == (MOMENT, 0)
    assert time.advance(90) == MOMENT + timedelta(seconds=90)
    assert time.advance(timedelta(microseconds=1)) == time.now()
    assert (time.now() - MOMENT, time.monotonic()) == (timedelta(seconds=90.000001), 90.000001)
    time.move_to(MOMENT + timedelta(days=1))
    assert (time.now() - MOMENT, time.monotonic()) == (timedelta(days=1), 86400)


def test_a_clock_that_is_set_back_does_not_let_less_time_have_passed() -> None:
    time = ManualClock(MOMENT)
    time.advance(60)
    time.move_to(MOMENT - timedelta(days=1))
    assert (time.now(), time.monotonic()) == (MOMENT - timedelta(days=1), 60)


def test_a_manual_clock_gives_utc_and_takes_no_moment_without_a_time_zone() -> None:
    time = ManualClock(MOMENT.astimezone(timezone(timedelta(hours=5))))
    assert time.now().tzinfo is UTC
    assert time.now() == MOMENT
    for unclear in (ManualClock, time.move_to):
        with pytest.raises(ValueError, match="no time zone"):
            unclear(datetime(2026, 3, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="backwards"):
        time.advance(-1)


def test_a_manual_clock_starts_now_at_a_whole_second() -> None:
    """Tokens count whole seconds: a lifetime ends exactly when a test says."""
    now = ManualClock().now()
    assert now.microsecond == 0
    assert timedelta() <= datetime.now(UTC) - now < timedelta(seconds=5)


def test_threads_that_move_a_clock_at_once_lose_no_time() -> None:
    time = ManualClock(MOMENT)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: time.advance(1), range(800)))
    assert (time.now() - MOMENT, time.monotonic()) == (timedelta(seconds=800), 800)


def test_an_app_runs_with_the_time_of_the_test() -> None:
    time = ManualClock(MOMENT)
    with RunningApp(shop(), time=time) as running:
        client = running.client()
        assert client.get("/time").json() == "2026-03-01T12:00:00Z"
        time.advance(3600)
        assert client.get("/time").json() == "2026-03-01T13:00:00Z"
        assert running.value(clock) is time
    assert isinstance(asyncio.run(opened_clock()), Clock)
    assert not isinstance(asyncio.run(opened_clock()), ManualClock)


async def opened_clock() -> Clock:
    async with Run() as run:
        return await run.open(clock)


def test_two_runs_of_one_app_do_not_see_each_others_time() -> None:
    app, early, late = shop(), ManualClock(MOMENT), ManualClock(MOMENT + timedelta(days=1))
    with RunningApp(app, time=early) as one, RunningApp(app, time=late) as other:
        assert one.client().get("/time").json() < other.client().get("/time").json()


def test_clients_share_the_run_and_nothing_else() -> None:
    with RunningApp(shop()) as running:
        one, other = running.client({"X-Who": "one"}), running.client()
        assert "'x-who': 'one'" in one.get("/echo").text
        assert "x-who" not in other.get("/echo").text
        assert one.cookies["visits"] == other.cookies["visits"] == "1"
        one.cookies.clear()
        assert "visits" not in one.get("/echo").text
        assert "visits" in other.get("/echo").text


def test_a_client_speaks_websocket() -> None:
    with RunningApp(shop()) as running, running.client().websocket_connect("/socket") as socket:
        assert socket.receive_text() == "hello"


def test_a_client_used_in_a_with_statement_does_not_start_the_app_again() -> None:
    starts: list[FastAPI] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        starts.append(app)
        yield

    app = FastAPI(lifespan=lifespan)
    with RunningApp(app) as running:
        for client in (running.client(), running.client()):
            with client:
                assert client.get("/openapi.json").status_code == 200
            assert client.get("/openapi.json").status_code == 200
    assert starts == [app]


def test_a_client_raises_what_the_app_raises_unless_told_otherwise() -> None:
    with RunningApp(shop()) as running:
        with pytest.raises(LookupError, match="broken"):
            running.client().get("/broken")
        assert running.client(raise_server_exceptions=False).get("/broken").status_code == 500


def test_an_app_that_does_not_start_says_why_and_leaves_nothing_behind() -> None:
    app = shop()
    app.dependency_overrides[greeting] = broken
    running = RunningApp(app)
    with pytest.raises(LookupError, match="no greeting"):
        running.__enter__()
    with pytest.raises(SetupError, match="does not run"):
        running.client()
    del app.dependency_overrides[greeting]
    with running:
        assert running.client().get("/greeting").json() == "hello"


def broken() -> str:
    raise LookupError("no greeting")


def test_outside_of_its_run_an_app_has_no_clients() -> None:
    running = RunningApp(shop())
    with running:
        client = running.async_client()
    with pytest.raises(SetupError, match="with RunningApp"):
        running.client()
    with pytest.raises(SetupError, match="with RunningApp"):
        len(running.events)
    with pytest.raises(SetupError, match="has ended"):
        asyncio.run(client.get("/greeting"))


def test_an_app_without_singletons_runs_and_says_what_it_lacks() -> None:
    app = FastAPI()
    with RunningApp(app) as running:
        assert running.client().get("/openapi.json").status_code == 200
        assert len(running.events) == 0
        with pytest.raises(SingletonError, match="lifespan=singletons"):
            running.value(greeting)


def test_an_override_in_the_test_reaches_the_app_in_its_thread() -> None:
    with RunningApp(shop()) as running:
        client = running.client()
        with greeting.override("good day"):
            assert client.get("/greeting").json() == "good day"
        assert client.get("/greeting").json() == "hello"


def test_one_app_runs_in_many_threads_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    app = shop()

    def visit(number: int) -> tuple[str, list[str]]:
        time = ManualClock(MOMENT + timedelta(days=number))
        with greeting.override(f"hello {number}"), RunningApp(app, time=time) as running:
            client = running.client()
            client.post(f"/mail/n{number}")
            assert client.get("/time").json()[:10] == str(time.now().date())
            return client.get("/greeting").json(), [each.to for each in running.mail]

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(visit, range(24)))
    assert found == [(f"hello {n}", [f"n{n}@example.org"]) for n in range(24)]


def test_events_are_captured_in_the_order_of_the_commits() -> None:
    with RunningApp(shop()) as running:
        for title in ("Dune", "Ubik"):
            running.client().post(f"/sold/{title}")
        assert list(running.events) == [Sold(title="Dune"), Sold(title="Ubik")]
        assert running.events[-1] == Sold(title="Ubik")
        assert running.events[:1] == [Sold(title="Dune")]
        running.events.clear()
        assert len(running.events) == 0


def test_events_are_found_by_type() -> None:
    with RunningApp(shop()) as running:
        emit(running, Sold(title="Dune"), Resold(title="Dune"), Event())
        assert [type(each) for each in running.events.of(Sold)] == [Sold, Resold]
        assert running.events.of(Resold) == [Resold(title="Dune")]
        assert repr(running.events) == f"<CapturedEvents {list(running.events)}>"


def emit(running: RunningApp, *happened: Event, commit: bool = True) -> None:
    """All of it in one transaction."""

    async def work() -> None:
        found = await running.run.open(events)
        async with AsyncSession() as session:
            for event in happened:
                await found.emit(event, session)
            await (session.commit() if commit else session.rollback())

    running.call(work())


def test_an_event_that_was_rolled_back_is_not_captured() -> None:
    with RunningApp(shop()) as running:
        emit(running, Sold(title="Dune"), commit=False)
        assert len(running.events) == 0


def test_whoever_looks_at_events_or_mail_waits_for_the_listeners() -> None:
    """A listener that sends mail, slowly, has sent it when the test looks."""
    app = shop()
    with RunningApp(app) as running:

        @running.value(events).on(Sold)
        async def tell(event: Sold) -> None:
            await anyio.sleep(0.05)
            await running.run.values[mailer].send(
                Message(to="ann@example.org", subject=event.title, text="Sold.")
            )

        running.client().post("/sold/Dune")
        assert [each.subject for each in running.mail] == ["Dune"]


def test_mail_is_kept_and_found_by_address() -> None:
    with RunningApp(shop()) as running:
        for name in ("ann", "bob", "ann"):
            running.client().post(f"/mail/{name}")
        assert len(running.mail) == 3
        assert [each.to for each in running.mail.to("Ann <ann@example.org>")] == 2 * [
            "ann@example.org"
        ]
        assert running.mail[1].subject == "Sold"
        assert running.mail.to("eve@example.org") == []


def test_mail_of_an_app_that_really_sends_it_is_not_looked_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BACKOFFICE_MAIL__URL", f"file://{tmp_path}/mail")
    with RunningApp(shop()) as running, pytest.raises(SetupError, match="memory:"):
        len(running.mail)


@pytest.mark.anyio
async def test_an_async_client_reaches_the_app_from_another_loop() -> None:
    with RunningApp(shop()) as running:
        async with running.async_client({"X-Who": "one"}) as client:
            answer = await client.post("/echo", content="body")
            assert "'x-who': 'one'" in answer.text
            assert "'body': 'body'" in answer.text
            assert client.cookies["visits"] == "1"
            assert "visits=1" in (await client.get("/echo")).text


@pytest.mark.anyio
async def test_an_async_client_works_while_others_wait() -> None:
    app, everybody, started = shop(), anyio.Event(), []

    @app.get("/gate")
    async def gate() -> None:
        started.append(1)
        if len(started) == 100:
            everybody.set()
        await everybody.wait()

    with RunningApp(app) as running:
        client = running.async_client()
        with anyio.fail_after(60):
            answers = await asyncio.gather(*(client.get("/gate") for _ in range(100)))
        assert {each.status_code for each in answers} == {200}


@pytest.mark.anyio
async def test_an_async_client_raises_what_the_app_raises_unless_told_otherwise() -> None:
    with RunningApp(shop()) as running:
        with pytest.raises(LookupError, match="broken"):
            await running.async_client().get("/broken")
        plain = running.async_client(raise_server_exceptions=False)
        assert (await plain.get("/broken")).status_code == 500


@pytest.mark.anyio
async def test_an_async_client_that_gives_up_ends_the_request() -> None:
    app, ended = shop(), anyio.Event()

    @app.get("/slow")
    async def slow() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    with RunningApp(app) as running:
        with anyio.move_on_after(0.05):
            await running.async_client().get("/slow")
        running.call(ended.wait())


@pytest.mark.anyio
async def test_an_override_in_an_async_test_reaches_the_app() -> None:
    with RunningApp(shop()) as running, greeting.override("good day"):
        assert (await running.async_client().get("/greeting")).json() == "good day"


@pytest.mark.anyio
async def test_an_override_before_serve_is_the_runs_own_value() -> None:
    """For those who want the app on the loop of the test."""
    time = ManualClock(MOMENT)
    with clock.override(time):
        running = serve(shop())
        asgi = await running.__aenter__()
    async with AsyncClient(transport=ASGITransport(asgi), base_url="http://test") as client:
        assert (await client.get("/time")).json() == "2026-03-01T12:00:00Z"
    await running.__aexit__(None, None, None)


def test_the_copies_of_a_template_are_independent_and_deleted(tmp_path: Path) -> None:
    def prepare(url: str) -> None:
        execute(url, "PRAGMA journal_mode = WAL", "CREATE TABLE leaf (title VARCHAR)")

    template = TemplateDatabase(tmp_path, prepare)
    template.fill()
    with template.copy() as one, template.copy() as other:
        execute(one, "INSERT INTO leaf VALUES ('Dune')")
        assert execute(one, "SELECT title FROM leaf") == [("Dune",)]
        assert execute(other, "SELECT title FROM leaf") == []
        assert ("alembic_version_backoffice_auth",) in execute(
            other, "SELECT name FROM sqlite_master"
        )
    assert [path.name for path in tmp_path.glob("*.db*") if "lock" not in path.name] == [
        "template.db"
    ]


def test_a_template_is_prepared_though_an_event_loop_runs_here(tmp_path: Path) -> None:
    """An env.py of Alembic's async template calls asyncio.run."""
    template = TemplateDatabase(tmp_path, lambda _: asyncio.run(anyio.lowlevel.checkpoint()))

    async def within() -> None:
        template.fill()

    asyncio.run(within())


def execute(url: str, *statements: str) -> list[Any]:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
        return [row for statement in statements for row in connection.execute(statement)]


def test_no_module_of_a_server_imports_the_support_of_tests() -> None:
    importing = {
        (path.name, module)
        for path in ROOT.glob("packages/*/src/**/*.py")
        if not {"testing", "fixtures"} & {*path.parts, path.stem}
        for module in imported(path)
        if {"testing", "fixtures", "pytest", "testclient"} & {*module.split(".")}
    }
    assert importing == set()


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_an_app_that_serves_has_loaded_nothing_of_it(tmp_path: Path) -> None:
    program = """
import asyncio, sys
from backoffice.core import serve
from example_app.main import app
async def run() -> None:
    async with serve(app):
        print([name for name in sys.modules if "testing" in name.split(".") and "backoffice" in name
               or name in ("pytest", "backoffice.fixtures")])
asyncio.run(run())
"""
    environment = {
        "BACKOFFICE_DATABASE_URL": f"sqlite:///{tmp_path}/app.db",
        "BACKOFFICE_SECRET_KEY": "k" * 32,
        "PATH": "/usr/bin:/bin",
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr
