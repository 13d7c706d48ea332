"""Limits counted in Redis, for any number of processes: one atomic script on its clock."""

import asyncio
import hashlib
from collections.abc import Coroutine, Sequence
from importlib.resources import files
from typing import Any

from backoffice.ratelimit.charges import Charge, How, Standing, Verdict
from backoffice.ratelimit.kinds import KINDS
from backoffice.ratelimit.wire import Wire

#: Makes a named tuple without a call in Python.
new = tuple.__new__
#: Keys that Redis looks at before it serves others again, and how often it is asked to.
AT_ONCE, MOST_SCANS = 1000, 50
SCRIPT = files(__package__).joinpath("charge.lua").read_text("utf-8")


class RedisStore:
    """Counts in the Redis at `url`; a check takes at most `timeout` seconds.

    On a cluster the charges of different callers may be counted on different nodes: where one of
    these refuses, what the others have spent is given back.
    """

    def __init__(self, url: str, *, timeout: float = 0.05, script: str = SCRIPT) -> None:
        self._wire = Wire(url, script, _digest(script), timeout=timeout)

    async def open(self) -> None:
        """Connect ahead of the first check; where that fails, the log says why."""
        await self._wire.open()

    # One coroutine, not two: it is what a request waits in.
    def charge(self, charges: Sequence[Charge], how: How = "spend") -> Coroutine[Any, Any, Verdict]:
        """Judge the charges together; raises Unavailable when Redis does not answer in time."""
        if self._wire.is_cluster:
            groups = _by_tag(charges)
            if len(groups) > 1:
                return self._charge_apart(groups, charges, how)
        return self._ask(charges, how)

    async def reset(self, keys: Sequence[str]) -> None:
        """Forget what was spent under these keys."""
        await self._wire.reset(keys)

    async def names(self, namespace: str, most: int) -> list[str]:
        """The keys of counters; none of a Cluster, whose keys are on several servers.

        It reads names until it has as many: in no order, and of a Redis that others use as well
        it may have to pass by many of theirs.
        """
        found: list[str] = []
        cursor = b"0"
        for _ in range(0 if self._wire.is_cluster else MOST_SCANS):
            cursor, keys = await self._wire.command(
                *("SCAN", cursor, "MATCH", f"{namespace}:{{*", "COUNT", AT_ONCE), key=namespace
            )
            found += (each.decode("utf-8", "replace") for each in keys)
            if cursor == b"0" or len(found) >= most:
                break
        return found

    async def ping(self) -> None:
        """Ask Redis for an answer; raises Unavailable when none comes."""
        await self._wire.ping()

    async def close(self) -> None:
        """Close every connection."""
        await self._wire.close()

    async def _ask(self, charges: Sequence[Charge], how: How) -> Verdict:
        keys = [each.key for each in charges]
        return _verdict(charges, await self._wire.asked(keys, _arguments(charges, how)))

    async def _charge_apart(
        self, groups: Sequence[Sequence[int]], charges: Sequence[Charge], how: How
    ) -> Verdict:
        """Judge each group of charges by itself, all at the same time."""
        asked = [[charges[place] for place in group] for group in groups]
        found = await asyncio.gather(
            *(self._ask(each, how) for each in asked), return_exceptions=True
        )
        allowed = all(isinstance(each, Verdict) and each.allowed for each in found)
        if how == "spend" and not allowed:
            # All at once: where one cannot be given back, the others are nevertheless.
            found = await asyncio.gather(*map(self._give_back, asked, found))
        standings: dict[int, Standing] = {}
        for group, verdict in zip(groups, found, strict=True):
            if isinstance(verdict, BaseException):
                raise verdict
            standings.update(zip(group, verdict.standings, strict=True))
        return Verdict(allowed, tuple(standings[place] for place in range(len(charges))))

    async def _give_back(
        self, charges: Sequence[Charge], found: Verdict | BaseException
    ) -> Verdict | BaseException:
        """How the charges stand when what was spent of them is given back."""
        if isinstance(found, BaseException) or not found.allowed:
            return found
        spent = [
            charge._replace(cost=-charge.cost)
            for charge, standing in zip(charges, found.standings, strict=True)
            if charge.cost and not standing.wait
        ]
        if not spent:
            return found
        settled = await self._ask(spent, "settle")
        now = {each.key: standing for each, standing in zip(spent, settled.standings, strict=True)}
        standings = [
            now.get(charge.key, standing)._replace(wait=standing.wait)
            for charge, standing in zip(charges, found.standings, strict=True)
        ]
        return Verdict(True, tuple(standings))


def _by_tag(charges: Sequence[Charge]) -> list[list[int]]:
    """Places of charges whose keys a cluster keeps together."""
    groups: dict[str, list[int]] = {}
    for place, each in enumerate(charges):
        groups.setdefault(each.key.partition("{")[2].partition("}")[0], []).append(place)
    return list(groups.values())


def _arguments(charges: Sequence[Charge], how: How) -> list[str | int]:
    arguments: list[str | int] = [len(charges), how]
    for each in charges:
        limit = each.limit
        # What is more than the limit allows at once is refused, however much more it is.
        cost = each.cost if how == "settle" else min(each.cost, limit.burst + 1)
        mark = each.holder if limit.kind == "concurrent" else each.age
        own = KINDS[limit.kind].parameters(limit)
        arguments += (limit.kind, int(each.shadow), cost, *own, mark)
    return arguments


def _verdict(charges: Sequence[Charge], reply: Sequence[int]) -> Verdict:
    if len(charges) == 1:
        (charge,), (passes, *counts) = charges, reply
        return new(
            Verdict, (bool(passes), (new(Standing, (charge.limit, *counts, charge.shadow)),))
        )
    standings = []
    for each, at in zip(charges, range(1, len(reply), 3), strict=True):
        remaining, wait, reset = reply[at : at + 3]
        standings.append(Standing(each.limit, remaining, wait, reset, each.shadow))
    return Verdict(bool(reply[0]), tuple(standings))


def _digest(script: str) -> str:
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
