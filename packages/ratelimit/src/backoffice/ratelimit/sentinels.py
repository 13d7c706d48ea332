"""The primary that Sentinel names: asked at each new connection, so that a failover is followed."""

import asyncio

from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import RedisError, ResponseError

from backoffice.ratelimit.exchange import Connection, ask
from backoffice.ratelimit.redis_urls import SentinelAddress, Server

#: Seconds for each Sentinel: one that hangs leaves time for the next.
ONE_SENTINEL = 0.25


class Sentinels:
    """Connects to the primary of the moment."""

    def __init__(self, address: SentinelAddress) -> None:
        self._address = address
        self._sentinels = list(address.sentinels)

    async def connect(self) -> Connection:
        """A new connection to the primary."""
        host, port = await self._primary()
        connection = await self._address.server.at(host, port).connect()
        try:
            await _must_be_primary(connection)
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        return connection

    async def _primary(self) -> tuple[str, int]:
        said: RedisError | OSError | None = None
        for sentinel in [*self._sentinels]:
            try:
                async with asyncio.timeout(ONE_SENTINEL):
                    place = await self._asked(sentinel)
            except (RedisError, OSError) as error:
                said = error
            else:
                if place is not None:
                    return place
            # The last to be asked next time, also when the time was too short for this one's turn.
            self._sentinels.append(self._sentinels.pop(0))
        if said is None:
            raise NoConnection(f"Sentinel watches no primary named {self._address.primary!r}")
        raise said

    async def _asked(self, sentinel: Server) -> tuple[str, int] | None:
        connection = await sentinel.connect()
        try:
            place = await ask(
                connection, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._address.primary
            )
        finally:
            await connection.disconnect(nowait=True)
        return place and (place[0].decode(), int(place[1]))


async def _must_be_primary(connection: Connection) -> None:
    """After a failover Sentinel may name the old one for a while."""
    try:
        role = await ask(connection, "ROLE")
    except ResponseError:
        return  # not allowed to ask: the first write tells
    if role[0] != b"master":
        raise NoConnection("the server that Sentinel names is not a primary yet")
