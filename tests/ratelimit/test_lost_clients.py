"""Clients that leave in the middle, and workers that die, before a real server."""

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import httpx2
import pytest

from tests.services.process import free_port, listens, running

APP = """
import asyncio, os
from typing import Annotated

from fastapi import FastAPI, HTTPException, WebSocket
from fastapi.responses import StreamingResponse

from backoffice.core import singletons
from backoffice.ratelimit import RateLimit, RateLimitMiddleware, Reservation, Reserve

app = FastAPI(lifespan=singletons())
if os.environ.get("SEEN"):
    app.add_middleware(RateLimitMiddleware)
tokens = RateLimit("1000/day", cost=Reserve(400), name="tokens")
place = RateLimit(f"1 concurrent;lease={os.environ['LEASE']} seconds", name="place")

@app.get("/pid")
async def pid() -> int:
    return os.getpid()

@app.get("/stream", dependencies=[place])
async def stream(spent: Annotated[Reservation, tokens]) -> StreamingResponse:
    async def words():
        spent.settle(50)
        yield b"word"
        while True:
            await asyncio.sleep(0.05)
            yield b"."
    return StreamingResponse(words())

@app.get("/hang", dependencies=[place])
async def hang(spent: Annotated[Reservation, tokens]) -> None:
    await asyncio.sleep(60)

@app.get("/place", dependencies=[place])
async def take() -> None: ...

@app.get("/left", dependencies=[RateLimit("1000/day", cost=0, name="tokens")])
async def left() -> None: ...

@app.get("/guesses", dependencies=[RateLimit("2/hour", cost=0, name="guesses")])
async def guesses() -> None: ...

@app.get("/guess", dependencies=[RateLimit("2/hour", on="failures", name="guesses")])
async def guess() -> None:
    await asyncio.sleep(0.2)
    raise HTTPException(401)

@app.websocket("/live", dependencies=[place])
async def live(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.receive_text()
"""
PATIENCE = 60.0
SERVE = "import sys, uvicorn; uvicorn.run('main:app', port=int(sys.argv[1]))"
HANDSHAKE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


class Served:
    """The app behind a real server."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._url = f"http://127.0.0.1:{port}"

    def get(self, path: str) -> httpx2.Response:
        return httpx2.get(self._url + path, timeout=PATIENCE)

    def left(self, path: str = "/left") -> int:
        return int(self.get(path).headers["RateLimit"].split("r=")[1].split(";")[0])

    def await_left(self, number: int, path: str = "/left") -> None:
        """Return once the server has heard of what was begun."""
        end = time.monotonic() + PATIENCE
        while self.left(path) != number:
            assert time.monotonic() < end
            time.sleep(0.02)

    def begin(self, path: str, headers: str = "") -> socket.socket:
        """Ask, and leave the answer where it is."""
        client = socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE)
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: shop\r\n{headers}\r\n".encode())
        return client

    def taken_within(self, seconds: float) -> bool:
        """Whether the place comes back by then."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.get("/place").status_code == 200:
                return True
            time.sleep(0.05)
        return False


@contextmanager
def serving(folder: Path, lease: int = 20, **environment: str) -> Iterator[Served]:
    (folder / "main.py").write_text(APP)
    port = free_port()
    command = [sys.executable, "-c", SERVE, str(port)]
    given = {
        "BACKOFFICE_RATELIMIT__REDIS_TIMEOUT": "2",
        "PYTHONPATH": str(folder),
        "LEASE": str(lease),
        **environment,
    }
    with running(command, directory=folder, ready=partial(listens, port), environment=given):
        yield Served(port)


@pytest.fixture(params=["", "1"], ids=["alone", "with middleware"])
def served(request: pytest.FixtureRequest, tmp_path: Path, redis_url: str) -> Iterator[Served]:
    with serving(tmp_path, SEEN=request.param, BACKOFFICE_REDIS_URL=redis_url) as served:
        yield served


def test_a_client_who_leaves_a_stream_gives_its_place_back_and_has_spent_what_it_got(
    served: Served,
) -> None:
    with closing(served.begin("/stream")) as client:
        assert b"word" in client.recv(4096) + client.recv(4096)
        assert served.get("/place").status_code == 429
        assert served.left() == 600
    # Sooner than the lease would end by itself.
    assert served.taken_within(15)
    assert served.left() in (949, 950)


def test_a_websocket_whose_client_is_gone_gives_its_place_back(served: Served) -> None:
    with closing(served.begin("/live", HANDSHAKE)) as client:
        assert b"101" in client.recv(4096)
        assert served.get("/place").status_code == 429
    assert served.taken_within(15)


def test_a_place_is_renewed_as_long_as_its_request_lasts(tmp_path: Path, redis_url: str) -> None:
    with (
        serving(tmp_path, lease=10, BACKOFFICE_REDIS_URL=redis_url) as served,
        closing(served.begin("/hang")),
    ):
        served.await_left(600)
        assert not served.taken_within(13)


def test_whoever_leaves_before_the_answer_has_guessed_all_the_same(served: Served) -> None:
    for _ in range(2):
        with closing(served.begin("/guess")):
            time.sleep(0.05)
    served.await_left(0, "/guesses")
    assert served.get("/guess").status_code == 429


def test_what_a_killed_worker_held_comes_back_and_what_it_reserved_is_spent(
    tmp_path: Path, redis_url: str
) -> None:
    with serving(tmp_path, lease=4, BACKOFFICE_REDIS_URL=redis_url) as other:
        one = tmp_path / "one"
        one.mkdir()
        with serving(one, lease=4, BACKOFFICE_REDIS_URL=redis_url) as killed:
            with closing(killed.begin("/hang")):
                other.await_left(600)
                assert other.get("/place").status_code == 429
                os.kill(killed.get("/pid").json(), signal.SIGKILL)
                assert other.taken_within(PATIENCE)
            assert other.left() == 600
