"""An app with websockets for each kind of question, and the ways to ask."""

import asyncio
import time as times
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Annotated, Any

import anyio
import pytest
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from httpx2 import Headers
from starlette.testclient import WebSocketDenialResponse, WebSocketTestSession

from backoffice.auth import Auth, AuthSettings, Principal, User
from tests.auth.conftest import House, create_tables, headers

Copies = Callable[[str, Callable[[str], None]], str]
HERE = "http://testserver"


class Street(House):
    """A house whose app has websockets; `left` is how each endpoint heard of its end."""

    left: list[tuple[int, str]]

    def connect(
        self, path: str = "/ws/who", subprotocols: list[str] | None = None, **given: Any
    ) -> WebSocketTestSession:
        """A websocket, which opens within `with`; `origin` and credentials are headers."""
        origin = given.pop("origin", None)
        origins = [origin] if isinstance(origin, str) else origin or []
        sent = Headers([*headers(**given).items(), *(("Origin", each) for each in origins)])
        return self.client.websocket_connect(path, subprotocols=subprotocols, headers=sent)

    def refused(self, path: str = "/ws/who", **given: Any) -> WebSocketDenialResponse:
        """The answer to a handshake that was refused before the websocket was accepted."""
        with pytest.raises(WebSocketDenialResponse) as refusal, self.connect(path, **given):
            pass
        return refusal.value

    def ticket(self, **credential: str) -> str:
        """A new ticket."""
        answer = self.post("/auth/ws-ticket", **credential)
        assert answer.status_code == 200, answer.text
        ticket: str = answer.json()["ticket"]
        return ticket


def offer(ticket: str) -> list[str]:
    return ["backoffice", f"backoffice.ticket.{ticket}"]


def code(response: Any) -> str:
    found: str = response.json()["detail"]["code"]
    return found


def close_of(socket: WebSocketTestSession, within: float = 20.0) -> tuple[int, str]:
    """The code and the reason by which the app closes it, well before it would ask by itself."""

    async def until_closed() -> tuple[int, str]:
        with anyio.fail_after(within):
            while True:
                message = await socket._send_rx.receive()
                if message["type"] == "websocket.close":
                    return message["code"], message["reason"]

    return socket.portal.call(until_closed)


def paved(settings: AuthSettings | None = None) -> Street:
    """An app with websockets for each kind of question."""
    auth, app = Auth(settings), FastAPI()
    app.include_router(auth.router, prefix="/auth")
    street = Street(auth, app)
    street.left = []

    async def echo(websocket: WebSocket) -> None:
        try:
            while True:
                await websocket.send_text(await websocket.receive_text())
        except WebSocketDisconnect as gone:
            street.left.append((gone.code, gone.reason))

    @app.websocket("/ws/who")
    async def who(websocket: WebSocket, who: Annotated[Principal, auth.require()]) -> None:
        await websocket.accept()
        await websocket.send_json({"id": str(who.id), "method": who.method})
        await echo(websocket)

    @app.websocket("/ws/feed")
    async def feed(websocket: WebSocket, who: Annotated[Principal | None, auth.optional()]) -> None:
        await websocket.accept()
        await websocket.send_json({"id": str(who.id) if who else None})
        await echo(websocket)

    @app.websocket("/ws/books", dependencies=[auth.require(), auth.require("books:read")])
    async def books(websocket: WebSocket) -> None:
        await websocket.accept()
        await echo(websocket)

    @app.websocket("/ws/fresh", dependencies=[auth.require(fresh=timedelta(minutes=5))])
    async def fresh(websocket: WebSocket) -> None:
        await websocket.accept()
        await echo(websocket)

    @app.websocket("/ws/push", dependencies=[auth.require()])
    async def push(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            while True:
                await websocket.send_text("tick")
                await asyncio.sleep(0.02)
        except WebSocketDisconnect as gone:
            street.left.append((gone.code, gone.reason))
            await websocket.close()  # as many endpoints do in a `finally`

    @app.websocket("/ws/slow", dependencies=[auth.require()])
    async def slow(websocket: WebSocket) -> None:
        await websocket.accept()
        done = 0
        try:
            while True:
                await websocket.receive_text()
                await asyncio.sleep(0.5)
                done += 1
        except WebSocketDisconnect as gone:
            street.left.append((gone.code, str(done)))

    @app.websocket("/ws/late", dependencies=[auth.require()])
    async def late(websocket: WebSocket) -> None:
        await asyncio.sleep(2.5)
        await websocket.accept()

    @app.get("/who")
    async def plain(who: Annotated[Principal, auth.require()]) -> str:
        return who.method

    @app.get("/feed")
    async def plain_feed(who: Annotated[Principal | None, auth.optional()]) -> str:
        return who.method if who else "nobody"

    return street


@pytest.fixture
def street(database_from_template: Copies, monkeypatch: pytest.MonkeyPatch) -> Iterator[Street]:
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_from_template("auth", create_tables))
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
    monkeypatch.setenv("BACKOFFICE_AUTH__SIGN_IN_LIMIT", "1000/minute")
    monkeypatch.setenv("BACKOFFICE_AUTH__TRUSTED_ORIGINS", "https://shop.example.com")
    with paved() as found:
        yield found


@pytest.fixture
def other(street: Street) -> Iterator[Street]:
    """A second process, as it were: another run of the same app on the same database."""
    with paved() as found:
        yield found


def sign_out(street: Street, user: User, token: str) -> None:
    assert street.post("/auth/logout", token).status_code == 204


def due(street: Street) -> list[Any]:
    """The open websockets about which a question is still to be asked."""
    now = street.services.clock.now()
    found = street.services.websockets._open()
    return [each for each in found if each.ask_at is None or now >= each.ask_at]


def settled(*streets: Street) -> None:
    """Let the first looks pass, at which whatever was just opened is asked about."""
    wait_for(lambda: not any(due(each) for each in streets))


def wait_for(condition: Callable[[], bool], within: float = 30.0) -> None:
    ends = times.monotonic() + within
    while not condition():
        assert times.monotonic() < ends
        times.sleep(0.01)
