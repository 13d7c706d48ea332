"""What a rate limit costs: ours beside what people use today.

    python benchmarks/ratelimit.py [--rounds 15] [--quick] [--freeze] [--checks | --http]

One run on a Redis (or Valkey) of its own. First one check by itself, without HTTP: client CPU time,
one after the other and 50 at once. Then one request over HTTP: CPU time of a uvicorn (uvloop,
httptools) in a process of its own, which 50 clients keep busy. All take turns, in a new order each
round, so that what else the machine does falls on all alike; the figures to quote are the ratios,
to redis-py's PING and to the bare route.

50 requests that wait for Redis at once are 6,000 objects more, which set off the garbage collector
each time; `--freeze` keeps it from what was there at the start, as an app can do by itself.

`--quick` shows only that everything still runs: its figures mean nothing.
"""

import argparse
import asyncio
import gc
import itertools
import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from statistics import median

import uvloop

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.limiting import apps, checks
from benchmarks.limiting.server import serving
from tests.services.redis import redis_server

AT_ONCE = 50
#: Microseconds, one a round: of one after the other and of many at once.
Figures = dict[str, tuple[list[float], list[float]]]
Costs = dict[str, list[float]]


async def checked(url: str, rounds: int, alone: int, together: int) -> Figures:
    """Client CPU of a check, by each contestant."""
    async with checks.contestants(url) as contestants:
        for check in contestants.values():
            await timed(check, 2 * AT_ONCE, AT_ONCE)
        gc.collect()
        gc.freeze()
        figures: Figures = {name: ([], []) for name in contestants}
        for _ in range(rounds):
            for name in random.sample(list(contestants), len(contestants)):
                figures[name][0].append(await timed(contestants[name], alone, 1))
                figures[name][1].append(await timed(contestants[name], together, AT_ONCE))
    return figures


async def timed(check: checks.Check, times: int, at_once: int) -> float:
    """CPU microseconds for one of so many checks, of which so many are always under way."""
    callers = itertools.cycle(range(checks.CALLERS))

    async def client() -> None:
        for _ in range(times // at_once):
            await check(next(callers))

    began = time.process_time()
    await asyncio.gather(*(client() for _ in range(at_once)))
    return (time.process_time() - began) / (times // at_once * at_once) * 1e6


async def served(url: str, rounds: int, requests: int, freeze: bool) -> Costs:
    """CPU of the server for a request, by each contestant."""
    with ExitStack() as stack:
        servers = stack.enter_context(serving(apps.CONTESTANTS, url, freeze))
        for server in servers.values():
            await server.warm_up()
        costs: Costs = {name: [] for name in servers}
        for _ in range(rounds):
            for name in random.sample(list(servers), len(servers)):
                costs[name].append(await servers[name].cost(requests))
    return costs


def ratio(mine: list[float], floor: list[float]) -> float:
    """The median of each round's own ratio, which what else the machine does cannot move far."""
    return median(one / other for one, other in zip(mine, floor, strict=True))


def check_table(figures: Figures) -> Iterator[str]:
    yield f"{'CPU microseconds a check':32}   alone   x PING | {AT_ONCE} at once   x PING"
    floor = figures[checks.PING]
    for name, (alone, together) in figures.items():
        yield (
            f"{name:32}{median(alone):8.1f} {ratio(alone, floor[0]):8.2f} |"
            f"{median(together):11.1f} {ratio(together, floor[1]):8.2f}"
        )


def http_table(costs: Costs) -> Iterator[str]:
    yield f"{'CPU microseconds a request':32}  median    + bare   x bare"
    for name, each in costs.items():
        more = median(each) - median(costs[apps.BARE])
        yield f"{name:32}{median(each):8.1f} {more:+9.1f} {ratio(each, costs[apps.BARE]):8.2f}"


def check_verdicts(figures: Figures) -> Iterator[str]:
    ping = figures[checks.PING]
    aims = {
        "one check alone": (checks.OURS, 0, 1.3),
        "three limits alone": (checks.THREE, 0, 1.7),
        "one check, coalesced": (checks.OURS, 1, 0.5),
    }
    for what, (name, column, most) in aims.items():
        yield verdict(what, ratio(figures[name][column], ping[column]), most, "times PING")


def http_verdicts(costs: Costs) -> Iterator[str]:
    bare = costs[apps.BARE]
    for name in (apps.IN_REDIS, apps.LAYER_IN_REDIS):
        more = median(costs[name]) - median(bare)
        yield verdict(name, more, 60, "microseconds above the bare app")
        yield verdict(name, ratio(costs[name], bare), 1.6, "times the bare app")
    for name in (apps.DEPENDENCY, apps.LAYER):
        more = median(costs[name]) - median(bare)
        yield verdict(name, more, 10, "microseconds above the bare app")
    for name in (apps.REFUSED, apps.REFUSED_IN_REDIS):
        yield verdict(name, ratio(costs[name], bare), 0.5, "times the bare app")


def verdict(what: str, found: float, most: float, unit: str) -> str:
    met = "met" if found <= most else "MISSED"
    return f"{met}: {what}: {found:.2f} {unit}, at most {most}"


def libraries() -> str:
    names = ["fastapi", "uvicorn", "redis", "hiredis", "fastapi-limiter", "pyrate-limiter"]
    names += ["slowapi", "limits", "throttled-py"]
    python = ".".join(map(str, sys.version_info[:3]))
    return ", ".join([f"Python {python}", *(f"{name} {version(name)}" for name in names)])


def main() -> None:
    parser = argparse.ArgumentParser(description="What a rate limit costs.")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--freeze", action="store_true", help="gc.freeze() in each server")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--checks", action="store_true", help="without HTTP")
    only.add_argument("--http", action="store_true", help="over HTTP alone")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("count rounds from 1")
    for name in [name for name in os.environ if name.startswith("BACKOFFICE_")]:
        del os.environ[name]
    print(libraries())
    rounds = 1 if options.quick else options.rounds
    with redis_server() as server, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if not options.http:
            alone, together = (20, 50) if options.quick else (300, 1000)
            figures = runner.run(checked(server.fresh_url(), rounds, alone, together))
            print("", *check_table(figures), *check_verdicts(figures), sep="\n")
        if not options.checks:
            requests = AT_ONCE if options.quick else 2000
            costs = runner.run(served(server.fresh_url(), rounds, requests, options.freeze))
            print("", *http_table(costs), *http_verdicts(costs), sep="\n")


if __name__ == "__main__":
    main()
