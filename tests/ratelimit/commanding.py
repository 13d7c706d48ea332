"""The command `backoffice limits`, on an app with accounts and limits."""

import io
import json
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backoffice.core.command import main

#: Runs `backoffice ... --json` and gives the exit code, the answer and stderr.
Command = Callable[..., tuple[int, Any, str]]
BOOK = "GET /shop/books/{number}"
APP = """
from fastapi import APIRouter, FastAPI, Request, WebSocket
from backoffice.auth import Auth
from backoffice.ratelimit import RateLimit, RateLimitMiddleware

def tenant(request: Request) -> str | None:
    return request.headers.get("X-Tenant")

auth = Auth()
app = FastAPI(dependencies=[RateLimit("1000/hour", name="everything")])
app.add_middleware(RateLimitMiddleware, limits=["2000/hour"], name="outside", shadow=True)
app.include_router(auth.router, prefix="/auth")
books = APIRouter(prefix="/books")
inner = FastAPI()

@books.get("/{number}", dependencies=[RateLimit("5/minute", "500/day")])
async def book(number: int) -> int:
    return number

by_tenant = RateLimit("7/minute", "3 concurrent", key=tenant, name="lists", on_error="open")

@books.get("/", dependencies=[by_tenant])
async def shelf() -> None: ...

@app.websocket("/talk", dependencies=[RateLimit("3/minute")])
async def talk(websocket: WebSocket) -> None:
    await websocket.accept()

@inner.get("/deep", dependencies=[RateLimit("9/minute")])
async def deep() -> None: ...

app.include_router(books, prefix="/shop")
app.mount("/inner", inner)
bare = FastAPI()
"""


def prepared(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    database_url: str,
) -> Command:
    """The command, in a folder with the app."""
    # Nothing comes back while a test runs, on however busy a machine.
    monkeypatch.setenv("BACKOFFICE_AUTH__SIGN_IN_LIMIT", "20/day")
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_url)
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
    monkeypatch.setenv("BACKOFFICE_RATELIMIT__REDIS_TIMEOUT", "1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    # Set, so that it is taken away again: each test has a main of its own.
    monkeypatch.setitem(sys.modules, "main", sys)
    del sys.modules["main"]
    (tmp_path / "main.py").write_text(APP)

    def run(*arguments: str, as_json: bool = True) -> tuple[int, Any, str]:
        monkeypatch.setattr(sys, "argv", ["backoffice", *arguments, *["--json"][: int(as_json)]])
        monkeypatch.setattr(sys, "stdin", io.StringIO(""))
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), json.loads(out) if as_json and out else out, err

    return run


def audited(database: Path) -> list[tuple[str, str, dict[str, Any]]]:
    """What the audit log says of limits."""
    query = "SELECT event, subject, data FROM backoffice_audit WHERE event LIKE 'ratelimit.%'"
    with sqlite3.connect(database) as connection:
        return [
            (event, subject, json.loads(data)) for event, subject, data in connection.execute(query)
        ]
