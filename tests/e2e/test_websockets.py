"""Websockets over real sockets, in two servers on one database."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.auth.conftest import create_tables
from tests.e2e.processes import Server

APP = """
from typing import Annotated

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from backoffice.auth import Auth, Principal

auth = Auth()
app = FastAPI()
app.include_router(auth.router, prefix="/auth")


@app.websocket("/live")
async def live(websocket: WebSocket, who: Annotated[Principal, auth.require()]):
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(f"{who.method}: {await websocket.receive_text()}")
    except WebSocketDisconnect as gone:
        print("left", gone.code, flush=True)
"""
NEW = {"email": "ann@example.com", "password": "correct horse battery"}
ORIGIN = "https://shop.example.com"


@pytest.fixture
def servers(
    database_from_template: Callable[[str, Callable[[str], None]], str], tmp_path: Path
) -> Iterator[tuple[Server, Server]]:
    """Two servers of one app on one database."""
    (tmp_path / "live.py").write_text(APP)
    environment = {
        "BACKOFFICE_DATABASE_URL": database_from_template("auth", create_tables),
        "BACKOFFICE_SECRET_KEY": "k" * 32,
        "BACKOFFICE_DATABASE_TIMEOUT": "20",
        "BACKOFFICE_AUTH__TRUSTED_ORIGINS": ORIGIN,
    }

    def command(port: int) -> list[str]:
        where = ["--app-dir", str(tmp_path), "--port", str(port)]
        return [sys.executable, "-m", "uvicorn", "live:app", *where]

    with Server(command, environment) as one, Server(command, environment) as other:
        assert one.post("/auth/register", json=NEW).status_code == 202
        yield one, other


def opened(
    server: Server, token: str = "", subprotocols: list[Subprotocol] | None = None
) -> ClientConnection:
    """A websocket of the route `/live`."""
    url = server.url.replace("http", "ws", 1) + "/live"
    sent = {"Authorization": f"Bearer {token}"} if token else {}
    return connect(
        url, additional_headers=sent, subprotocols=subprotocols, proxy=None, open_timeout=20
    )


def token_of(server: Server) -> str:
    token: str = server.login(NEW["email"], NEW["password"])["access_token"]
    return token


def offer(server: Server, token: str) -> list[Subprotocol]:
    """The subprotocols that offer a new ticket."""
    ticket = server.post("/auth/ws-ticket", token=token).json()["ticket"]
    return [Subprotocol("backoffice"), Subprotocol(f"backoffice.ticket.{ticket}")]


def test_a_stranger_is_refused_before_the_acceptance(servers: tuple[Server, Server]) -> None:
    """By 401, with the challenges and the reason in the body."""
    one, _ = servers
    for token, code in (("", b"unauthenticated"), ("a.b.c", b"invalid_token")):
        with pytest.raises(InvalidStatus) as refusal, opened(one, token):
            pass
        response = refusal.value.response
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"].startswith('Bearer realm="backoffice"')
        assert code in (response.body or b"")


def test_a_ticket_of_one_server_opens_a_websocket_of_the_other_once(
    servers: tuple[Server, Server],
) -> None:
    """A subprotocol is accepted, as browsers want it, and it is not the ticket."""
    one, other = servers
    subprotocols = offer(one, token_of(one))
    with opened(other, subprotocols=subprotocols) as websocket:
        assert websocket.subprotocol == "backoffice"
        websocket.send("hello")
        assert websocket.recv(timeout=10) == "jwt: hello"
    with pytest.raises(InvalidStatus) as refusal, opened(one, subprotocols=subprotocols):
        pass
    assert refusal.value.response.status_code == 401


def test_what_is_taken_away_in_one_server_closes_the_websocket_of_the_other(
    servers: tuple[Server, Server],
) -> None:
    """Though its endpoint only waits; it hears of it."""
    one, other = servers
    token = token_of(one)
    subprotocols = offer(one, token)
    with opened(other, token) as here, opened(other, subprotocols=subprotocols) as there:
        here.send("hello")
        assert here.recv(timeout=10) == "jwt: hello"
        assert one.post("/auth/logout", token=token).status_code == 204
        for websocket in (here, there):
            with pytest.raises(ConnectionClosed) as closing:
                websocket.recv(timeout=30)
            assert closing.value.rcvd is not None
            assert closing.value.rcvd.code == 1008
            assert closing.value.rcvd.reason.startswith("invalid_token")
    ends = time.monotonic() + 60
    while other.log.count("left 1008") < 2:
        assert time.monotonic() < ends, other.log
        time.sleep(0.05)
    assert "Traceback" not in other.log


def test_a_cookie_opens_one_for_pages_of_trusted_origins_alone(
    servers: tuple[Server, Server],
) -> None:
    """A page of any other site has the browser send the cookie as well."""
    one, _ = servers
    form = {"username": NEW["email"], "password": NEW["password"]}
    signed_in = one.post("/auth/login/cookie", data=form, headers={"Origin": one.url})
    cookie = signed_in.headers["Set-Cookie"].partition(";")[0]

    def by_cookie(origin: str | None) -> ClientConnection:
        url = one.url.replace("http", "ws", 1) + "/live"
        sent = {"Cookie": cookie}
        return connect(url, additional_headers=sent, proxy=None, origin=cast(Any, origin))

    for trusted in (ORIGIN, one.url):
        with by_cookie(trusted) as websocket:
            websocket.send("hello")
            assert websocket.recv(timeout=10) == "session: hello"
    for origin in (None, "https://evil.example", "null"):
        with pytest.raises(InvalidStatus) as refusal, by_cookie(origin):
            pass
        assert refusal.value.response.status_code == 403
        assert b"csrf_failed" in (refusal.value.response.body or b"")
