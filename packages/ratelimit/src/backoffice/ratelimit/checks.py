"""What `backoffice doctor` looks at."""

from collections.abc import AsyncIterator
from typing import Any

from backoffice.core import BackofficeError, Finding, Run, settings
from backoffice.ratelimit import limiter, ratelimit_settings
from backoffice.ratelimit.workers import workers

COUNTING, REDIS, EVICTION = "ratelimit.counting", "ratelimit.redis", "ratelimit.eviction"
#: Those under which a full Redis refuses to write, or ends first what ends soon in any case.
KEEPING = ("noeviction", "volatile-ttl")
#: Seconds; who asks a doctor has more time than a request.
PATIENCE = 2.0


async def ratelimit_checks(run: Run) -> AsyncIterator[Finding]:
    """Whether limits are counted where every process sees them, and stay there."""
    url = (await run.open(settings)).redis_url
    if url is None:
        yield _in_process((await run.open(ratelimit_settings)).workers or workers())
        return
    found = await _in_redis(run)
    yield found
    if found.level == "ok" and (evicting := await _evicting(url.get_secret_value())):
        yield evicting


def _in_process(count: int) -> Finding:
    if count > 1:
        return Finding(
            COUNTING,
            "warning",
            f"{count} processes count each for itself, so that {count} times as much passes",
            "set BACKOFFICE_REDIS_URL",
        )
    return Finding(COUNTING, "ok", "counted in this process; several need BACKOFFICE_REDIS_URL")


async def _in_redis(run: Run) -> Finding:
    try:
        await (await run.open(limiter)).ping()
    except BackofficeError as error:
        from backoffice.ratelimit.breaker import diagnosis

        return Finding(
            REDIS,
            "error",
            f"Redis does not answer ({diagnosis(error.__cause__ or error)}); "
            "until it does, each limit does as its on_error says",
            "is it running at BACKOFFICE_REDIS_URL?",
        )
    return Finding(REDIS, "ok", "counted in Redis, which answers")


async def _evicting(url: str) -> Finding | None:
    """A Redis that drops keys when it is full forgets who has spent what."""
    policy = await _policy(url)
    if policy is None or policy in KEEPING:
        return None
    return Finding(
        EVICTION,
        "warning",
        f"Redis drops counters when its memory is full (maxmemory-policy {policy}): whoever fills "
        "it is no longer limited",
        "set maxmemory-policy to volatile-ttl or noeviction, or give limits a Redis of their own",
    )


async def _policy(url: str) -> str | None:
    """The server's maxmemory-policy; None where it does not tell, as some hosted ones."""
    from redis.exceptions import RedisError

    from backoffice.ratelimit.overrides import DIGEST, SCRIPT
    from backoffice.ratelimit.wire import Wire

    wire = Wire(url, SCRIPT, DIGEST, timeout=PATIENCE)
    try:
        # INFO is permitted in more places than CONFIG GET.
        told: Any = await wire.command("INFO", "memory", key=EVICTION)
    except (BackofficeError, RedisError):
        return None
    finally:
        await wire.close()
    lines = bytes(told).decode("utf-8", "replace").splitlines()
    fields = dict(each.partition(":")[::2] for each in lines)
    return fields.get("maxmemory_policy")
