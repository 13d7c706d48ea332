"""The way to Redis: requests of one script travel together, each within its deadline."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from redis.crc import key_slot

from backoffice.ratelimit.cluster import ClusterLines
from backoffice.ratelimit.exchange import Request, Script
from backoffice.ratelimit.lines import Line
from backoffice.ratelimit.redis_urls import ClusterAddress, SentinelAddress, read
from backoffice.ratelimit.sentinels import Sentinels


class Wire:
    """Asks `script`, whose SHA-1 is `digest`, in the Redis at `url`.

    KEYS and ARGV of the script are those of one or more requests, one after the other; it replies
    a list with an entry for each. An answer that takes more than `timeout` seconds is Unavailable;
    it is not asked for again, for the script may have run. Raises SetupError for an address that
    is none.
    """

    def __init__(self, url: str, script: str, digest: str, *, timeout: float = 0.05) -> None:
        self._way = _way(url, Script(script, digest), timeout)

    @property
    def is_cluster(self) -> bool:
        """Whether keys with different tags are in different places."""
        return isinstance(self._way, ClusterLines)

    async def open(self) -> None:
        """Connect ahead of the first request, which would have to do it within its deadline.

        What fails is logged: an app starts without its Redis, but says at once what is wrong.
        """
        await self._way.open()

    async def ask(self, keys: Sequence[str], arguments: Sequence[str | int]) -> list[int]:
        """The script's entry for this request; raises Unavailable when none comes in time.

        In a Cluster all keys have the same tag.
        """
        return await self.asked(keys, arguments)

    def asked(
        self, keys: Sequence[str], arguments: Sequence[str | int]
    ) -> asyncio.Future[list[int]]:
        """The same, sent already: requests that wait by the hundred do so in one object less."""
        reply: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        self._way.send(Request(keys, arguments, reply))
        return reply

    async def command(self, *words: str | bytes | int, key: str) -> Any:
        """The reply to any other command, from where `key` is; raises Unavailable as `ask` does."""
        return await _reply(self._way, words, key)

    async def ping(self) -> None:
        """Raise Unavailable, from what is wrong, when a server does not answer."""
        lines = await self._way.lines() if isinstance(self._way, ClusterLines) else [self._way]
        await asyncio.gather(*(_reply(line, ("PING",)) for line in lines))

    async def reset(self, keys: Sequence[str]) -> int:
        """Remove these keys; how many there were."""
        together: defaultdict[int, list[str]] = defaultdict(list)
        for key in keys:
            together[key_slot(key.encode()) if self.is_cluster else 0].append(key)
        counts = await asyncio.gather(
            *(self.command("UNLINK", *some, key=some[0]) for some in together.values())
        )
        return sum(counts)

    async def close(self) -> None:
        """Disconnect; whoever still waits is told Unavailable."""
        await self._way.close()


def _way(url: str, script: Script, seconds: float) -> Line | ClusterLines:
    address = read(url)
    if isinstance(address, ClusterAddress):
        return ClusterLines(address, script, seconds)
    if isinstance(address, SentinelAddress):
        return Line(Sentinels(address).connect, script, seconds)
    return Line(address.connect, script, seconds)


async def _reply(
    way: Line | ClusterLines, words: Sequence[str | bytes | int], key: str = ""
) -> Any:
    reply = asyncio.get_running_loop().create_future()
    way.send(Request((key,), (), reply, command=words))
    return await reply
