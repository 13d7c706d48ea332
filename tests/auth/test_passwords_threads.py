"""Where passwords are hashed: off the event loop, few at a time, after everything else."""

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable

import pytest

from backoffice.auth.password_threads import PasswordThreads
from backoffice.auth.passwords import Passwords
from backoffice.core import Unavailable

pytestmark = [pytest.mark.anyio, pytest.mark.costly_passwords]


@pytest.fixture
async def threads() -> AsyncIterator[PasswordThreads]:
    found = PasswordThreads(at_once=2, waiting=3)
    yield found
    found.close()


class Gate:
    """Work that lasts until the gate opens."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.inside = self.most = 0
        self._lock = threading.Lock()

    def __call__(self) -> str:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        assert self.open.wait(10)
        with self._lock:
            self.inside -= 1
        return "done"


async def started(
    threads: PasswordThreads, work: Callable[[], str], count: int
) -> set[asyncio.Task[str]]:
    tasks = {asyncio.ensure_future(threads.run(work)) for _ in range(count)}
    await asyncio.sleep(0.05)
    return tasks


async def test_no_more_run_at_once_than_there_is_memory_for(threads: PasswordThreads) -> None:
    gate = Gate()
    tasks = await started(threads, gate, 8)
    gate.open.set()
    assert {await each for each in tasks} == {"done"}
    assert gate.most == 2


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")
@pytest.mark.parametrize(("processors", "at_once"), [(1, 1), (2, 1), (4, 3), (64, 4)])
async def test_one_processor_is_left_to_everybody_else(
    monkeypatch: pytest.MonkeyPatch, processors: int, at_once: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(processors)))
    threads, gate = PasswordThreads(), Gate()
    tasks = await started(threads, gate, 6)
    gate.open.set()
    await asyncio.gather(*tasks)
    threads.close()
    assert gate.most == at_once


async def test_who_comes_after_those_that_may_wait_is_told_when_to_come_again(
    threads: PasswordThreads,
) -> None:
    gate = Gate()
    tasks = await started(threads, gate, 8)
    with pytest.raises(Unavailable) as refused:
        await threads.run(gate)
    assert refused.value.code == "busy"
    assert int((refused.value.headers or {})["Retry-After"]) >= 1
    gate.open.set()
    await asyncio.gather(*tasks)
    assert await threads.run(gate) == "done"


async def test_who_goes_away_leaves_the_place_to_others(threads: PasswordThreads) -> None:
    gate = Gate()
    tasks = await started(threads, gate, 8)
    for each in tasks:
        each.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    again = await started(threads, gate, 6)  # the two that run already cannot be stopped
    with pytest.raises(Unavailable):
        await threads.run(gate)
    gate.open.set()
    await asyncio.gather(*again)


async def test_what_fails_leaves_its_place(threads: PasswordThreads) -> None:
    def failing() -> None:
        raise KeyError("x")

    for _ in range(20):
        with pytest.raises(KeyError):
            await threads.run(failing)


@pytest.mark.skipif(sys.platform != "linux", reason="threads have a niceness on Linux alone")
async def test_hashing_comes_after_everything_else(threads: PasswordThreads) -> None:
    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    assert await threads.run(niceness) == min(19, niceness() + 10)


async def test_hashing_goes_on_where_priorities_are_forbidden(
    threads: PasswordThreads, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "setpriority", forbidden)
    assert await threads.run(lambda: "done") == "done"


async def test_hashing_leaves_the_event_loop() -> None:
    passwords, seen = Passwords(), set()
    real = passwords.hash

    def spy(password: str) -> str:
        seen.add(threading.current_thread().name)
        return real(password)

    passwords.hash = spy  # type: ignore[method-assign]
    try:
        await asyncio.gather(*(passwords.hashed("correct horse") for _ in range(4)))
    finally:
        passwords.close()
    assert seen
    assert all(each.startswith("backoffice-passwords") for each in seen)
