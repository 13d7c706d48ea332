"""`blocking=True`: a caller who is refused waits for his turn instead."""

import asyncio

from backoffice.ratelimit.decisions import Decision
from backoffice.ratelimit.judgements import Check
from backoffice.ratelimit.limiter import Limiter
from backoffice.ratelimit.refusals import refusal

#: Seconds; each that waits holds a connection and a task.
LONGEST_WAIT = 60


async def at_once(limiter: Limiter, check: Check) -> Decision:
    """Spend what is asked for, or raise TooManyRequests."""
    return await in_turn(limiter, check, longest=0)


async def in_turn(limiter: Limiter, check: Check, longest: float = LONGEST_WAIT) -> Decision:
    """Spend it when there is room; TooManyRequests where that takes longer than so many seconds."""
    loop = asyncio.get_running_loop()
    until = loop.time() + longest
    while True:
        (decision,) = await limiter.check_all([check])
        if decision.allowed:
            return decision
        wait = max((each.wait for each in decision.refused_by), default=0) / 1e6
        if loop.time() + wait > until:
            raise refusal([decision], limiter.fields([decision]))
        await asyncio.sleep(wait)
