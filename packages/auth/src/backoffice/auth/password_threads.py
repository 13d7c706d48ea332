"""Where passwords are hashed: few threads of low priority, and no pile before them."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from math import ceil
from typing import Any, TypeVar

from backoffice.core import Unavailable

T = TypeVar("T")

#: Added to a hashing thread's niceness on Linux: other requests come first.
NICENESS = 10
#: How many may wait for each thread: about three seconds.
WAITING = 64
#: As many as are hashed at once on a machine of many processors, unless it is told otherwise.
MOST = 4
#: What one hash takes, in seconds, to tell those who are sent away when to come back.
_ONE = 0.05


class PasswordThreads:
    """Runs `at_once` pieces of work at a time; those above what may wait are refused.

    Each takes 46 MiB, so that this bounds the memory of all. None leaves one processor to
    everybody else: with all of them hashing, whoever holds the interpreter's lock waits for one.
    """

    def __init__(self, at_once: int | None = None, waiting: int = WAITING) -> None:
        at_once = at_once or _spare_processors()
        self._threads = ThreadPoolExecutor(
            max_workers=at_once,
            thread_name_prefix="backoffice-passwords",
            initializer=_stand_back,
        )
        self._most = at_once * (1 + waiting)
        self._retry_after = max(1, ceil(waiting * _ONE))
        self._taken = 0
        # What has been taken ends in a thread, and is taken on an event loop.
        self._lock = threading.Lock()

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` gives; Unavailable at once if too many wait already."""
        with self._lock:
            if self._taken >= self._most:
                raise Unavailable(
                    "Too many passwords are being checked; try again in a moment.",
                    code="busy",
                    headers={"Retry-After": str(self._retry_after)},
                )
            self._taken += 1
        try:
            future = self._threads.submit(work)
        except RuntimeError:
            self._ended()
            raise
        future.add_done_callback(self._ended)
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """End the threads; what waits is cancelled."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _ended(self, _: Future[Any] | None = None) -> None:
        with self._lock:
            self._taken -= 1


def _spare_processors() -> int:
    usable = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(1, min(usable - 1, MOST))


def _stand_back() -> None:
    if sys.platform == "linux":
        # A sandbox may forbid it; then passwords are hashed all the same.
        with suppress(OSError):
            thread = threading.get_native_id()
            niceness = os.getpriority(os.PRIO_PROCESS, thread) + NICENESS
            os.setpriority(os.PRIO_PROCESS, thread, min(niceness, 19))
