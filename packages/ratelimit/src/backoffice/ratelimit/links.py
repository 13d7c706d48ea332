"""One connection of a line, and the task that drives it."""

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING

from backoffice.ratelimit.exchange import Connection, Request, deliver

if TYPE_CHECKING:
    from backoffice.ratelimit.lines import Line

#: Seconds after which a deadline that has passed is looked at once more, and turns of the loop
#: after that, in which what has arrived is handed over.
SECOND_LOOK, TURNS = 0.002, 2


class Link:
    """A connection and the task that drives it; nobody else reads or writes there.

    So that a caller who gives up leaves no reply behind that the next one would take for its own.
    """

    task: asyncio.Task[None]

    def __init__(self, line: "Line") -> None:
        self.batch: Sequence[Request] = ()
        self._line = line
        self._connection: Connection | None = None
        self._deadline = 0.0
        self._looks = 0
        self._timer: asyncio.Handle | None = None

    async def run(self) -> None:
        """Carry batches until cancelled."""
        try:
            while True:
                self._begin(await self._line.take())
                await self._carry()
                self.batch = ()
        finally:
            if self._timer is not None:
                self._timer.cancel()
            await self._disconnect()

    async def _carry(self) -> None:
        try:
            connection = await self._ready()
            parcels = self._line.parcels(self.batch)
            replies = await deliver(connection, parcels, self._line.script)
            self._line.answered(parcels, replies)
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of anything
            self._line.failed(self.batch, error)
            await self._disconnect()

    async def _ready(self) -> Connection:
        connection = self._connection
        # Closed by a restart or after an idle hour: nothing was sent, so that another may do it.
        # And a reply that nobody asked for would be taken for the next one's.
        if connection is None or await connection.can_read():
            await self._disconnect()
            connection = self._connection = await self._line.connected()
        return connection

    async def _disconnect(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.disconnect(nowait=True)

    def _begin(self, batch: Sequence[Request]) -> None:
        self.batch = batch
        self._deadline = batch[0].arrived + self._line.timeout
        self._looks = 0
        # One timer for many batches: it is moved when it fires, not at each of them.
        if self._timer is None:
            self._set_timer(self._deadline - monotonic())

    def _set_timer(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(max(seconds, 0), self._look)

    def _look(self) -> None:
        self._timer = None
        left = self._deadline - monotonic()
        if not self.batch:
            return
        if left > 0:
            self._set_timer(left)
        else:
            self._look_again(late=-left)

    def _look_again(self, late: float) -> None:
        # A busy loop has not read yet what may have arrived long ago, or has not even sent the
        # request: it gets the time again by which it was late.
        self._looks += 1
        if self._looks == 1:
            self._set_timer(min(max(late, SECOND_LOOK), self._line.timeout))
        elif self._looks <= 1 + TURNS:
            self._timer = asyncio.get_running_loop().call_soon(self._look)
        else:
            self._line.expired(self)
