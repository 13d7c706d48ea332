"""Ways to a Redis besides TCP without a password, and a client without hiredis."""

import asyncio
import contextlib
import hashlib
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import anyio.abc
import pytest
import trustme
from anyio.abc import SocketAttribute
from anyio.streams.tls import TLSListener

from backoffice.core import Unavailable
from backoffice.ratelimit.exchange import _packer, pack
from tests.ratelimit.echo import echo, keys
from tests.services.process import free_port
from tests.services.redis import redis_at

pytestmark = pytest.mark.anyio

PASSWORD = "p@ss w/rd"


async def answers(url: str) -> bool:
    async with echo(url) as wire:
        await wire.ping()
        replies = await asyncio.gather(*(wire.ask(keys(n), [n]) for n in range(300)))
    return replies == [[n, 1] for n in range(300)]


async def test_a_password_and_a_user() -> None:
    port = free_port()
    users = f'requirepass "{PASSWORD}"\nuser ada on "#{digest(PASSWORD)}" ~* +@all\n'
    with redis_at(port, users):
        assert await answers(f"redis://:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/1")
        assert await answers(f"redis://ada:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/2")


def digest(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()


async def test_a_socket(tmp_path: Path) -> None:
    socket = tmp_path / "redis.sock"
    with redis_at(free_port(), f"unixsocket {socket}\n"):
        assert await answers(f"unix://{socket}?db=1")


@asynccontextmanager
async def tls_before(redis_url: str, authority: trustme.CA) -> AsyncIterator[int]:
    """The port of a server that speaks TLS, as not every Redis can, and asks that Redis."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    address = urlsplit(redis_url)

    async def serve(client: anyio.abc.ByteStream) -> None:
        server = await anyio.connect_tcp(str(address.hostname), address.port or 0)
        async with client, server, anyio.create_task_group() as tasks:
            tasks.start_soon(copy, server, client)
            await copy(client, server)
            tasks.cancel_scope.cancel()

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(SocketAttribute.local_port)
    async with TLSListener(listener, context) as secure, anyio.create_task_group() as tasks:
        tasks.start_soon(secure.serve, serve)
        yield port
        tasks.cancel_scope.cancel()


async def copy(source: anyio.abc.ByteStream, target: anyio.abc.ByteStream) -> None:
    with contextlib.suppress(anyio.EndOfStream, anyio.BrokenResourceError):
        while True:
            await target.send(await source.receive())


async def test_tls(redis_url: str, tmp_path: Path) -> None:
    """And a server whose certificate is of another authority is not trusted."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    database = urlsplit(redis_url).path
    async with tls_before(redis_url, authority) as port:
        url = f"rediss://127.0.0.1:{port}{database}?ssl_ca_certs={tmp_path}"
        assert await answers(f"{url}/ca.pem")
        with pytest.raises(Unavailable) as refusal:
            await answers(f"{url}/other.pem")
        assert "CERTIFICATE_VERIFY_FAILED" in str(refusal.value.__cause__)


def test_without_hiredis_commands_are_packed_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    command = ("EVALSHA", "ä", 2, b"x" * 7000, -5, "", 2**53)
    monkeypatch.setitem(sys.modules, "hiredis", None)
    assert _packer()(command) == pack(command)
