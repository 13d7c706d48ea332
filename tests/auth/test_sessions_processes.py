"""Refreshing and ending sessions over two processes, as a server with two workers has them."""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from tests.auth.conftest import create_tables
from tests.e2e.processes import Server

APP = """
from fastapi import FastAPI
from backoffice.auth import Auth
auth = Auth()
app = FastAPI()
app.include_router(auth.router, prefix="/auth")
"""
NEW = {"email": "ann@example.com", "password": "correct horse battery"}


@pytest.fixture
def servers(
    database_from_template: Callable[[str, Callable[[str], None]], str], tmp_path: Path
) -> Iterator[tuple[Server, Server]]:
    """Two servers of one app on one database."""
    (tmp_path / "shop.py").write_text(APP)
    environment = {
        "BACKOFFICE_DATABASE_URL": database_from_template("auth", create_tables),
        "BACKOFFICE_SECRET_KEY": "k" * 32,
        "BACKOFFICE_DATABASE_TIMEOUT": "20",
    }

    def command(port: int) -> list[str]:
        where = ["--app-dir", str(tmp_path), "--port", str(port)]
        return [sys.executable, "-m", "uvicorn", "shop:app", *where]

    with Server(command, environment) as one, Server(command, environment) as other:
        one.post("/auth/register", json=NEW)
        yield one, other


def test_fifty_refreshes_over_two_processes_leave_one_line_of_descent(
    servers: tuple[Server, Server],
) -> None:
    token = servers[0].login(*NEW.values())["refresh_token"]

    def refresh(number: int) -> httpx2.Response:
        return servers[number % 2].post("/auth/refresh", json={"refresh_token": token})

    with ThreadPoolExecutor(25) as threads:
        answers = list(threads.map(refresh, range(50)))
    assert {each.status_code for each in answers} == {200}
    [successor] = {each.json()["refresh_token"] for each in answers}
    last = servers[1].post("/auth/refresh", json={"refresh_token": successor}).json()
    assert servers[0].get("/auth/me", token=last["access_token"]).status_code == 200
    # The first one is a grandparent by now: it ends the line.
    assert refresh(0).status_code == 401
    assert servers[0].get("/auth/me", token=last["access_token"]).status_code == 401
    assert servers[1].get("/auth/me", token=last["access_token"]).status_code == 401


def test_what_is_revoked_in_one_process_is_dead_in_the_other(
    servers: tuple[Server, Server],
) -> None:
    one, other = servers
    tokens = one.login(*NEW.values())
    for _ in range(3):
        assert other.get("/auth/me", token=tokens["access_token"]).status_code == 200
    assert one.post("/auth/revoke", data={"token": tokens["refresh_token"]}).status_code == 200
    assert other.get("/auth/me", token=tokens["access_token"]).status_code == 401
