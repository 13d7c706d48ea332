"""Keeps a revision that is only read from whatever lies beside the connection it is given.

Nothing that it does may last: neither in a database to which it has a way of its own, nor in files.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from sqlalchemy import Engine, event

#: What a module must not do while it is imported. Apps do more than that then, and may.
CONNECTING = frozenset({"sqlite3.connect"})
#: What `upgrade()` and `downgrade()` must not do, by the names of Python's audit events.
ACTING = CONNECTING | {
    *("open", "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.link"),
    *("os.symlink", "os.chmod", "os.chown", "shutil.rmtree", "shutil.move", "shutil.copyfile"),
    *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork"),
    *("os.kill", "socket.getaddrinfo", "socket.connect", "socket.sendto"),
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_refused: ContextVar[frozenset[str]] = ContextVar("refused", default=frozenset())


class ConfinedError(PermissionError):
    """A revision reaches for something that is out of its reach while it is read."""


@contextmanager
def refusing(events: frozenset[str]) -> Iterator[None]:
    """Whatever this code does of these raises ConfinedError, and so does any new connection."""
    _listen()
    before = _refused.set(events)
    try:
        yield
    finally:
        _refused.reset(before)


@cache
def _listen() -> None:
    # Once for a process: Python lets go of no audit hook.
    sys.addaudithook(_happens)
    # The drivers of PostgreSQL connect in C, of which Python hears nothing.
    event.listen(Engine, "do_connect", _connects)


def _happens(name: str, arguments: tuple[Any, ...]) -> None:
    if name not in ACTING or name not in _refused.get() or _harmless(name, arguments):
        return
    raise ConfinedError(f"{name} is not for a revision that is only read")


def _harmless(name: str, arguments: tuple[Any, ...]) -> bool:
    if name == "sqlite3.connect":
        return bool(arguments[0] == ":memory:")
    if name == "open":
        path, _, flags = arguments
        return not (flags or 0) & _WRITING or isinstance(path, int) or path == os.devnull
    return False


def _connects(*_: Any) -> None:
    if _refused.get():
        raise ConfinedError("a connection of its own is not for a revision that is only read")
