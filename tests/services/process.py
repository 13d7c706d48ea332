"""Servers that tests run beside themselves, ended for certain with whoever started them."""

import argparse
import contextlib
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

START_SECONDS = 90.0
STOP_SECONDS = 10.0
NOBODY = 65534

MEMORY = Path("/dev/shm")
MEMORY_BYTES = 2**30


class ServiceError(RuntimeError):
    """A service that the tests need could not be found or started."""


class Identity(TypedDict, total=False):
    """Who a child process runs as, in the words of `subprocess`."""

    user: int
    group: int
    extra_groups: list[int]


def unprivileged() -> Identity:
    """Name an ordinary user when we are root: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


#: Below those that systems give to whoever connects, with 10,000 above for the bus of a cluster.
PORTS = range(12_000, 22_000)


def free_port() -> int:
    """Pick a TCP port on 127.0.0.1 that nobody listens on, and not soon again."""
    while True:
        with socket.socket() as listener, contextlib.suppress(OSError):
            port = secrets.choice(PORTS)
            listener.bind(("127.0.0.1", port))
            return port


def listens(port: int) -> bool:
    """Say whether someone accepts connections on that port of 127.0.0.1."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextlib.contextmanager
def kept_directory(prefix: str) -> Iterator[Path]:
    """Give a directory that is removed with all that is in it, even when this process is killed.

    It lies in memory where there is room: a PostgreSQL database is 300 files, which cost 10 ms
    there and up to 400 ms on a slow disk.
    """
    directory = Path(tempfile.mkdtemp(prefix=prefix, dir=MEMORY if _memory_has_room() else None))
    try:
        with running((), directory=directory, ready=lambda: True):
            yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _memory_has_room() -> bool:
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < MEMORY_BYTES:
        return False  # containers often have 64 MB
    # A copy of PostgreSQL may have to run from there.
    return not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC


@contextlib.contextmanager
def running(
    command: Sequence[str | Path],
    *,
    directory: Path,
    ready: Callable[[], bool],
    stop: signal.Signals = signal.SIGTERM,
    identity: Identity | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """Run a server, or with an empty command none, while the block runs.

    A keeper process stands between: it ends the server and removes `directory` as soon as its
    standard input closes, which the kernel does even when this process is killed.
    """
    log = directory / "server.log"
    with log.open("wb") as output:
        keeper = subprocess.Popen(
            _keeper_command(command, directory, stop, identity or {}),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env={**os.environ, **(environment or {})},
            start_new_session=True,  # so that Ctrl-C reaches only the tests, which close stdin
        )
    try:
        _await_readiness(keeper, ready, log)
        yield
    finally:
        keeper.communicate()


def _keeper_command(
    command: Sequence[str | Path], directory: Path, stop: signal.Signals, identity: Identity
) -> list[str]:
    user = ["--user", str(identity["user"])] if identity else []
    options = ["--directory", str(directory), "--stop", stop.name, *user]
    return [sys.executable, __file__, *options, "--", *map(str, command)]


def _await_readiness(keeper: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if keeper.poll() is not None or time.monotonic() > deadline:
            raise ServiceError(f"did not start; its last words: {_tail(log)}")
        time.sleep(0.02)


def _tail(log: Path) -> str:
    return log.read_text(errors="replace").strip()[-2000:] if log.exists() else "none"


def keep() -> int:
    """Be the keeper: run the command after `--` until standard input closes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--stop", required=True)
    parser.add_argument("--user", type=int)
    parser.add_argument("command", nargs="*")
    order = parser.parse_args()
    if order.command and (failure := _serve(order.command, order.stop, order.user)):
        return failure  # the files stay for whoever asks why
    sys.stdin.read()
    shutil.rmtree(order.directory, ignore_errors=True)
    return 0


def _serve(command: list[str], stop: str, user: int | None) -> int:
    identity = Identity(user=user, group=user, extra_groups=[]) if user is not None else Identity()
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, **identity)
    while server.poll() is None and not select.select([sys.stdin], [], [], 0.1)[0]:
        pass
    if server.poll() is not None:
        return server.returncode or 1
    _end(server, signal.Signals[stop])
    return 0


def _end(server: subprocess.Popen[bytes], stop: signal.Signals) -> None:
    server.send_signal(stop)
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


if __name__ == "__main__":
    sys.exit(keep())
