"""What `backoffice doctor` looks at."""

from collections.abc import AsyncIterator
from typing import Any

from backoffice.core import BackofficeError, Finding, Run, settings
from backoffice.ratelimit import limiter, limits, ratelimit_settings
from backoffice.ratelimit.limits import PERIODS
from backoffice.ratelimit.policies import Policy
from backoffice.ratelimit.survey import survey
from backoffice.ratelimit.workers import workers

COUNTING, REDIS = "ratelimit.counting", "ratelimit.redis"
EVICTION, PERSISTENCE = "ratelimit.eviction", "ratelimit.persistence"
#: Policies that a finding names.
NAMED = 3
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
    if found.level == "ok":
        async for each in _staying(run, url.get_secret_value()):
            yield each


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


async def _staying(run: Run, url: str) -> AsyncIterator[Finding]:
    """Whether Redis forgets who has spent what: some hosted ones do not tell."""
    told = await _told(url)
    policy = told.get("maxmemory_policy", KEEPING[0])
    if policy not in KEEPING:
        yield Finding(
            EVICTION,
            "warning",
            f"Redis drops counters when its memory is full (maxmemory-policy {policy}): whoever "
            "fills it is no longer limited",
            "set maxmemory-policy to volatile-ttl or noeviction, or give limits a Redis of their "
            "own",
        )
    if told.get("aof_enabled") == "0" and told.get("save") == "":
        long = [each.name for each in await survey(run) if _is_long(each)]
        if long:
            yield Finding(
                PERSISTENCE,
                "warning",
                f"Redis keeps nothing over a restart, after which {', '.join(long[:NAMED])} begin "
                "anew for everybody",
                "set appendonly yes, or live with it: a restart lets each caller have a day's more",
            )


def _is_long(policy: Policy) -> bool:
    return any(limits(each)[0].period >= PERIODS["day"] for each in policy.written)


async def _told(url: str) -> dict[str, str]:
    """What the server says of itself, as far as it does."""
    from redis.exceptions import RedisError

    from backoffice.ratelimit.overrides import DIGEST, SCRIPT
    from backoffice.ratelimit.wire import Wire

    wire, found = Wire(url, SCRIPT, DIGEST, timeout=PATIENCE), dict[str, str]()
    try:
        # INFO is permitted in more places than CONFIG GET, which alone tells of snapshots.
        told: Any = await wire.command("INFO", key=REDIS)
        lines = bytes(told).decode("utf-8", "replace").splitlines()
        found |= dict(each.partition(":")[::2] for each in lines)
        name, value = await wire.command("CONFIG", "GET", "save", key=REDIS)
        found[bytes(name).decode()] = bytes(value).decode()
    except (BackofficeError, RedisError):
        return found
    finally:
        await wire.close()
    return found
