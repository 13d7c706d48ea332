"""How fast a job goes: how many rows at a time, with what rest, and how long it is patient."""

import time
from dataclasses import dataclass

from backoffice.core.errors import InvalidInput


@dataclass(frozen=True)
class Pace:
    """The bounds of every batch; times in seconds.

    `size` is the most rows of a batch. Batches shrink and grow so that one takes about `hold`,
    for which its rows are locked (on SQLite, all writers wait). `pause` lies between two of
    them, on SQLite at least as long as the batch took: a writer there only tries now and then.
    A batch that waits longer than `lock_timeout` for a row that the app holds is taken back and
    tried again; after `patience` without a success the job gives up, and can be resumed.
    """

    size: int = 10_000
    hold: float = 0.05
    pause: float = 0.01
    #: Below PostgreSQL's deadlock_timeout (1 s): of two that wait for each other it is the job
    #: that gives way, never the app.
    lock_timeout: float = 0.5
    patience: float = 60.0

    def __post_init__(self) -> None:
        if self.size < 1 or min(self.hold, self.lock_timeout) <= 0:
            raise InvalidInput("size, hold and lock_timeout of a Pace must be above 0")
        if min(self.pause, self.patience) < 0:
            raise InvalidInput("pause and patience of a Pace must not be below 0")


class Stride:
    """The present size of the batches of one process."""

    _FIRST = 500

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._failing_since: float | None = None
        #: How long the last batch took.
        self.last: float = 0.0
        self.size: int = min(pace.size, self._FIRST)

    def took(self, seconds: float) -> None:
        """A batch went through: the next one is to come nearer to `hold`."""
        self._failing_since = None
        self.last = seconds
        factor = min(2.0, max(0.5, self._pace.hold / max(seconds, 1e-6)))
        self.size = max(1, min(self._pace.size, round(self.size * factor)))

    def failed(self, *, smaller: bool = True) -> bool:
        """A batch was taken back: mostly a smaller one next. Whether there is patience for it."""
        now = time.monotonic()
        if self._failing_since is None:
            self._failing_since = now
        if smaller:
            self.size = max(1, self.size // 2)
        return now - self._failing_since < self._pace.patience
