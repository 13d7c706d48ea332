"""The way to a Cluster: a line to each primary, and the map that says which holds a slot."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import AskError, MovedError
from redis.exceptions import ConnectionError as NoConnection

from backoffice.core import Unavailable
from backoffice.ratelimit.breaker import Breaker, unavailable
from backoffice.ratelimit.exchange import Request, Script, ask
from backoffice.ratelimit.lines import LONGEST_QUEUE, PATIENCE, Line, fail
from backoffice.ratelimit.redis_urls import ClusterAddress, Server

#: Seconds for each server that is asked for the map: one that hangs leaves time for the next.
ONE_SERVER = 0.25


class ClusterLines:
    """Sends each request to the primary that holds its slot, and follows slots that move."""

    def __init__(self, address: ClusterAddress, script: Script, timeout: float) -> None:
        self._seeds = address.seeds
        self._script = script
        self._timeout = timeout
        self._lines: dict[tuple[str, int], Line] = {}
        self._slots: list[Line | None] = []
        self._waiting: list[Request] = []
        #: Open while no server at all says where the slots are.
        self._breaker = Breaker(self._survey)
        self._surveying: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False

    def send(self, request: Request) -> None:
        """Have it carried to where its first key is; raises Unavailable when that cannot be."""
        if self._closed or self._breaker.error is not None:
            raise unavailable(self._breaker.error)
        if not self._slots:
            self._wait(request)
            return
        request.slot = key_slot(request.keys[0].encode())
        line = self._slots[request.slot]
        if line is None:
            self._survey_soon()
            raise unavailable(NoConnection(f"no server holds slot {request.slot}"))
        line.send(request)

    async def lines(self) -> list[Line]:
        """The lines to all primaries; raises Unavailable when none is known."""
        if not self._slots:
            waiting = Request(("",), (), asyncio.get_running_loop().create_future(), ("PING",))
            self.send(waiting)
            await waiting.reply
        return [*self._lines.values()]

    async def open(self) -> None:
        """Draw the map, and connect to every primary, ahead of the first request."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._survey()
        except Exception as error:  # noqa: BLE001 - the log says what it is, and the app starts
            self._breaker.open(error)
        await asyncio.gather(*(line.open() for line in self._lines.values()))

    async def close(self) -> None:
        """End what is under way, and disconnect."""
        self._closed = True
        await self._breaker.stop()
        if self._surveying is not None:
            self._surveying.cancel()
            await asyncio.gather(self._surveying, return_exceptions=True)
        self._fail_waiting(NoConnection("closed"))
        await asyncio.gather(*(line.close() for line in self._lines.values()), *self._ending)

    def _wait(self, request: Request) -> None:
        """For the first map."""
        if len(self._waiting) >= LONGEST_QUEUE:
            raise unavailable()
        self._waiting.append(request)
        self._survey_soon()

    def _survey_soon(self) -> None:
        if self._surveying is None and not self._closed:
            self._surveying = asyncio.create_task(self._survey_once())

    async def _survey_once(self) -> None:
        try:
            # Only at the first one does somebody wait.
            async with asyncio.timeout(None if self._slots else self._timeout):
                await self._survey()
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of anything
            if not self._slots:
                self._breaker.open(error)
            self._fail_waiting(error)
        finally:
            self._surveying = None

    def _fail_waiting(self, error: BaseException) -> None:
        waiting, self._waiting = self._waiting, []
        fail(waiting, error)

    async def _survey(self) -> None:
        """Draw the map anew, as the first server says that answers."""
        said: BaseException = NoConnection("no server of the Cluster is known")
        for server in self._whom_to_ask():
            try:
                async with asyncio.timeout(ONE_SERVER):
                    ranges = await _slots(server)
            except Exception as error:  # noqa: BLE001 - the next one may know better
                said = error
            else:
                self._draw(ranges)
                self._send_waiting()
                return
        raise said

    def _whom_to_ask(self) -> Iterable[Server]:
        known = [self._seeds[0].at(*place) for place in self._answering()]
        return [*known, *self._seeds]

    def _answering(self) -> list[tuple[str, int]]:
        return [place for place, line in self._lines.items() if line.breaker.error is None]

    def _draw(self, ranges: Sequence[tuple[int, int, str, int]]) -> None:
        slots: list[Line | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        places = {(host, port) for _, _, host, port in ranges}
        for first, last, host, port in ranges:
            slots[first : last + 1] = [self._line(host, port)] * (last + 1 - first)
        self._slots = slots
        for place in self._lines.keys() - places:
            self._end(self._lines.pop(place))

    def _line(self, host: str, port: int) -> Line:
        if (host, port) not in self._lines:
            self._lines[host, port] = Line(
                self._seeds[0].at(host, port).connect,
                self._script,
                self._timeout,
                on_away=self._survey_soon,
                on_moved=self._elsewhere,
            )
        return self._lines[host, port]

    def _end(self, line: Line) -> None:
        ending = asyncio.create_task(line.close())
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    def _send_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        _send_again(waiting, self.send)

    def _elsewhere(self, requests: Sequence[Request], error: Exception) -> None:
        """Nothing ran there: each goes on to where its slot is, or where it is being moved to."""
        if isinstance(error, MovedError):
            self._moved(requests, error)
        elif isinstance(error, AskError):
            fail([each for each in requests if each.asking], error)
            self._asking([each for each in requests if not each.asking], error)
        else:
            # Of their keys some are here, and others there already: each by itself may have one.
            fail([each for each in requests if each.alone], error)
            self._alone([each for each in requests if not each.alone])

    def _asking(self, requests: Sequence[Request], error: AskError) -> None:
        for each in requests:
            each.asking = True
        _send_again(requests, self._line(error.host, error.port).send)

    def _alone(self, requests: Sequence[Request]) -> None:
        for each in requests:
            each.alone = True
        _send_again(requests, self.send)

    def _moved(self, requests: Sequence[Request], error: MovedError) -> None:
        """The request goes on to where the slot is now, once."""
        self._slots[error.slot_id] = self._line(error.host, error.port)
        self._survey_soon()
        fail([request for request in requests if request.redirected], error)
        again = [request for request in requests if not request.redirected]
        for request in again:
            request.redirected = True
        _send_again(again, self.send)


def _send_again(requests: Sequence[Request], send: Callable[[Request], None]) -> None:
    for request in requests:
        try:
            send(request)
        except Unavailable as error:
            if not request.reply.done():
                request.reply.set_exception(error)


async def _slots(server: Server) -> list[tuple[int, int, str, int]]:
    """First and last slot of each range, host and port of its primary."""
    connection = await server.connect()
    try:
        ranges: list[Any] = await ask(connection, "CLUSTER", "SLOTS")
    finally:
        await connection.disconnect(nowait=True)
    if not ranges:
        raise NoConnection("the Cluster has no slots yet")
    asked = server.place[0]
    # No host: the one that was asked.
    return [
        (first, last, host.decode() if host else asked, port)
        for first, last, (host, port, *_), *_ in ranges
    ]
