"""A Redis that hangs and dies at a test's word."""

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import urlsplit, urlunsplit

import anyio
import redis
from anyio.abc import SocketAttribute, SocketStream


class FallibleRedis:
    """A Redis of a test's own that can hang and die."""

    def __init__(self, url: str) -> None:
        self.url = url
        with redis.Redis.from_url(url) as client:
            self._process = int(client.info("server")["process_id"])

    @contextmanager
    def hung(self) -> Iterator[None]:
        """Accepts connections and never answers."""
        os.kill(self._process, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._process, signal.SIGCONT)

    def die(self) -> None:
        """Accepts nothing any more."""
        os.kill(self._process, signal.SIGKILL)


@asynccontextmanager
async def losing_answers(url: str, of: bytes) -> AsyncIterator[str]:
    """Stand before the Redis at `url`; cut the connection instead of answering that command."""
    address = urlsplit(url)

    async def serve(client: SocketStream) -> None:
        asked = b""

        async def answer() -> None:
            async for received in server:
                if of in asked:
                    break
                await client.send(received)
            tasks.cancel_scope.cancel()

        server = await anyio.connect_tcp(str(address.hostname), address.port or 0)
        async with client, server, anyio.create_task_group() as tasks:
            tasks.start_soon(answer)
            async for asked in client:
                await server.send(asked)
            tasks.cancel_scope.cancel()

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        yield urlunsplit(address._replace(netloc=f"127.0.0.1:{port}"))
        tasks.cancel_scope.cancel()
