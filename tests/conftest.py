"""What every test may ask for: real databases, a real Redis, a real browser."""

import contextlib
import gc
import itertools
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from typing_extensions import TypeIs

from backoffice.auth import password_hashes
from backoffice.auth.password_costs import Kind
from tests.services import chromium, compilations
from tests.services.databases import Databases, PostgresDatabases, Prepare, SQLiteDatabases
from tests.services.page_log import PageLog
from tests.services.postgres import PostgresServer
from tests.services.postgres import postgres_server as running_postgres
from tests.services.process import kept_directory
from tests.services.redis import RedisServer
from tests.services.redis import redis_server as running_redis

pytest_plugins = ["tests.leaks"]

CHEAP = password_hashes._context.copy(argon2__memory_cost=8)
CHEAP_DECOY = (CHEAP.hash("of nobody"), Kind("argon2", (8, 1, 1)))
_finished = itertools.count(1)
ARTEFACTS = Path(__file__).parent.parent / "artefacts"

# What collecting tests imports is compiled once, also where the machine keeps no bytecode: each of
# the processes that tests start would compile it all again, in 4 s.
KEEPS_NO_BYTECODE = sys.dont_write_bytecode
sys.dont_write_bytecode = False
compilations.share()
# Imports leave next to no garbage, and looking for it took a third of the time of collecting.
gc.set_threshold(100_000, 100, 100)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests marked `one_database` cost half: what they ask is decided before any SQL."""
    marked = (each for each in items if each.get_closest_marker("one_database"))
    twice = [each for each in marked if on_postgres(each)]
    config.hook.pytest_deselected(items=twice)
    left_out = set(twice)
    items[:] = [each for each in items if each not in left_out]


def on_postgres(item: pytest.Item) -> bool:
    call = getattr(item, "callspec", None)
    return call is not None and call.params.get("databases") == "postgresql"


def pytest_collection_finish() -> None:
    """Let the collector of garbage run seldom: it took a quarter of the suite's time."""
    sys.dont_write_bytecode = KEEPS_NO_BYTECODE
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 1_000_000)


def pytest_runtest_logfinish() -> None:
    """All of it is collected between tests: it takes seconds, which a test would wait for."""
    if next(_finished) % 200 == 0:
        gc.collect()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The event loop of tests marked `anyio`."""
    return "asyncio"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the developer's shell reaches a test."""
    for name in [name for name in os.environ if name.startswith("BACKOFFICE_")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def cheap_passwords(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that cost next to nothing, but in tests marked `costly_passwords`: to hash them as an
    app does took a sixth of the suite's time."""
    if request.node.get_closest_marker("costly_passwords") is None:
        monkeypatch.setattr(password_hashes, "_context", CHEAP)
        monkeypatch.setattr(password_hashes, "_decoy", lambda: CHEAP_DECOY)


@pytest.fixture(autouse=True)
def no_app_of_another_test() -> Iterator[None]:
    """A `main` of one test's folder, which a command has imported, is none of the next test's."""
    forget_apps()
    yield
    forget_apps()


@pytest.fixture(autouse=True)
def logging_of_no_other_test() -> Iterator[None]:
    """Alembic's stock env.py, run in this process, silences loggers and replaces handlers."""
    known = [each for each in logging.root.manager.loggerDict.values() if _is_logger(each)]
    kept = [(each, each.level, each.handlers[:], each.disabled) for each in [logging.root, *known]]
    yield
    for logger, level, handlers, disabled in kept:
        if logger.level != level:  # which empties the caches of all of them
            logger.setLevel(level)
        logger.handlers[:], logger.disabled = handlers, disabled


def _is_logger(each: object) -> TypeIs[logging.Logger]:
    return isinstance(each, logging.Logger)


def forget_apps() -> None:
    """Those under the names that the command looks for by itself."""
    for name in ("main", "app", "api"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL of this session's own, started when the first test asks for it."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A Redis of this session's own, started when the first test asks for it."""
    with running_redis() as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_databases() -> Iterator[Databases]:
    """SQLite files of this session."""
    with kept_directory("backoffice-sqlite-") as directory:
        yield SQLiteDatabases(directory)


@pytest.fixture(scope="session")
def postgres_databases(postgres_server: PostgresServer) -> Databases:
    """Databases of the session's PostgreSQL."""
    return PostgresDatabases(postgres_server)


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest) -> Databases:
    """Both kinds of database, one after the other."""
    sources = {"sqlite": "sqlite_databases", "postgresql": "postgres_databases"}
    # Asked for by name, so that a run without PostgreSQL tests starts no server.
    databases: Databases = request.getfixturevalue(sources[request.param])
    return databases


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """The address of an empty database, on SQLite and on PostgreSQL."""
    with databases.empty() as url:
        yield url


@pytest.fixture
def database_from_template(databases: Databases) -> Iterator[Callable[[str, Prepare], str]]:
    """Copies of databases prepared once per session: `database_from_template(name, prepare)`."""
    with contextlib.ExitStack() as lent:
        yield lambda name, prepare: lent.enter_context(databases.copy(name, prepare))


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The address of an empty Redis database."""
    return redis_server.fresh_url()


@pytest.fixture(params=["memory", "redis"])
def limits_url(request: pytest.FixtureRequest) -> str | None:
    """Where limits are counted: None for in-process, and the address of an empty Redis."""
    if request.param == "memory":
        return None
    url: str = request.getfixturevalue("redis_url")
    return url


@pytest.fixture(scope="session")
def chromium_executable() -> str:
    """The path of the browser."""
    return chromium.executable()


@pytest.fixture
def browser(chromium_executable: str) -> Iterator[Browser]:
    """A browser of this test's own.

    Not one per session: Playwright's event loop would stay the running one of this thread, and
    no later test could start its own. It costs 0.4 s.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_executable, args=[*chromium.ARGUMENTS]
        )
        yield browser
        browser.close()


@pytest.fixture
def page_log() -> PageLog:
    """What the browser saw `page` do; clear a list of it to allow what it holds."""
    return PageLog()


@pytest.fixture
def page(browser: Browser, page_log: PageLog, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A fresh page; its last view is kept in artefacts/.

    Fails when the page asked another host for anything or met its own content security policy.
    """
    page = browser.new_page()
    page_log.watch(page)
    yield page
    name = re.sub(r"\W+", "-", request.node.nodeid.removeprefix("tests/"))
    if not page.is_closed():
        page.screenshot(path=ARTEFACTS / f"{name}.png")
    assert not page_log.foreign_requests
    assert not page_log.violations
