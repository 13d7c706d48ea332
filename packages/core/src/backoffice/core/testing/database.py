"""A fresh SQLite database for each test: prepared once, then copied."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from uuid import uuid4

#: Whoever brings tables names here a function that takes a database URL and makes them.
ENTRY_POINTS = "backoffice.testing"

Prepare = Callable[[str], None]


class TemplateDatabase:
    """An SQLite file with all tables, and copies of it: a copy takes a millisecond.

    `prepare` fills it, after what the installed packages bring along; both get its URL.
    """

    def __init__(self, folder: Path, prepare: Prepare | None = None) -> None:
        self.file: Path = folder / "template.db"
        self._prepare = [entry.load() for entry in entry_points(group=ENTRY_POINTS)]
        self._prepare += [prepare] if prepare is not None else []

    @property
    def url(self) -> str:
        """The address of the template itself."""
        return _url(self.file)

    def fill(self) -> None:
        """Make the tables, as `backoffice migrate up` would."""
        # In a thread: an env.py may run an event loop, and here may be one running.
        with ThreadPoolExecutor(max_workers=1) as thread:
            for prepare in self._prepare:
                thread.submit(prepare, self.url).result()
        if self.file.exists():
            with closing(sqlite3.connect(self.file)) as connection:
                # What stands in the write-ahead log would be missing from the copies.
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def copy(self) -> Iterator[str]:
        """The URL of a copy, which is deleted at the end."""
        file = self.file.with_name(f"{uuid4().hex}.db")
        if self.file.exists():
            shutil.copyfile(self.file, file)
        try:
            yield _url(file)
        finally:
            for suffix in ("", "-wal", "-shm"):
                Path(f"{file}{suffix}").unlink(missing_ok=True)


def _url(file: Path) -> str:
    return f"sqlite:///{file}"
