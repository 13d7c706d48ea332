"""The way through a table: batch after batch, until nothing is left, whoever else walks it."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import DBAPIError

from backoffice.core.errors import BackofficeError, Conflict, Unavailable
from backoffice.core.progress import Progress
from backoffice.migrations.batches import ledger
from backoffice.migrations.batches.keys import Key, Window
from backoffice.migrations.batches.ledger import Entry
from backoffice.migrations.batches.pace import Pace, Stride
from backoffice.migrations.batches.places import Place
from backoffice.migrations.batches.tables import quoted
from backoffice.migrations.errors import LOCK_NOT_AVAILABLE, locked

#: Changes the rows of a window, in the batch's transaction; gives how many.
Change = Callable[[Connection, Window | None], int]

_DEADLOCK, _SERIALIZATION, _CANCELLED = "40P01", "40001", "57014"
_TRY_AGAIN = {LOCK_NOT_AVAILABLE, _DEADLOCK, _SERIALIZATION, _CANCELLED}
_POLL = 0.1


@dataclass(frozen=True)
class Job:
    """What is to be done with a table, and how fast."""

    key: Key
    fingerprint: str
    change: Change
    pace: Pace
    #: Whether to walk again until a walk changes nothing.
    repeat: bool = False
    progress: bool = True


def walk(place: Place, job: Job) -> int:
    """Do all batches that nobody else does; the number of rows that the whole job has changed."""
    stride = Stride(job.pace)
    entry = _entered(place, job, stride)
    with _bar(place.connection, job, entry.walked) as progress:
        while not entry.done:
            found = _batch(place, job, stride)
            if found is None:
                time.sleep(_POLL)
                continue
            progress.advance(max(0, found.walked - entry.walked))
            entry = found
            if not entry.done:
                time.sleep(max(job.pace.pause, stride.last if _one_writer(place) else 0))
    return entry.changed


def _one_writer(place: Place) -> bool:
    return place.connection.dialect.name == "sqlite"


def _entered(place: Place, job: Job, stride: Stride) -> Entry:
    place.limit_waiting(job.pace)
    while True:
        try:
            entry, made = ledger.enter(place.connection, place.name, job.fingerprint)
        except DBAPIError as error:
            if not _passing(error):
                raise
            if not stride.failed(smaller=False):
                raise _blocked(place.name, job.pace) from error
            time.sleep(_POLL)
        else:
            break
    if made:
        _confirm(place)
    return entry


def _batch(place: Place, job: Job, stride: Stride) -> Entry | None:
    """The entry after one more batch; None where somebody else is at it, or a lock was not free."""
    try:
        began = time.monotonic()
        with place.transaction(job.pace, bounded=stride.size > 1) as connection:
            after = _step(connection, place, job, stride.size)
        stride.took(time.monotonic() - began)
    except DBAPIError as error:
        if not _passing(error):
            _look_for(place.connection, place)
            raise
        # Where there is one lock for all, it was this batch's turn that did not come.
        if not stride.failed(smaller=not _one_writer(place)):
            raise _blocked(place.name, job.pace) from error
        return None
    return after


def _step(connection: Connection, place: Place, job: Job, size: int) -> Entry | None:
    entry = ledger.held(connection, place.name)
    if entry is None:
        _look_for(connection, place)
        return None
    if entry.done:
        return entry
    window = job.key.next(connection, entry.position, size)
    if window is None:
        return _end_of_walk(connection, place.name, job, entry)
    changed = job.change(connection, window)
    return ledger.advance(connection, place.name, entry, window, changed)


def _look_for(connection: Connection, place: Place) -> None:
    """Another process holds the entry just now; Conflict where it has been forgotten."""
    if ledger.present(connection, place.name):
        return
    raise Conflict(
        f"{place.name} was forgotten while it ran, or ended in another process; look, and run it "
        "again where it is not done",
        code="batches_forgotten",
    )


def _end_of_walk(connection: Connection, name: str, job: Job, entry: Entry) -> Entry:
    """Done, unless the walk is repeated for rows that were put behind it meanwhile."""
    if job.repeat and entry.changed > entry.changed_before:
        return ledger.restart(connection, name, entry)
    return ledger.finish(connection, name, entry)


def _confirm(place: Place) -> None:
    try:
        place.confirm()
    except BackofficeError:
        with place.transaction(Pace()) as connection:
            ledger.remove(connection, [place.name])
        raise


def _passing(error: DBAPIError) -> bool:
    return locked(error) or getattr(error.orig, "sqlstate", None) in _TRY_AGAIN


def _blocked(name: str, pace: Pace) -> Unavailable:
    return Unavailable(
        f"{name}: for {pace.patience:g} s other transactions have held the rows that are next; "
        "what is done stays done: run it again to go on",
        code="database_locked",
    )


@contextmanager
def _bar(connection: Connection, job: Job, walked: int) -> Iterator[Progress]:
    shown = job.progress and sys.stderr is not None and sys.stderr.isatty()
    total = max(walked, _rows(connection, job.key)) if shown else 0
    with Progress(job.key.table.name, total, shown=shown) as progress:
        progress.advance(walked)
        yield progress


def _rows(connection: Connection, key: Key) -> int:
    """About how many rows there are; on PostgreSQL as its statistics have it."""
    if connection.dialect.name != "postgresql":
        return connection.scalar(select(func.count()).select_from(key.table)) or 0
    estimate = text(
        "SELECT CAST(reltuples AS bigint) FROM pg_class WHERE oid = CAST(:t AS regclass)"
    )
    return max(
        0,
        connection.scalar(estimate, {"t": quoted(connection, key.table.name, key.table.schema)})
        or 0,
    )
