"""Swagger UI in a real browser: each way to sign in that the document offers lets the page in.

The page is FastAPI's own `/docs`; the two files that it loads from elsewhere come from a wheel.
"""

import re
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anyio
import pytest
import uvicorn
from fastapi import APIRouter, FastAPI
from playwright.sync_api import Browser, Page, Route, expect

from backoffice.auth.sessions import TOKEN, Client
from backoffice.core import Run
from tests.auth.conftest import PASSWORD, House, built, create_tables
from tests.services.databases import Databases
from tests.services.process import free_port

START_SECONDS = 90
EMAIL = "ann@example.com"


def swagger_ui(route: Route) -> None:
    """The file of the wheel in place of the one that the page asks the network for."""
    spec = find_spec("fastapi_offline")
    assert spec is not None
    assert spec.origin is not None
    file = Path(spec.origin).parent / "static" / route.request.url.rpartition("/")[2]
    if file.is_file():
        route.fulfill(path=file)
    else:
        route.abort()


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The app behind a real server, in a thread of this process."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    ends = time.monotonic() + START_SECONDS
    while not server.started and time.monotonic() < ends:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def included(house: House) -> FastAPI:
    return house.app


def nested(house: House) -> FastAPI:
    """The router of accounts within another one."""
    app, inner = FastAPI(), APIRouter(prefix="/v1")
    inner.include_router(house.auth.router, prefix="/accounts")
    app.include_router(inner)

    @app.get("/books", dependencies=[house.auth.require("books:read")])
    async def books() -> list[str]:
        return ["Dune"]

    house.auth.openapi(app)
    return app


def mounted(house: House) -> FastAPI:
    """The whole app below another one, whose lifespan runs its own."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[Any]:
        async with house.app.router.lifespan_context(house.app) as state:
            yield state

    app = FastAPI(lifespan=lifespan)
    app.mount("/shop", house.app)
    return app


@pytest.fixture
def offered(sqlite_databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """The app, not running yet, with its document; the page knows nothing of the database."""
    with sqlite_databases.copy("auth", create_tables) as url:
        monkeypatch.setenv("BACKOFFICE_DATABASE_URL", url)
        monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
        house = built()
        house.auth.openapi(house.app)
        yield house


@pytest.fixture
def credentials(offered: House) -> dict[str, str]:
    """Of an account that may read books: what to fill in for each scheme."""

    async def made() -> dict[str, str]:
        async with Run(offered.app) as run:
            services = await run.open(offered.auth.services)
            await services.roles.create("reader", ["books:read"], actor="test")
            user = await services.users.create(EMAIL, PASSWORD, roles=["reader"], actor="test")
            sign_in = services.sign_in.with_password
            _, session = await sign_in(EMAIL, PASSWORD, TOKEN, Client())
            _, key = await services.keys.create(user, "test", actor="test")
            return {"JWT": services.sessions.tokens(session).access_token, "ApiKey": key}

    return anyio.run(made)


@pytest.fixture
def page(browser: Browser) -> Page:
    page = browser.new_page()
    page.route("https://cdn.jsdelivr.net/**", swagger_ui)
    page.route("https://fastapi.tiangolo.com/**", lambda route: route.abort())
    page.set_default_timeout(10_000)
    return page


def authorize(page: Page, scheme: str, *values: str) -> None:
    page.get_by_role("button", name="Authorize").first.click()
    title = page.locator(".auth-container h4", has_text=re.compile(rf"^{scheme}\W"))
    form = title.locator("xpath=ancestor::*[.//button[contains(@class, 'modal-btn')]][1]")
    for number, value in enumerate(values):
        form.locator("input").nth(number).fill(value)
    form.locator("button.authorize").click()
    expect(form.get_by_role("button", name="Remove authorization")).to_be_visible()
    page.get_by_role("button", name="Close").last.click()


def asked(page: Page) -> int:
    """The status of `GET /books`, asked for by the page itself."""
    operation = page.locator(".opblock-get", has=page.locator('[data-path="/books"]'))
    with page.expect_response("**/books") as answer:
        operation.get_by_role("button", name="Execute").click()
    return answer.value.status


def opened(page: Page, address: str) -> None:
    """The page, where nobody has signed in yet, with `GET /books` ready to be tried."""
    page.goto(address)
    operation = page.locator(".opblock-get", has=page.locator('[data-path="/books"]'))
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    assert asked(page) == 401


@pytest.mark.parametrize(
    ("shape", "docs"), [(included, "/docs"), (nested, "/docs"), (mounted, "/shop/docs")]
)
def test_authorize_signs_in_by_password_wherever_the_routes_are(
    offered: House,
    credentials: dict[str, str],
    page: Page,
    shape: Callable[[House], FastAPI],
    docs: str,
) -> None:
    with served(shape(offered)) as url:
        opened(page, url + docs)
        authorize(page, "Password", EMAIL, PASSWORD)
        assert asked(page) == 200


@pytest.mark.parametrize("scheme", ["JWT", "ApiKey"])
def test_authorize_takes_a_token_and_a_key(
    offered: House, credentials: dict[str, str], page: Page, scheme: str
) -> None:
    with served(offered.app) as url:
        opened(page, f"{url}/docs")
        authorize(page, scheme, credentials[scheme])
        assert asked(page) == 200
