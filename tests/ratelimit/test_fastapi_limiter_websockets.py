"""`WebSocketRateLimiter` of both versions of fastapi-limiter, on our limiter."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, WebSocket
from fastapi.testclient import TestClient
from pyrate_limiter import Duration, Limiter, Rate
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from backoffice.ratelimit.compat import WebSocketRateLimiter


@pytest.fixture
def once() -> Iterator[Limiter]:
    with Limiter(Rate(1, Duration.MINUTE)) as limiter:
        yield limiter


def documented(**terms: Any) -> FastAPI:
    """The example of the documentation: a limiter made for each socket, asked for each message."""
    router = APIRouter()

    @router.websocket("/ws/{room}")
    async def websocket_endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        ratelimit = WebSocketRateLimiter(**terms)
        while True:
            try:
                data = await websocket.receive_text()
                await ratelimit(websocket, context_key=data)  # NB: context_key is optional
                await websocket.send_text("Hello, world")
            except WebSocketDisconnect:
                break
            except HTTPException as refused:
                after = (refused.headers or {})["Retry-After"]
                await websocket.send_text(f"Hello again in {after}")

    app = FastAPI()
    app.include_router(router)
    return app


def answers(client: TestClient, *messages: str, path: str = "/ws/1") -> list[str]:
    with client.websocket_connect(path) as socket:
        found = []
        for each in messages:
            socket.send_text(each)
            found.append(socket.receive_text())
        return found


@pytest.mark.usefixtures("counted")
def test_messages_are_limited_by_their_context() -> None:
    with TestClient(documented(times=1, seconds=60)) as client:
        found = answers(client, "a", "a", "b", "a")
    assert found == ["Hello, world", "Hello again in 60", "Hello, world", "Hello again in 60"]


def test_another_socket_or_path_parameter_is_no_way_around() -> None:
    with TestClient(documented(times=1, seconds=60)) as client:
        assert answers(client, "a") == ["Hello, world"]
        assert answers(client, "a", path="/ws/2") == ["Hello again in 60"]


def test_the_form_of_0_2_takes_a_limiter(once: Limiter) -> None:
    with TestClient(documented(limiter=once)) as client:
        assert answers(client, "a", "a") == ["Hello, world", "Hello again in 60"]


def test_the_identifier_says_who_is_counted() -> None:
    async def user(websocket: WebSocket) -> str:
        return websocket.query_params["user"]

    with TestClient(documented(times=1, hours=1, identifier=user)) as client:
        found = [answers(client, "", path=f"/ws/1?user={each}")[0] for each in ("a", "b", "a")]
    assert found == ["Hello, world", "Hello, world", "Hello again in 3600"]


def test_a_callback_is_told_the_milliseconds() -> None:
    def callback(websocket: WebSocket, pexpire: int) -> None:
        raise HTTPException(429, headers={"Retry-After": f"{pexpire} ms"})

    with TestClient(documented(times=1, hours=1, callback=callback)) as client:
        assert answers(client, "", "")[1] == "Hello again in 3600000 ms"


def test_a_callback_that_only_returns_lets_no_message_through() -> None:
    with TestClient(documented(times=1, hours=1, callback=lambda *_: None)) as client:
        assert answers(client, "", "")[1] == "Hello again in 3600"


def greeting() -> FastAPI:
    """One whose sockets are limited before they are accepted."""

    async def greet(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("Hello, world")

    app = FastAPI()
    limited = Depends(WebSocketRateLimiter(times=1, hours=1))
    app.websocket("/ws", dependencies=[limited])(greet)
    return app


def test_a_socket_is_refused_before_it_is_accepted() -> None:
    with TestClient(greeting()) as client:
        with client.websocket_connect("/ws") as socket:
            assert socket.receive_text() == "Hello, world"
        with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect("/ws"):
            pass
    assert refused.value.status_code == 429
    assert refused.value.headers["Retry-After"] == "3600"


def test_a_server_that_cannot_send_an_answer_closes_the_socket() -> None:
    app = greeting()

    async def without_extensions(scope: Any, receive: Any, send: Any) -> None:
        scope.pop("extensions", None)
        await app(scope, receive, send)

    with TestClient(without_extensions) as client:
        with client.websocket_connect("/ws"):
            pass
        with pytest.raises(WebSocketDisconnect) as refused, client.websocket_connect("/ws"):
            pass
    assert refused.value.code == 1008
