"""What goes to Redis and comes back: requests, brought into commands, over one connection."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, NamedTuple, Protocol

from redis.asyncio.connection import Connection as TCPConnection
from redis.exceptions import NoScriptError, ResponseError

Command = Sequence[str | bytes | int]


class Script(NamedTuple):
    """A script in Lua, and the SHA-1 by which Redis knows it."""

    text: str
    digest: str


class Connection(Protocol):
    """What is used of a connection of redis-py."""

    async def connect(self) -> None:
        """Connect, sign in and select the database."""

    async def disconnect(self, nowait: bool = False) -> None:
        """Close it."""

    async def can_read(self) -> bool:
        """Whether there is something to read already: a reply, or the end."""

    async def send_packed_command(self, command: bytes, check_health: bool = True) -> None:
        """Send what `pack` made."""

    # Any: redis-py leaves its replies untyped.
    async def read_response(self, *, disconnect_on_error: bool = True) -> Any:
        """Wait for one reply; raises what Redis answers as an error."""


@dataclass(slots=True, eq=False)
class Request:
    """One that waits for its reply: a request of the script, or with `command` any other."""

    keys: Sequence[str]
    arguments: Sequence[str | int]
    reply: asyncio.Future[Any]
    command: Command = ()
    #: Of a Cluster; those of one slot are one command.
    slot: int = 0
    redirected: bool = False
    #: Sent in a command of its own, as its slot is being moved; by `asking`, to the new server.
    alone: bool = False
    asking: bool = False
    arrived: float = field(default_factory=monotonic)


@dataclass(slots=True, eq=False)
class Parcel:
    """A command, and the requests that its reply answers; of the script's, entry by entry."""

    command: Command
    requests: Sequence[Request]

    @property
    def is_script(self) -> bool:
        """Whether each request gets an entry of the reply."""
        return self.command[0] in ("EVALSHA", "EVAL")


def asking(request: Request, script: Script) -> list[Parcel]:
    """The request as commands to a server that is being given its slot, and takes it if asked."""
    sent = Parcel(request.command, [request]) if request.command else parcel([request], script)
    if sent.is_script:
        # To bring it along afterwards would need to ask again.
        sent.command = ("EVAL", script.text, *sent.command[2:])
    return [Parcel(("ASKING",), ()), sent]


def parcel(requests: Sequence[Request], script: Script) -> Parcel:
    """The script's requests as one command: their keys and arguments one after the other."""
    keys: list[str] = []
    arguments: list[str | int] = []
    for request in requests:
        keys += request.keys
        arguments += request.arguments
    return Parcel(("EVALSHA", script.digest, len(keys), *keys, *arguments), requests)


async def deliver(connection: Connection, parcels: Sequence[Parcel], script: Script) -> list[Any]:
    """Send all at once; their replies, with errors of Redis among them."""
    replies = await exchange(connection, [each.command for each in parcels])
    lost = [at for at, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
    if lost:
        # Redis was restarted or its scripts flushed: nothing ran, and EVAL brings it along.
        again = [parcels[at].command for at in lost]
        again[0] = ("EVAL", script.text, *again[0][2:])
        for at, reply in zip(lost, await exchange(connection, again), strict=True):
            replies[at] = reply
    return replies


async def exchange(connection: Connection, commands: Sequence[Command]) -> list[Any]:
    """Send commands in one go, and read a reply or an error of Redis for each."""
    packed = b"".join(map(pack, commands))
    await connection.send_packed_command(packed, check_health=False)
    return [await _read(connection) for _ in commands]


async def ask(connection: Connection, *command: str | bytes | int) -> Any:
    """The reply to one command; raises what Redis answers as an error."""
    await connection.send_packed_command(pack(command), check_health=False)
    return await connection.read_response(disconnect_on_error=False)


async def _read(connection: Connection) -> Any:
    try:
        return await connection.read_response(disconnect_on_error=False)
    except ResponseError as error:
        return error


def _packer() -> Callable[[Command], bytes]:
    try:
        from hiredis import pack_command
    except ModuleNotFoundError:
        connection = TCPConnection()
        return lambda command: b"".join(connection.pack_command(*command))
    return lambda command: pack_command(tuple(command))  # type: ignore[arg-type]  # any length


pack = _packer()
