"""A small app with accounts, on both databases and with limits in memory and in Redis."""

import asyncio
import io
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import text

from backoffice.auth import Auth, Principal, Services, User
from backoffice.auth.sessions import BROWSER, Client
from backoffice.auth.testing import Accounts
from backoffice.core import clock
from backoffice.core.command import main
from backoffice.core.testing import ManualClock, RunningApp
from backoffice.migrations import upgrade

T = TypeVar("T")

PASSWORD = "correct horse battery"
#: Runs `backoffice ... --json` and gives the exit code, the answer and stderr.
Command = Callable[..., tuple[int, Any, str]]
APP = """
from fastapi import FastAPI
from backoffice.auth import Auth
auth = Auth()
app = FastAPI()
app.include_router(auth.router, prefix="/auth")

@app.get("/books", dependencies=[auth.require("books:read")])
async def books() -> None: ...

@app.post("/books", dependencies=[auth.require("books:write")])
async def add() -> None: ...

bare = FastAPI()
"""


class AppWithAccounts:
    """An app with `auth`, which runs within `with app:`."""

    def __init__(self, auth: Auth, app: FastAPI, **client: Any) -> None:
        self._auth = auth
        self._app = app
        #: Whether somebody may have added to the app.
        self.touched = False
        self._options = client
        self.running: RunningApp
        self.accounts: Accounts
        self.client: TestClient

    def __enter__(self) -> Self:
        self.running = RunningApp(self._app).__enter__()
        self.accounts = Accounts(self.running)
        self.client = self.running.client(**self._options)
        return self

    def __exit__(self, *error: object) -> None:
        self.running.__exit__(*error)

    @property
    def auth(self) -> Auth:
        self.touched = True
        return self._auth

    @property
    def app(self) -> FastAPI:
        self.touched = True
        return self._app

    @property
    def services(self) -> Services:
        return self.accounts.services

    def call(self, work: Awaitable[T]) -> T:
        """What `work` gives, awaited on the app's own event loop."""
        return self.running.call(work)

    def user(self, email: str = "ann@example.com", *permissions: str, **fields: Any) -> User:
        """An account; with permissions, by a role of its own."""
        user = self.accounts.user(email, password=PASSWORD, **fields)
        if permissions:
            role = self.accounts.role(f"role of {email.partition('@')[0]}", *permissions)
            self.call(self.services.roles.grant(user.id, role.name, actor="test"))
        return user


class House(AppWithAccounts):
    """An app with a route for each kind of question, and the ways to ask."""

    def login(self, email: str = "ann@example.com", password: str = PASSWORD) -> Response:
        return self.client.post("/auth/login", data={"username": email, "password": password})

    def token(self, email: str = "ann@example.com") -> str:
        """An access token of a new sign-in."""
        token: str = self.login(email).json()["access_token"]
        return token

    def key(self, user: User, *scopes: str, **fields: Any) -> str:
        """The text of a new API key."""
        made = self.services.keys.create(
            user, "test", scopes=scopes or None, actor="test", **fields
        )
        return self.call(made)[1]

    def cookie(self, email: str = "ann@example.com") -> str:
        """The value of the cookie of a new browser session."""
        _, session = self.call(
            self.services.sign_in.with_password(email, PASSWORD, BROWSER, Client())
        )
        return self.services.sessions.cookie(session)

    def get(self, path: str, token: str = "", key: str = "", cookie: str = "") -> Response:
        return self.client.get(path, headers=headers(token, key, cookie))

    def post(self, path: str, token: str = "", json: Any = None, **more: str) -> Response:
        return self.client.post(path, json=json, headers=headers(token, **more))


async def someone_waits(house: House) -> None:
    """Until a transaction waits for another one's rows; SQLite has one at a time anyway."""
    waiting = text("SELECT 1 FROM pg_locks WHERE NOT granted")
    while house.services.database.dialect == "postgresql":
        if await house.services.database.read(waiting):
            break
        await asyncio.sleep(0.01)


def headers(token: str = "", key: str = "", cookie: str = "") -> dict[str, str]:
    """The headers that present these credentials."""
    found = {}
    if token:
        found["Authorization"] = f"Bearer {token}"
    if key:
        found["X-API-Key"] = key
    if cookie:
        found["Cookie"] = f"backoffice_session={cookie}"
    return found


def bearer(token: str) -> dict[str, str]:
    return headers(token)


def create_tables(url: str) -> None:
    """The tables as the package's own revisions make them."""
    upgrade(url)


@pytest.fixture
def time() -> Iterator[ManualClock]:
    """The time of the app; ask for it before the app."""
    found = ManualClock()
    with clock.override(found):
        yield found


@pytest.fixture(scope="session")
def untouched() -> list[House]:
    """The app that no test has added to: it holds nothing of its runs, and takes 0.1 s to make."""
    return []


@pytest.fixture
def house(
    database_from_template: Callable[[str, Callable[[str], None]], str],
    monkeypatch: pytest.MonkeyPatch,
    untouched: list[House],
) -> Iterator[House]:
    """The app, running, with empty tables."""
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_from_template("auth", create_tables))
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
    monkeypatch.setenv("BACKOFFICE_AUTH__SIGN_IN_LIMIT", "1000/minute")
    with untouched.pop() if untouched else built() as found:
        yield found
    if not found.touched:
        untouched.append(found)


def built() -> House:
    """The app with a route for each kind of question that it can ask of the caller."""
    auth = Auth()
    app = FastAPI()
    app.include_router(auth.router, prefix="/auth")

    @app.get("/who")
    async def who(who: Annotated[Principal, auth.require()]) -> dict[str, Any]:
        return {"id": str(who.id), "method": who.method, "permissions": sorted(who.permissions)}

    @app.get("/feed")
    async def feed(who: Annotated[Principal | None, auth.optional()]) -> dict[str, str | None]:
        return {"user": str(who.id) if who else None}

    @app.get("/books", dependencies=[auth.require("books:read")])
    async def books() -> list[str]:
        return ["Dune"]

    @app.post("/books")
    async def add(who: Annotated[Principal, auth.require("books:write")]) -> str:
        return who.method

    @app.get("/either", dependencies=[auth.require(any_of=("books:read", "books:write"))])
    async def either() -> str:
        return "ok"

    return House(auth, app)


@pytest.fixture
def command(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    database_from_template: Callable[[str, Callable[[str], None]], str],
) -> Command:
    """Runs `backoffice ... --json` and gives the exit code, the answer and stderr."""
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_from_template("auth", create_tables))
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    (tmp_path / "main.py").write_text(APP)

    def run(*arguments: str, stdin: str = "", as_json: bool = True) -> tuple[int, Any, str]:
        monkeypatch.setattr(sys, "argv", ["backoffice", *arguments, *["--json"][: int(as_json)]])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), json.loads(out) if as_json and out else out, err

    return run


def created(command: Command, email: str = "ann@example.com", *more: str) -> Any:
    """What the command prints of an account that it has made."""
    code, answer, err = command(
        "users", "create", email, "--password-stdin", *more, stdin=f"{PASSWORD}\n"
    )
    assert code == 0, err
    return answer
