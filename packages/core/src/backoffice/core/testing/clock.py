"""Time under control."""

from datetime import UTC, datetime, timedelta
from threading import Lock

from backoffice.core.clock import Clock


class ManualClock(Clock):
    """A clock that stands still until a test moves it: `clock.override(ManualClock())`.

    Starts at `moment`, which must know its time zone, or at the present second.
    """

    def __init__(self, moment: datetime | None = None) -> None:
        self._lock = Lock()
        self._elapsed = timedelta()
        self._now = datetime.now(UTC).replace(microsecond=0) if moment is None else _utc(moment)

    def now(self) -> datetime:
        """The moment at which the clock stands, in UTC."""
        return self._now

    def monotonic(self) -> float:
        """How many seconds the clock was moved forward since it was made."""
        return self._elapsed.total_seconds()

    def advance(self, span: timedelta | float) -> datetime:
        """Let that much time pass, in seconds unless a timedelta; gives the new moment.

        ValueError for a span below nothing: `move_to` sets a clock back.
        """
        passed = span if isinstance(span, timedelta) else timedelta(seconds=span)
        if passed < timedelta():
            raise ValueError(f"time does not run backwards ({span}); move_to sets the clock back")
        with self._lock:
            self._now += passed
            self._elapsed += passed
            return self._now

    def move_to(self, moment: datetime) -> datetime:
        """Set the clock, which then stands still again; gives the moment, in UTC.

        Where it is set back, `monotonic` stays where it is, as on any machine.
        """
        wanted = _utc(moment)
        with self._lock:
            self._elapsed += max(wanted - self._now, timedelta())
            self._now = wanted
        return wanted

    def __repr__(self) -> str:
        return f"<ManualClock {self._now.isoformat()}>"


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone; write datetime(..., tzinfo=UTC)")
    return moment.astimezone(UTC)
