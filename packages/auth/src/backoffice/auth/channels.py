"""The channels of one websocket, which may be ended from elsewhere than from its endpoint."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from backoffice.auth.tickets import SUBPROTOCOL

T = TypeVar("T")

#: How long a client that reads nothing may hold up the end; seconds.
CLOSING = 1.0
#: A reason has 123 bytes at most (RFC 6455, 5.5).
_REASON_BYTES = 123


def say_on_acceptance(websocket: WebSocket, headers: Mapping[str, str]) -> None:
    """Send these headers with the answer that accepts the websocket."""
    send = websocket._send
    added = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]

    async def sending(message: Message) -> None:
        if message["type"] == "websocket.accept":
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await send(message)

    websocket._send = sending


class _Ended(Exception):
    """The websocket was ended while its endpoint waited."""


class Channels:
    """What stands between a websocket and its server, as a middleware would.

    It holds neither the websocket nor its endpoint: when they are gone, so is this.
    """

    def __init__(self, websocket: WebSocket) -> None:
        #: Whether something may still be said.
        self.open = True
        self._subprotocols = websocket.scope.get("subprotocols") or ()
        self._accepted = False
        self._end: tuple[int, str] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._waiting: set[asyncio.Timeout] = set()
        self._from_server, self._to_server = websocket._receive, websocket._send
        websocket._receive, websocket._send = self.receive, self.send

    def end(self, code: int, reason: str) -> None:
        """Close it: for the endpoint it is as if the client had gone, with this code."""
        if self.open:
            self.open = False
            self._end = code, reason.encode()[:_REASON_BYTES].decode(errors="ignore")
            self._ending = asyncio.create_task(self._close())

    async def receive(self) -> Message:
        """What the client says; a disconnection, once it was ended."""
        if not self._accepted:
            return await self._from_server()
        message: Message = {"type": "websocket.disconnect"}
        with suppress(_Ended):
            message = await self._until_ended(self._from_server)
        if message["type"] == "websocket.disconnect":
            self.open = False
        if self._end is None:
            return message
        # What came in before the end and was not read by then is not read any more.
        code, reason = self._end
        return {"type": "websocket.disconnect", "code": code, "reason": reason}

    async def send(self, message: Message) -> None:
        """Say it to the client; WebSocketDisconnect, once it was ended."""
        kind = message["type"]
        if self._end is not None:
            await self._send_after_end(message)
            return
        if kind == "websocket.accept":
            message = self._with_subprotocol(message)
        try:
            await self._until_ended(self._to_server, message)
        except _Ended:
            raise self._disconnect() from None
        self._accepted = self._accepted or kind == "websocket.accept"
        self.open = self.open and kind in ("websocket.accept", "websocket.send")

    async def _close(self) -> None:
        # First the client: an endpoint that returns would end the connection without a word.
        if self._accepted and self._end is not None:
            code, reason = self._end
            with suppress(Exception):
                async with asyncio.timeout(CLOSING):
                    await self._to_server(
                        {"type": "websocket.close", "code": code, "reason": reason}
                    )
        for each in self._waiting:
            each.reschedule(asyncio.get_running_loop().time())

    async def _send_after_end(self, message: Message) -> None:
        kind = message["type"]
        if self._accepted:
            if kind != "websocket.close":
                raise self._disconnect()
        elif kind == "websocket.accept":
            await self._to_server({"type": "websocket.close", "code": self._disconnect().code})
            raise self._disconnect()
        else:
            await self._to_server(message)  # the endpoint refuses it by itself

    def _disconnect(self) -> WebSocketDisconnect:
        return WebSocketDisconnect(*(self._end or ()))

    async def _until_ended(self, work: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        if self._end is not None:
            raise _Ended
        try:
            async with asyncio.timeout(None) as waiting:
                self._waiting.add(waiting)
                try:
                    return await work(*arguments)
                finally:
                    self._waiting.discard(waiting)
        except TimeoutError:
            if waiting.expired():
                raise _Ended from None
            raise

    def _with_subprotocol(self, message: Message) -> Message:
        """A browser hangs up where none of the subprotocols that it offers is accepted."""
        if message.get("subprotocol") is None and SUBPROTOCOL in self._subprotocols:
            return {**message, "subprotocol": SUBPROTOCOL}
        return message
