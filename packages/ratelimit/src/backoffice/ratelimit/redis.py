"""Limits counted in Redis, for any number of processes: one atomic script on its clock."""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from importlib.resources import files
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError
from redis.maint_notifications import MaintNotificationsConfig

from backoffice.core import SetupError, Unavailable
from backoffice.ratelimit.charges import Charge, How, Standing, Verdict
from backoffice.ratelimit.kinds import KINDS

log = logging.getLogger(__name__)

SCRIPT = files(__package__).joinpath("charge.lua").read_text("utf-8")
DIGEST = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()


class RedisStore:
    """Counts in the Redis at `url`; a check takes at most `timeout` seconds.

    `connections` bounds the pool: who finds none free waits, for the same `timeout`.
    """

    def __init__(self, url: str, *, timeout: float = 0.5, connections: int = 16) -> None:
        self._timeout = timeout
        self._answers = True
        try:
            pool = BlockingConnectionPool.from_url(
                url,
                max_connections=connections,
                # One deadline, below, holds for all that a check waits for.
                timeout=None,
                socket_timeout=None,
                socket_connect_timeout=timeout,
                # A script that timed out may have run: to send it again could spend twice.
                retry=Retry(NoBackoff(), 0),
                # With them on, redis-py takes a connection that Redis closed for a good one.
                maint_notifications_config=MaintNotificationsConfig(enabled=False),
            )
        except ValueError:
            raise SetupError(
                "BACKOFFICE_REDIS_URL is not the address of a Redis; "
                "write redis://user:password@host:6379/0, rediss:// for TLS"
            ) from None
        self._redis: Redis = Redis.from_pool(pool)
        # Any: redis-py leaves its replies untyped.
        self._execute: Callable[..., Awaitable[Any]] = self._redis.execute_command

    async def charge(self, charges: Sequence[Charge], how: How = "spend") -> Verdict:
        """Judge the charges in one step; raises Unavailable when Redis does not answer in time."""
        keys, arguments = [each.key for each in charges], _arguments(charges, how)
        (reply,) = await self._ask("EVALSHA", DIGEST, len(keys), *keys, *arguments)
        return _verdict(charges, reply)

    async def reset(self, keys: Sequence[str]) -> None:
        """Forget what was spent under these keys."""
        await self._ask("DEL", *keys)

    async def ping(self) -> None:
        """Ask Redis for an answer; raises Unavailable when none comes."""
        await self._ask("PING")

    async def close(self) -> None:
        """Close every connection."""
        await self._redis.aclose()

    async def _ask(self, *command: str | int) -> Any:
        try:
            async with asyncio.timeout(self._timeout):
                reply = await self._run(command)
        except (RedisError, OSError) as error:
            self._note(False, error)
            raise Unavailable(
                "Rate limits cannot be checked right now; try again in a moment.",
                code="limits_unavailable",
                headers={"Retry-After": "5", "Cache-Control": "no-store"},
            ) from error
        self._note(True)
        return reply

    async def _run(self, command: Sequence[str | int]) -> Any:
        try:
            return await self._execute(*command)
        except NoScriptError:
            # Redis was restarted or its scripts flushed: nothing ran, and EVAL brings it along.
            return await self._execute("EVAL", SCRIPT, *command[2:])

    def _note(self, answers: bool, error: Exception | None = None) -> None:
        """Log the change only: while Redis is away, every request would say the same."""
        if answers is self._answers:
            return
        self._answers = answers
        if answers:
            log.warning("limits: Redis answers again")
        else:
            log.error("limits: Redis does not answer (%s: %s)", type(error).__name__, error)


def _arguments(charges: Sequence[Charge], how: How) -> list[str | int]:
    arguments: list[str | int] = [len(charges), how]
    for each in charges:
        # What is more than the limit allows at once is refused, however much more it is.
        cost = each.cost if how == "settle" else min(each.cost, each.limit.burst + 1)
        own = KINDS[each.limit.kind].parameters(each.limit)
        mark = each.holder if each.limit.kind == "concurrent" else each.age
        arguments += (each.limit.kind, int(each.shadow), cost, *own, mark)
    return arguments


def _verdict(charges: Sequence[Charge], reply: Sequence[int]) -> Verdict:
    standings = []
    for each, at in zip(charges, range(1, len(reply), 3), strict=True):
        remaining, wait, reset = reply[at : at + 3]
        standings.append(Standing(each.limit, remaining, wait, reset, each.shadow))
    return Verdict(bool(reply[0]), tuple(standings))
