"""How many callers are counted in Redis at the moment."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from backoffice.core import BackofficeError
from backoffice.ratelimit.keys import Keys
from backoffice.ratelimit.limits import limits
from backoffice.ratelimit.overrides import DIGEST, SCRIPT
from backoffice.ratelimit.policies import Policy
from backoffice.ratelimit.wire import Wire

#: Seconds; an operator has more time than a request.
PATIENCE = 2.0
#: Keys that Redis looks at before it serves others again.
AT_ONCE = 1000


async def callers(url: str, namespace: str, policies: Iterable[Policy]) -> Mapping[str, int]:
    """For each policy how many callers have spent something that has not come back yet.

    It reads the name of every key in that Redis. Raises BackofficeError for a Cluster, whose keys
    are in several, and Unavailable.
    """
    async with _wire(url) as wire:
        found = await _counters(wire, namespace)
    keys = Keys(namespace)
    return {
        each.name: max((found[_end(keys, each.name, one)] for one in each.written), default=0)
        for each in policies
    }


async def _counters(wire: Wire, namespace: str) -> Counter[str]:
    """How many keys have the same end: that of one name and one limit."""
    found: Counter[str] = Counter()
    cursor, match = b"0", f"{namespace}:{{*"
    while True:
        cursor, keys = await wire.command(
            "SCAN", cursor, "MATCH", match, "COUNT", AT_ONCE, key=namespace
        )
        found.update(bytes(each).decode("utf-8", "replace").rpartition(":")[2] for each in keys)
        if cursor == b"0":
            return found


@asynccontextmanager
async def _wire(url: str) -> AsyncIterator[Wire]:
    wire = Wire(url, SCRIPT, DIGEST, timeout=PATIENCE)
    try:
        if wire.is_cluster:
            raise BackofficeError("callers are not counted in a Cluster; leave out --callers")
        yield wire
    finally:
        await wire.close()


def _end(keys: Keys, name: str, written: str) -> str:
    return keys.of(name, "", limits(written)[0]).rpartition(":")[2]
