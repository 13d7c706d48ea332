"""A proxy that speaks TLS to browsers and plain HTTP to the app, and takes a prefix off."""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator

import trustme

from tests.services.process import free_port

_HEAD_LIMIT = 1_000_000


class Proxy:
    """`https://localhost:port{prefix}/x` is `http://127.0.0.1:upstream/x`, by the same host name.

    It says what it speaks by `X-Forwarded-Proto`, unless it is one of those that do not.
    """

    def __init__(self, upstream: int, prefix: str, *, tells: bool) -> None:
        self._upstream = upstream
        self._prefix = prefix.encode()
        self._tells = tells
        self.port = free_port()
        self.url = f"https://localhost:{self.port}{prefix}"

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, after which the connection ends."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            there, to = await asyncio.open_connection("127.0.0.1", self._upstream)
            to.write(self._passed_on(head))
            onwards = asyncio.create_task(_copied(reader, to))
            await _copied(there, writer)
            onwards.cancel()
            to.close()
        writer.close()

    def _passed_on(self, head: bytes) -> bytes:
        first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        kept = [each for each in lines if not each.lower().startswith(b"connection:")]
        told = [b"X-Forwarded-Proto: https"] if self._tells else []
        first = first.replace(b" " + self._prefix, b" ", 1)
        return b"\r\n".join([first, *kept, *told, b"Connection: close", b"", b""])


async def _copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while part := await reader.read(65_536):
            writer.write(part)
            await writer.drain()


@contextlib.contextmanager
def tls_proxy(upstream: int, prefix: str, *, tells: bool = True) -> Iterator[Proxy]:
    """A running proxy, in a thread of this process; its certificate is nobody's."""
    proxy = Proxy(upstream, prefix, tells=tells)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    loop = asyncio.new_event_loop()
    started = threading.Event()

    async def serve() -> None:
        server = await asyncio.start_server(
            proxy.answer, "127.0.0.1", proxy.port, ssl=context, limit=_HEAD_LIMIT
        )
        async with server:
            started.set()
            await stopped.wait()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    stopped = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    started.wait(60)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join()
        loop.close()
