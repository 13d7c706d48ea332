"""`blocking=True`: a caller who is refused waits for his turn instead."""

import asyncio
from collections.abc import Sequence

from backoffice.ratelimit.decisions import Decision
from backoffice.ratelimit.limiter import Limiter
from backoffice.ratelimit.limits import Limit

#: Seconds; each that waits holds a connection and a task.
LONGEST_WAIT = 60


async def in_turn(limiter: Limiter, name: str, key: str, limits: Sequence[Limit]) -> Decision:
    """Spend one unit, when there is one; TooManyRequests where that takes above LONGEST_WAIT."""
    loop = asyncio.get_running_loop()
    until = loop.time() + LONGEST_WAIT
    while True:
        decision = await limiter.check(name, key, limits)
        wait = max((each.wait for each in decision.refused_by), default=0) / 1e6
        if decision.allowed or loop.time() + wait > until:
            break
        await asyncio.sleep(wait)
    if not decision.allowed:
        raise decision.refusal(limiter.fields([decision]))
    return decision
