"""The way to Redis: requests of one script travel together, each within its deadline."""

import asyncio
from collections.abc import Sequence
from typing import Any

from backoffice.ratelimit.exchange import Request, Script
from backoffice.ratelimit.lines import Line
from backoffice.ratelimit.redis_urls import read


class Wire:
    """Asks `script`, whose SHA-1 is `digest`, in the Redis at `url`.

    KEYS and ARGV of the script are those of one or more requests, one after the other; it replies
    a list with an entry for each. An answer that takes more than `timeout` seconds is Unavailable;
    it is not asked for again, for the script may have run.
    """

    def __init__(self, url: str, script: str, digest: str, *, timeout: float = 0.05) -> None:
        address = read(url)
        self._line = Line(address.connect, Script(script, digest), timeout)

    async def ask(self, keys: Sequence[str], arguments: Sequence[str | int]) -> list[int]:
        """The script's entry for this request; raises Unavailable when none comes in time."""
        reply = asyncio.get_running_loop().create_future()
        self._line.send(Request(keys, arguments, reply))
        entry: list[int] = await reply
        return entry

    async def command(self, *words: str | bytes | int) -> Any:
        """The reply to any other command; raises Unavailable as `ask` does."""
        reply = asyncio.get_running_loop().create_future()
        self._line.send(Request((), (), reply, command=words))
        return await reply

    async def ping(self) -> None:
        """Raise Unavailable, from what is wrong, when Redis does not answer."""
        await self.command("PING")

    async def reset(self, keys: Sequence[str]) -> int:
        """Remove these keys; how many there were."""
        if not keys:
            return 0
        return int(await self.command("UNLINK", *keys))

    async def close(self) -> None:
        """Disconnect; whoever still waits is told Unavailable."""
        await self._line.close()
