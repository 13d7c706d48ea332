"""A script that counts and says whom it answers, so that a test sees whose reply it got."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from backoffice.ratelimit.wire import Wire

#: Per request a key, and in ARGV a number to repeat; it replies that number and the key's count.
SCRIPT = """
local replies = {}
for at, key in ipairs(KEYS) do
  replies[at] = {tonumber(ARGV[at]), redis.call('INCR', key)}
end
return replies
"""
DIGEST = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()


@asynccontextmanager
async def echo(url: str, patience: float = 5) -> AsyncIterator[Wire]:
    """A wire with that script; patient, for the machine may be busy with something else."""
    wire = Wire(url, SCRIPT, DIGEST, timeout=patience)
    try:
        yield wire
    finally:
        await wire.close()


def keys(caller: object) -> list[str]:
    """The key of one caller."""
    return [f"test:{{{caller}}}:limit"]
