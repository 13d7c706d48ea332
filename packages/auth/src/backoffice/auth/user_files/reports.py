"""The report of refused lines: CSV of line, code, reason and the import that they are of.

Written before each commit. What an import that was killed wrote of lines that were never committed
is cut off when it goes on, so that each refused line is there once.
"""

import csv
import errno
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from backoffice.auth.user_files.faults import Fault
from backoffice.core import Conflict, InvalidInput

HEADER = ("line", "code", "reason", "import")
#: In place of the import where nothing was.
DRY_RUN = "dry run"
_NAMED = 16
#: No link, which somebody else may have put there; and no waiting for who reads a pipe.
_SAFELY = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class Report:
    """The report in a file; `name` says of which import."""

    def __init__(self, file: TextIO, name: str) -> None:
        self._file = file
        self._name = name
        self._rows = csv.writer(file)
        self._kept = 0

    def resume(self, line: int) -> None:
        """Keep what was written of this import's lines through that one; cut off the rest."""
        end = self._whole_through(line)
        self._file.seek(end)
        self._file.truncate()
        if not end:
            self._rows.writerow(HEADER)
        self._file.flush()
        self.keep()

    def add(self, refused: Iterable[tuple[int, Fault]]) -> None:
        """Write these down, in place of what was added last and not kept."""
        self._file.seek(self._kept)
        self._file.truncate()
        for line, fault in refused:
            self._rows.writerow((line, fault.code, fault.reason, self._name))
        self._file.flush()
        os.fsync(self._file.fileno())

    def keep(self) -> None:
        """What was added is of lines that are done.

        After a commit that failed, nobody knows whether it has: only the next try tells.
        """
        self._kept = self._file.tell()

    def _whole_through(self, line: int) -> int:
        """Where the first row begins that is of a later line, of another import, or half a row."""
        self._file.seek(0)
        end = 0
        while text := self._file.readline():
            cells = next(csv.reader([text]), [])
            if not text.endswith("\n") or not (_is_header(end, cells) or self._holds(cells, line)):
                break
            end = self._file.tell()
        return end

    def _holds(self, cells: list[str], line: int) -> bool:
        return (
            len(cells) == len(HEADER)
            and cells[3] == self._name
            and cells[0].isdecimal()
            and int(cells[0]) <= line
        )


@contextmanager
def opened_report(path: Path, digest: str, *, dry_run: bool) -> Iterator[Report]:
    """The report in that file: a new one, or the one that this import began.

    Conflict where another import is writing it, InvalidInput where it is another file.
    """
    name = DRY_RUN if dry_run else digest[:_NAMED]
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _SAFELY, 0o600)
    except OSError as error:
        reason = "it is a link" if error.errno == errno.ELOOP else error.strerror or error
        raise InvalidInput(f"the report cannot be written: {reason}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InvalidInput("the report is to be a file: it is read again when an import goes on")
    with os.fdopen(descriptor, "r+", encoding="utf-8", newline="") as file:
        _lock(descriptor)
        _check(file, name)
        _close_to_others(descriptor)
        yield Report(file, name)


def _is_header(place: int, cells: list[str]) -> bool:
    return place == 0 and tuple(cells) == HEADER


def _close_to_others(descriptor: int) -> None:
    if sys.platform == "win32":
        return
    try:
        os.fchmod(descriptor, 0o600)  # it may have been there, empty
    except OSError:
        raise InvalidInput("the file for the report is somebody else's; name another") from None


def _lock(descriptor: int) -> None:
    with suppress(ImportError):  # not on Windows
        import fcntl

        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Conflict(
                "another import is writing this report; name another file", code="report_in_use"
            ) from None


def _check(file: TextIO, name: str) -> None:
    """A report of this import, of a dry run, or nothing: anything else is not ours to write on."""
    try:
        first = next(csv.reader(file), None)
        second = next(csv.reader(file), None)
    except (csv.Error, UnicodeDecodeError):
        raise _other() from None
    of_ours = second is None or second[-1:] in ([name], [DRY_RUN])
    if first is not None and not (tuple(first) == HEADER and of_ours):
        raise _other()
    file.seek(0)


def _other() -> InvalidInput:
    return InvalidInput(
        "the file for the report is there already, and is not this import's; name another",
        code="report_exists",
    )
