"""Python programs in processes of their own, forked from one that has imported the libraries.

A verb of the command spends two of its three seconds on importing what the verb before it has
imported. Here each has its own streams, folder, environment, modules of the app and end, and only
what the libraries and our packages are made of is there already.
"""

import atexit
import functools
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import IO, Any, NoReturn

LIBRARIES = (
    *("alembic.command", "alembic.config", "aiosqlite", "fastapi.testclient", "httpx2"),
    *("psycopg", "redis.asyncio", "sqlmodel.ext.asyncio.session", "uvicorn.protocols.http.auto"),
    *("backoffice.admin", "backoffice.auth.testing", "backoffice.core.testing"),
)
START_SECONDS = 90.0


def python(
    arguments: Sequence[str | Path],
    *,
    folder: Path,
    environment: Mapping[str, str],
    typed: str = "",
    together: bool = False,
    timeout: float = 60,
) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run` of Python with these arguments; `together`: stderr goes to stdout."""
    words = [str(each) for each in arguments]
    order = {
        "arguments": words,
        "folder": str(folder),
        "environment": dict(environment),
    }
    with ExitStack() as stack:
        streams = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
        streams[0].write(typed.encode())
        streams[0].seek(0)
        out, err = streams[1], streams[1] if together else streams[2]
        ended = _nursery().run(order, [streams[0], out, err], timeout)
        said = [_all_of(each) for each in streams[1:]]
    return subprocess.CompletedProcess(words, ended, *said)


@functools.cache
def _nursery() -> "Nursery":
    """One for each process that runs tests, started when the first asks for it."""
    nursery = Nursery()
    atexit.register(nursery.close)
    return nursery


class Nursery:
    """A process that others are forked from; it ends with whoever started it, as its orders do."""

    def __init__(self) -> None:
        self._orders, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                # Without the folder of this file, whose `redis` is not the library.
                [sys.executable, "-P", __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def close(self) -> None:
        """End it; what was forked from it goes on."""
        self._orders.close()
        self._process.wait()

    def run(self, order: object, streams: Sequence[IO[bytes]], timeout: float) -> int:
        """How the program ended, as `returncode`; TimeoutError where it did not, and is killed."""
        order_read, order_write = os.pipe()
        told_read, told_write = os.pipe()
        with os.fdopen(told_read, "rb", buffering=0) as told:
            given = [order_read, told_write, *(each.fileno() for each in streams)]
            socket.send_fds(self._orders, [b"!"], given)
            os.close(order_read)
            os.close(told_write)
            with os.fdopen(order_write, "w") as written:
                json.dump(order, written)
            process = int(_line(told, START_SECONDS, "the nursery did not start"))
            try:
                return int(_line(told, timeout, "it did not end"))
            except TimeoutError:
                os.kill(process, signal.SIGKILL)
                _line(told, START_SECONDS, "it could not be killed")
                raise


def _all_of(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def _line(told: IO[bytes], timeout: float, otherwise: str) -> bytes:
    """What the nursery tells next."""
    if not select.select([told], [], [], timeout)[0]:
        raise TimeoutError(otherwise)
    line = told.readline()
    if not line:
        raise RuntimeError("the nursery has ended")
    return line


def order_of(orders: socket.socket) -> tuple[Any, list[int]]:
    """What to be, and the streams for it: comes back in a new process for each order."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(orders, 1, 5)
        if not message:
            orders.close()
            sys.exit()
        if not os.fork():
            orders.close()
            order, told, *streams = descriptors
            _mind(told)
            with os.fdopen(order) as written:
                return json.load(written), streams
        for each in descriptors:
            os.close(each)


def _mind(told: int) -> None:
    """Fork once more: one to be the program, who comes back, and one to tell how that ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    program = os.fork()
    if not program:
        os.close(told)
        return
    os.write(told, b"%d\n" % program)
    ended = os.waitstatus_to_exitcode(os.waitpid(program, 0)[1])
    os.write(told, b"%d\n" % ended)
    os._exit(0)


def become(order: Any, streams: Sequence[int]) -> None:
    """Be the program that was ordered, as a new Python would."""
    os.setsid()
    for number, each in enumerate(streams):
        os.dup2(each, number)
        os.close(each)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    time.tzset()
    gc.enable()
    execute(*order["arguments"])


def execute(first: str, *arguments: str) -> None:
    """What `python` does with its arguments."""
    if first == "-W":
        warnings.simplefilter("error")
        execute(*arguments[1:])
        return
    sys.path[:0] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    if os.environ.get("PYTHONWARNINGS") == "error":
        warnings.simplefilter("error")
    if first == "-m":
        sys.argv = [*arguments]
        sys.path.insert(0, str(Path.cwd()))
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        sys.argv = ["-c", *arguments[1:]]
        sys.path.insert(0, "")
        main = sys.modules["__main__"] = ModuleType("__main__")
        exec(compile(arguments[0], "<string>", "exec"), vars(main))
    else:
        sys.argv = [first, *arguments]
        sys.path.insert(0, str(Path(first).parent))
        runpy.run_path(first, run_name="__main__")


def main(orders: socket.socket) -> NoReturn:
    """Import everything, and fork at each order."""
    gc.disable()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in LIBRARIES:
            importlib.import_module(name)
        importlib.import_module("backoffice.core.command").application([])
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    become(*order_of(orders))
    sys.exit()


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
