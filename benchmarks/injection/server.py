"""The same apps behind uvicorn, each in a process of its own."""

import asyncio
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection

import uvicorn

from benchmarks.injection.contestants import CONTESTANTS
from benchmarks.injection.values import Factory

CLIENTS, WARM_UP = 16, 320
REQUEST, END = b"GET / HTTP/1.1\r\nhost: shop\r\n\r\n", b'{"v":1}'


class Server:
    """A uvicorn that serves one contestant, in a process of its own."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._port: int = pipe.recv()

    def seconds(self) -> float:
        """The CPU time that the process has taken so far."""
        self._pipe.send(True)
        found: float = self._pipe.recv()
        return found

    async def answer(self, requests: int) -> None:
        """That many requests, through several clients that keep their connections."""
        await asyncio.gather(*[self._client(requests // CLIENTS) for _ in range(CLIENTS)])

    async def _client(self, requests: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        for _ in range(requests):
            writer.write(REQUEST)
            await reader.readuntil(END)
        writer.close()
        await writer.wait_closed()


@contextmanager
def serving(name: str) -> Iterator[Server]:
    """Contestant `name`, served."""
    processes = get_context("spawn")
    ours, its = processes.Pipe()
    process = processes.Process(target=_serve, args=(name, its), daemon=True)
    process.start()
    try:
        yield Server(ours)
        ours.send(False)
        process.join()
    finally:
        process.kill()


def _serve(name: str, pipe: Connection) -> None:
    listening = socket.create_server(("127.0.0.1", 0), backlog=CLIENTS)
    app = CONTESTANTS[name].app(Factory())
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    threading.Thread(target=_tell, args=(server, pipe), daemon=True).start()
    pipe.send(listening.getsockname()[1])
    server.run(sockets=[listening])


def _tell(server: uvicorn.Server, pipe: Connection) -> None:
    while pipe.recv():
        pipe.send(time.process_time())
    server.should_exit = True


async def cost(rounds: int, requests: int) -> dict[str, list[float]]:
    """CPU microseconds that each server takes for a request, one figure a round."""
    with ExitStack() as stack:
        servers = {name: stack.enter_context(serving(name)) for name in CONTESTANTS}
        for server in servers.values():
            await server.answer(WARM_UP)
        found: dict[str, list[float]] = {name: [] for name in servers}
        for _ in range(rounds):
            for name in random.sample(list(servers), len(servers)):
                started = servers[name].seconds()
                await servers[name].answer(requests)
                found[name].append((servers[name].seconds() - started) / requests * 1e6)
    return found
