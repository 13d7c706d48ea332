"""Databases of their own for tests: empty, or copies of one that was prepared once."""

import itertools
import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Protocol

from tests.services.postgres import PostgresServer


class Prepare(Protocol):
    """A function that fills the database at an address, and closes all its connections."""

    __name__: str

    def __call__(self, url: str, /) -> None: ...


class Databases(Protocol):
    """Where databases come from; each is lent by its address for SQLAlchemy."""

    def empty(self) -> AbstractContextManager[str]:
        """Lend a database that holds nothing."""

    def copy(self, name: str, prepare: Prepare) -> AbstractContextManager[str]:
        """Lend a copy of the template of this name, which `prepare` fills at its first use."""


class SQLiteDatabases:
    """Databases that are files of one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._numbers = itertools.count(1)

    @contextmanager
    def empty(self) -> Iterator[str]:
        """Lend the address of a file that does not exist yet."""
        yield _sqlite_url(self._new_file())

    @contextmanager
    def copy(self, name: str, prepare: Prepare) -> Iterator[str]:
        """Lend a copy of the template's file."""
        template = self._directory / f"template_{_whole(name, prepare)}.db"
        if not template.exists():
            draft = self._new_file()
            _in_thread(prepare, _sqlite_url(draft))
            _settle(draft)
            draft.rename(template)
        yield _sqlite_url(Path(shutil.copyfile(template, self._new_file())))

    def _new_file(self) -> Path:
        return self._directory / f"test_{next(self._numbers)}.db"


class PostgresDatabases:
    """Databases of one PostgreSQL server."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._templates: dict[str, str] = {}

    def empty(self) -> AbstractContextManager[str]:
        """Lend a database made from the server's own empty template."""
        return self._server.database()

    def copy(self, name: str, prepare: Prepare) -> AbstractContextManager[str]:
        """Lend a copy of the template, which PostgreSQL makes file by file."""
        whole = _whole(name, prepare)
        if whole not in self._templates:
            draft = self._server.create()
            _in_thread(prepare, self._server.url(draft))
            self._templates[whole] = draft
        return self._server.database(template=self._templates[whole])


def _whole(name: str, prepare: Prepare) -> str:
    """Two tests may choose one name for templates that are filled by different functions."""
    return f"{name}_{prepare.__module__}_{prepare.__name__}"


def _sqlite_url(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


def _in_thread(prepare: Prepare, url: str) -> None:
    # So that `prepare` may run an event loop of its own, whatever the test does.
    with ThreadPoolExecutor(max_workers=1) as executor:
        executor.submit(prepare, url).result()


def _settle(database: Path) -> None:
    """Bring what stands in the write-ahead log into the file that will be copied."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
