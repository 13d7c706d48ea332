"""The counters of all callers in Redis: how many there are, and what forgets them."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from backoffice.core import BackofficeError
from backoffice.ratelimit.keys import Keys
from backoffice.ratelimit.limits import Limit, limits
from backoffice.ratelimit.overrides import DIGEST, SCRIPT
from backoffice.ratelimit.policies import Policy
from backoffice.ratelimit.redis_urls import ClusterAddress, read
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
    found: Counter[str] = Counter()
    async with _wire(url) as wire:
        async for some in _scanned(wire, namespace):
            found.update(map(_last, some))
    keys = Keys(namespace)
    return {
        each.name: max((found[_end(keys, each.name, one)] for one in each.written), default=0)
        for each in policies
    }


async def forget(url: str, namespace: str, name: str, wanted: Iterable[Limit]) -> None:
    """Forget what anybody has spent of these limits of a policy; raises as `callers` does."""
    keys = Keys(namespace)
    ends = {_end(keys, name, each.text) for each in wanted}
    async with _wire(url) as wire:
        async for some in _scanned(wire, namespace):
            if counters := [each for each in some if _last(each) in ends]:
                await wire.command("UNLINK", *counters, key=namespace)


def verify(url: str) -> None:
    """Raise BackofficeError for a Cluster, whose keys are in several."""
    if isinstance(read(url), ClusterAddress):
        raise BackofficeError(
            "the keys of a Cluster are on several servers, and are not all read; leave out "
            "--callers or --everybody"
        )


async def _scanned(wire: Wire, namespace: str) -> AsyncIterator[list[bytes]]:
    """The names of all counters, some at a time."""
    cursor, match = b"0", f"{namespace}:{{*"
    while True:
        cursor, keys = await wire.command(
            "SCAN", cursor, "MATCH", match, "COUNT", AT_ONCE, key=namespace
        )
        yield keys
        if cursor == b"0":
            return


def _last(key: bytes) -> str:
    """The end of a key, which is that of one name and one limit."""
    return key.decode("utf-8", "replace").rpartition(":")[2]


@asynccontextmanager
async def _wire(url: str) -> AsyncIterator[Wire]:
    verify(url)
    wire = Wire(url, SCRIPT, DIGEST, timeout=PATIENCE)
    try:
        yield wire
    finally:
        await wire.close()


def _end(keys: Keys, name: str, written: str) -> str:
    return keys.of(name, "", limits(written)[0]).rpartition(":")[2]
