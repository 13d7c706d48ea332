"""The way to one server: a queue, and two connections that carry what waits in batches."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from redis.exceptions import (
    AskError,
    ClusterDownError,
    InvalidResponse,
    MovedError,
    ReadOnlyError,
    TryAgainError,
)

from backoffice.ratelimit.breaker import Breaker, unavailable
from backoffice.ratelimit.exchange import (
    Connection,
    Parcel,
    Request,
    Script,
    ask,
    asking,
    parcel,
)
from backoffice.ratelimit.links import Link

CONNECTIONS = 2
LARGEST_BATCH = 200
#: About what they carry within the deadline.
LONGEST_QUEUE = 20 * LARGEST_BATCH

#: Seconds that the probe gives a connection: it may need TLS, and nobody waits for it.
PATIENCE = 1.0
#: By these replies a server says that it is not the one to ask, as after a failover.
AWAY = (ReadOnlyError, ClusterDownError)
#: By these, one of a Cluster says that the slot has moved, or is being moved; nothing ran.
ELSEWHERE = (MovedError, AskError, TryAgainError)


class Line:
    """Carries requests to the server that `connect` connects to.

    What waits longer than `timeout` seconds is Unavailable, and so is everything after it until
    the server answers again.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        script: Script,
        timeout: float,
        *,
        on_away: Callable[[], None] = lambda: None,
        on_moved: Callable[[Sequence[Request], Exception], None] | None = None,
    ) -> None:
        self.timeout = timeout
        self.script = script
        self.breaker = Breaker(self._probe)
        self._connect = connect
        self._on_away = on_away
        self._on_moved = on_moved
        self._queue: deque[Request] = deque()
        self._links: set[Link] = set()
        self._idle: list[asyncio.Future[None]] = []
        self._called = False
        self._closed = False
        self._spare: Connection | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, request: Request) -> None:
        """Have it carried with the next batch; raises Unavailable when that cannot be."""
        if self.breaker.error is not None:
            raise unavailable(self.breaker.error)
        if self._closed or len(self._queue) >= LONGEST_QUEUE:
            raise unavailable()
        self._queue.append(request)
        if not self._called:
            self._call()

    async def open(self) -> None:
        """Connect ahead of the first request; where that fails, the breaker is open from then."""
        try:
            await self._probe()
        except Exception as error:  # noqa: BLE001 - the log says what it is, and the app starts
            self.breaker.open(error)

    async def close(self) -> None:
        """End what is under way, and disconnect."""
        self._closed = True
        await self.breaker.stop()
        for link in self._links:
            fail(link.batch, ConnectionError("closed"))
        fail(self._queue, ConnectionError("closed"))
        self._queue.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._spare is not None:
            await self._spare.disconnect(nowait=True)

    def _call(self) -> None:
        """Have one more connection come for what waits: at the next turn of the loop."""
        if self._idle:
            self._idle.pop().set_result(None)
        elif len(self._links) < CONNECTIONS:
            self._open_link()
        else:
            return
        self._called = True

    def _open_link(self) -> None:
        link = Link(self)
        self._links.add(link)
        link.task = asyncio.create_task(link.run())
        self._tasks.add(link.task)
        link.task.add_done_callback(lambda task: self._link_ended(link, task))

    def _link_ended(self, link: Link, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._links.discard(link)
        # In case it was the one that had been called.
        self._called = False
        if self._queue:
            self._call()

    # What a link asks for.

    async def take(self) -> list[Request]:
        """Wait for requests, and take as many as one batch may hold."""
        while True:
            self._called = False
            if batch := self._next_batch():
                return batch
            waiter = asyncio.get_running_loop().create_future()
            self._idle.append(waiter)
            await waiter

    def _next_batch(self) -> list[Request]:
        taken = [self._queue.popleft() for _ in range(min(len(self._queue), LARGEST_BATCH))]
        if self._queue:
            self._call()
        # Whoever was cancelled meanwhile is not charged.
        return [request for request in taken if not request.reply.done()]

    async def connected(self) -> Connection:
        """A new connection, or that by which the probe found that the server is back."""
        if self._spare is not None:
            connection, self._spare = self._spare, None
            return connection
        return await self._connect()

    def parcels(self, batch: Sequence[Request]) -> list[Parcel]:
        """The batch as commands."""
        checks: dict[int, list[Request]] = {}
        others: list[Parcel] = []
        for request in batch:
            if request.asking:
                others += asking(request, self.script)
            elif request.command:
                others.append(Parcel(request.command, [request]))
            elif request.alone:
                others.append(parcel([request], self.script))
            else:
                checks.setdefault(request.slot, []).append(request)
        return [parcel(some, self.script) for some in checks.values()] + others

    def answered(self, parcels: Sequence[Parcel], replies: Sequence[Any]) -> None:
        """Give everyone theirs; raises that reply by which the server says to ask elsewhere."""
        away: Exception | None = None
        for each, reply in zip(parcels, replies, strict=True):
            if _is_away(reply):
                away = reply
            elif isinstance(reply, ELSEWHERE) and self._on_moved is not None:
                self._on_moved(each.requests, reply)
            elif isinstance(reply, Exception):
                self.breaker.refused(reply)
                fail(each.requests, reply)
            elif each.requests:  # none waits for the reply to ASKING
                self._hand_over(each, reply)
        if away is not None:
            raise away

    def _hand_over(self, parcel: Parcel, reply: Any) -> None:
        entries = reply if parcel.is_script else [reply]
        if len(entries) != len(parcel.requests):
            raise InvalidResponse(f"{len(entries)} entries for {len(parcel.requests)} requests")
        for request, entry in zip(parcel.requests, entries, strict=True):
            if not request.reply.done():
                request.reply.set_result(entry)
        self.breaker.answered()

    def failed(self, batch: Sequence[Request], error: BaseException) -> None:
        """The server does not answer: neither those of the batch nor those who wait."""
        self.breaker.open(error)
        fail(batch, error)
        fail(self._queue, error)
        self._queue.clear()
        self._on_away()

    def expired(self, link: Link) -> None:
        """The link's batch was not answered in time: it is given up, with its connection."""
        self._links.discard(link)
        self.failed(link.batch, TimeoutError(f"no answer within {self.timeout * 1000:g} ms"))
        link.task.cancel()

    async def _probe(self) -> None:
        try:
            connection = await self._answering_connection()
        except Exception:
            self._on_away()
            raise
        if self._spare is not None:
            await self._spare.disconnect(nowait=True)
        self._spare = connection

    async def _answering_connection(self) -> Connection:
        async with asyncio.timeout(PATIENCE):
            connection = await self._connect()
        try:
            async with asyncio.timeout(self.timeout):
                await ask(connection, "PING")
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        return connection


def _is_away(reply: Any) -> bool:
    # Redis 6 names an error within a script in the middle of its text.
    return isinstance(reply, AWAY) or (isinstance(reply, Exception) and "READONLY" in str(reply))


def fail(requests: Sequence[Request] | deque[Request], cause: BaseException) -> None:
    """Tell those who still wait that they were not checked."""
    for request in requests:
        if not request.reply.done():
            request.reply.set_exception(unavailable(cause))
