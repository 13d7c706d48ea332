"""A contestant in a process of its own, which counts the CPU time that each request takes there."""

import asyncio
import gc
import logging
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.administration.asking import Asking, shown_form
from benchmarks.administration.contestants import Contestant, contestants

PATIENCE = 600.0
PAGES = ("first", "deep", "search", "edit")
CASES = (*PAGES, "save", "export", "whole")


@dataclass(frozen=True)
class Cost:
    """CPU and wall milliseconds, bytes of the answer, and megabytes of memory that it took."""

    cpu: float
    wall: float
    size: int
    memory: float


class Process:
    """The other end of it."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def cost(self, case: str) -> Cost | None:
        """What a request of this kind costs now; None where the contestant has no such thing."""
        self._pipe.send(case)
        if not self._pipe.poll(PATIENCE):
            raise SystemExit(f"{case}: no answer")
        found: Cost | str | None = self._pipe.recv()
        if isinstance(found, str):
            raise SystemExit(found)
        return found


@contextmanager
def running(name: str, rows: int) -> Iterator[Process]:
    """The contestant, ready to be asked."""
    processes = get_context("spawn")
    here, there = processes.Pipe()
    process = processes.Process(target=_serve, args=(name, rows, there), daemon=True)
    process.start()
    try:
        if not here.poll(PATIENCE):
            raise SystemExit(f"{name} did not start")
        if (failure := here.recv()) is not None:
            raise SystemExit(failure)
        yield Process(here)
        here.send(None)
        process.join(PATIENCE)
    finally:
        process.kill()


def _serve(name: str, rows: int, pipe: Connection) -> None:
    logging.disable()
    warnings.simplefilter("ignore")
    try:
        asyncio.run(_served(name, rows, pipe))
    except (SystemExit, Exception) as error:
        pipe.send(f"{name}: {type(error).__name__} {error}")
        raise


async def _served(name: str, rows: int, pipe: Connection) -> None:
    contestant = contestants(rows)[name]
    async with contestant.opened() as asking:
        pipe.send(None)
        gc.collect()
        gc.freeze()
        while (case := await asyncio.to_thread(pipe.recv)) is not None:
            try:
                pipe.send(await _measured(contestant, asking, case))
            except (SystemExit, Exception) as error:  # noqa: BLE001 - told at the other end
                pipe.send(f"{name}, {case}: {type(error).__name__} {error}")


async def _measured(contestant: Contestant, asking: Asking, case: str) -> Cost | None:
    work = await _work(contestant, asking, case)
    if work is None:
        return None
    before = _resident(peak=True)
    wall, cpu = time.perf_counter(), time.process_time()
    size = await work()
    spent = time.process_time() - cpu, time.perf_counter() - wall
    return Cost(spent[0] * 1000, spent[1] * 1000, size, _resident() - before)


async def _work(contestant: Contestant, asking: Asking, case: str) -> Any:
    """What is to be measured, with what has to be known for it looked up before."""
    if case in PAGES:
        path = getattr(contestant, case)

        async def page() -> int:
            return (await asking.get(path)).size

        return page
    if case == "save":
        form = await shown_form(asking, contestant.edit, "title")
        typed = form.with_value("title", f"A book that was saved at {time.time()}")

        async def save() -> int:
            return (await asking.post(form.action, typed)).check(302, 303).size

        return save
    export = getattr(contestant, case)
    return None if export is None else lambda: export(asking)


def _resident(peak: bool = False) -> float:
    """The megabytes that the process has had at most, since it was last asked with `peak`."""
    if peak:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    (found,) = (each for each in lines if each.startswith("VmHWM"))
    return int(found.split()[1]) / 1024
