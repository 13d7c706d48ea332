"""A uvicorn (uvloop, httptools) for each app, in a process of its own, and clients for it."""

import asyncio
import gc
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection

import uvicorn

from benchmarks.limiting.apps import Contestant, Made

CLIENTS, PATIENCE, WARM_UP = 50, 60.0, 20
REQUEST = b"GET /quote HTTP/1.1\r\nHost: shop\r\n\r\n"


class Client(asyncio.Protocol):
    """Asks again as soon as it has its answer, so many times."""

    def __init__(self, requests: int) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.statuses: Counter[int] = Counter()
        self.head = b""
        self._left = requests
        self._received = b""
        self._transport: asyncio.Transport

    # Not of asyncio's class where the loop is uvloop's.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if end and len(body) == int(head.lower().partition(b"content-length: ")[2].split()[0]):
            self._answered(head)

    def _answered(self, head: bytes) -> None:
        self.head, self._received = head, b""
        self.statuses[int(head.split(maxsplit=2)[1])] += 1
        self._left -= 1
        if self._left:
            self._transport.write(REQUEST)
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


class Server:
    """An app that is served, and what a request costs its process."""

    def __init__(self, name: str, contestant: Contestant, pipe: Connection) -> None:
        self._name = name
        self._contestant = contestant
        self._pipe = pipe
        self._port: int = pipe.recv()

    async def warm_up(self) -> None:
        """Ask until it answers as it is to, and see to it that it does."""
        async with asyncio.timeout(PATIENCE):
            client = await self._asked(WARM_UP)
        answer = client.head.lower()
        fields = b"ratelimit:" in answer and b"ratelimit-policy:" in answer
        if not client.statuses[self._contestant.status] or fields is not self._contestant.fields:
            raise SystemExit(f"{self._name} answered {client.head.decode()}")

    async def cost(self, requests: int) -> float:
        """CPU microseconds of the process for one of so many requests, by all clients together."""
        began, each = self._seconds(), requests // CLIENTS
        async with asyncio.timeout(PATIENCE):
            clients = await asyncio.gather(*(self._asked(each) for _ in range(CLIENTS)))
        statuses = sum((client.statuses for client in clients), Counter())
        if statuses != Counter({self._contestant.status: each * CLIENTS}):
            raise SystemExit(f"{self._name} answered {statuses}")
        return (self._seconds() - began) / (each * CLIENTS) * 1e6

    def _seconds(self) -> float:
        self._pipe.send(True)
        found: float = self._pipe.recv()
        return found

    async def _asked(self, requests: int) -> Client:
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(lambda: Client(requests), "127.0.0.1", self._port)
        await client.done
        return client


@contextmanager
def serving(
    contestants: Mapping[str, Contestant], url: str, freeze: bool = False
) -> Iterator[dict[str, Server]]:
    """All contestants, served; they may count in the Redis at `url`."""
    with ExitStack() as stack:
        # All start at once, as each imports much.
        pipes = {
            name: stack.enter_context(_started(each, url, freeze))
            for name, each in contestants.items()
        }
        for name, pipe in pipes.items():
            if not pipe.poll(PATIENCE):
                raise SystemExit(f"{name} did not start")
        yield {name: Server(name, each, pipes[name]) for name, each in contestants.items()}


@contextmanager
def _started(contestant: Contestant, url: str, freeze: bool) -> Iterator[Connection]:
    processes = get_context("spawn")
    here, there = processes.Pipe()
    process = processes.Process(
        target=_serve, args=(contestant.made, url, freeze, there), daemon=True
    )
    process.start()
    try:
        yield here
        here.send(False)
        process.join(PATIENCE)
    finally:
        process.kill()


def _serve(made: Made, url: str, freeze: bool, pipe: Connection) -> None:
    listening = socket.create_server(("127.0.0.1", 0), backlog=2 * CLIENTS)
    config = uvicorn.Config(
        made(url), loop="uvloop", http="httptools", log_level="warning", access_log=False
    )
    server = uvicorn.Server(config)
    if freeze:
        gc.collect()
        gc.freeze()
    threading.Thread(target=_tell, args=(server, pipe), daemon=True).start()
    pipe.send(listening.getsockname()[1])
    server.run(sockets=[listening])


def _tell(server: uvicorn.Server, pipe: Connection) -> None:
    while pipe.recv():
        pipe.send(time.process_time())
    server.should_exit = True
