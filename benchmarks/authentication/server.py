"""Each contestant behind uvicorn, in a process of its own, and the clients that keep it busy."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import uvicorn

from benchmarks.authentication.contestants import Contestant

CLIENTS, PATIENCE = 16, 30.0
END = b'{"v":1}'


class Server:
    """A uvicorn (uvloop, httptools) that serves one contestant."""

    def __init__(self, contestant: Contestant, pipe: Connection) -> None:
        self._pipe = pipe
        self._port: int = pipe.recv()
        headers = [(b"host", b"shop"), *contestant.headers]
        lines = [b"GET " + contestant.path.encode() + b" HTTP/1.1"]
        lines += [name + b": " + value for name, value in headers]
        self._request = b"\r\n".join([*lines, b"", b""])

    def seconds(self) -> float:
        """The CPU time that the process, with its threads, has taken so far."""
        self._pipe.send(True)
        found: float = self._pipe.recv()
        return found

    async def cost(self, seconds: float) -> float:
        """CPU microseconds for a request, while all clients ask for that long."""
        began = self.seconds()
        until = time.monotonic() + seconds
        answered = await asyncio.gather(*[self._client(until) for _ in range(CLIENTS)])
        return (self.seconds() - began) / sum(answered) * 1e6

    async def _client(self, until: float) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        answered = 0
        while time.monotonic() < until:
            writer.write(self._request)
            await _answered(reader)
            answered += 1
        writer.close()
        await writer.wait_closed()
        return answered


async def _answered(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"a contestant answered {head.decode()}")
    await reader.readuntil(END)


@contextmanager
def serving(contestant: Contestant) -> Iterator[Server]:
    """The contestant, served."""
    processes = get_context("spawn")
    here, there = processes.Pipe()
    process = processes.Process(target=_serve, args=(contestant.app, there), daemon=True)
    process.start()
    try:
        if not here.poll(PATIENCE):
            raise SystemExit(f"{contestant.app.__name__} did not start")
        yield Server(contestant, here)
        here.send(False)
        process.join(PATIENCE)
    finally:
        process.kill()


def _serve(app: Any, pipe: Connection) -> None:
    listening = socket.create_server(("127.0.0.1", 0), backlog=CLIENTS)
    config = uvicorn.Config(
        app(), loop="uvloop", http="httptools", log_level="warning", access_log=False
    )
    server = uvicorn.Server(config)
    threading.Thread(target=_tell, args=(server, pipe), daemon=True).start()
    pipe.send(listening.getsockname()[1])
    server.run(sockets=[listening])


def _tell(server: uvicorn.Server, pipe: Connection) -> None:
    while pipe.recv():
        pipe.send(time.process_time())
    server.should_exit = True
