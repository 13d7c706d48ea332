"""Waiting for locks without keeping others waiting: short tries, with pauses that grow."""

import random
import time
from collections.abc import Callable

from backoffice.migrations.errors import retryable

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0

Tell = Callable[[str], None]


class Patience:
    """How long what is blocked is tried again, counted from when it was first blocked.

    Each try gives up after the lock timeout of its connection, so that the app's own queries,
    which queue behind whoever waits for a lock, go on in the pauses.
    """

    def __init__(self, seconds: float, tell: Tell, *, sleep: Callable[[float], None] = time.sleep):
        self.seconds = seconds
        self._tell = tell
        self._sleep = sleep
        self._since: float | None = None
        self._pause = FIRST_PAUSE

    def renew(self) -> None:
        """What was blocked is done; whatever is next has all the time again."""
        self._since = None
        self._pause = FIRST_PAUSE

    def again(self, error: BaseException) -> bool:
        """Whether to try again, after a pause: not what no lock has stopped, nor for ever."""
        if not retryable(error):
            return False
        now = time.monotonic()
        if self._since is None:
            self._since = now
            self._tell("waiting for a lock ... ")
        left = self._since + self.seconds - now
        if left <= 0:
            return False
        # Not all of several waiters at once, nor in step with what keeps the lock.
        self._sleep(min(left, self._pause * random.uniform(0.5, 1.0)))  # noqa: S311
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        return True
