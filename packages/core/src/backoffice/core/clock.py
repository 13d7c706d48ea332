"""What time it is in this run of the app: a test can set it without touching anybody else's."""

import time
from datetime import UTC, datetime

from backoffice.core.singletons import singleton


class Clock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The moment, aware, in UTC: for what is stored and compared between processes."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment of this process, never going back: for spans of time."""
        return time.monotonic()


@singleton
def clock() -> Clock:
    """The clock of this run; `backoffice.core.testing.ManualClock` stands still."""
    return Clock()
