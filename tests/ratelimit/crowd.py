"""A worker of an app, as a process of its own: charges what it is told to, all at once.

Run with the address of a Redis and the seconds by which this worker's clock is wrong. It takes an
order in JSON from each line of its input, and answers with a line of JSON.
"""

import asyncio
import json
import sys
import time
from typing import Any

from backoffice.ratelimit import Charge, limits
from backoffice.ratelimit.redis import RedisStore

WORK_SECONDS = 0.005


async def spend(store: RedisStore, order: dict[str, Any]) -> int:
    """How many of these charges were allowed; each has a holder of its own."""
    (limit,) = limits(order["limit"])
    verdicts = await asyncio.gather(
        *(
            store.charge([Charge(order["key"], limit, holder=f"{order['worker']}-{number}")])
            for number in range(order["count"])
        )
    )
    return sum(each.allowed for each in verdicts)


async def work(store: RedisStore, order: dict[str, Any]) -> list[tuple[float, float]]:
    """When those who had a place began their work, and when they ended it."""
    (limit,) = limits(order["limit"])

    found: list[tuple[float, float]] = []

    async def one(holder: str) -> None:
        if not (await store.charge([Charge(order["key"], limit, holder=holder)])).allowed:
            return
        began = time.monotonic()
        await asyncio.sleep(WORK_SECONDS)
        ended = time.monotonic()
        await store.charge([Charge(order["key"], limit, -1, holder=holder)], "settle")
        found.append((began, ended))

    for wave in range(order["waves"]):
        crowd = (one(f"{order['worker']}-{wave}-{number}") for number in range(order["count"]))
        await asyncio.gather(*crowd)
    return found


async def serve(url: str) -> None:
    """Take orders until there are no more."""
    store = RedisStore(url, timeout=30)
    await store.ping()
    print(json.dumps("ready"), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        order = json.loads(line)
        done = await {"spend": spend, "work": work}[order["do"]](store, order)
        print(json.dumps(done), flush=True)
    await store.close()


def set_clock_wrong(seconds: float) -> None:
    """From now on the time of day is another in this process."""
    right = time.time
    time.time = lambda: right() + seconds
    time.time_ns = lambda: int((right() + seconds) * 1_000_000_000)


if __name__ == "__main__":
    set_clock_wrong(float(sys.argv[2]))
    asyncio.run(serve(sys.argv[1]))
