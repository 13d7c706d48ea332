"""What `backoffice doctor` looks at."""

import os
from collections.abc import AsyncIterator

from backoffice.core import BackofficeError, Finding, Run, settings
from backoffice.ratelimit.limiter import limiter

CHECK = "rate limits"


async def ratelimit_checks(run: Run) -> AsyncIterator[Finding]:
    """Whether limits are counted where every process sees them."""
    if (await run.open(settings)).redis_url is None:
        yield _in_process()
    else:
        yield await _in_redis(run)


def _in_process() -> Finding:
    workers = os.environ.get("WEB_CONCURRENCY", "1")
    if workers.isdecimal() and int(workers) > 1:
        return Finding(
            CHECK,
            "warning",
            f"{workers} processes count each for itself, so that {workers} times as much passes",
            "set BACKOFFICE_REDIS_URL",
        )
    return Finding(CHECK, "ok", "counted in this process; several need BACKOFFICE_REDIS_URL")


async def _in_redis(run: Run) -> Finding:
    try:
        await (await run.open(limiter)).ping()
    except BackofficeError as error:
        cause = type(error.__cause__ or error).__name__
        return Finding(
            CHECK,
            "error",
            f"Redis does not answer ({cause}); limited routes answer 503",
            "is it running at BACKOFFICE_REDIS_URL?",
        )
    return Finding(CHECK, "ok", "counted in Redis, which answers")
