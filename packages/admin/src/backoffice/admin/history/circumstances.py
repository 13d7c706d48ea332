"""In which circumstances a change is made: through what, and whether it takes another one back."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

Way = Literal["admin", "api", "command", "app"]

_way: ContextVar[Way] = ContextVar("backoffice_history_way", default="api")
_undone: ContextVar[int | None] = ContextVar("backoffice_history_undone", default=None)


@contextmanager
def through(way: Way) -> Iterator[None]:
    """What is changed within is changed through this."""
    token = _way.set(way)
    try:
        yield
    finally:
        _way.reset(token)


@contextmanager
def undoing(number: int) -> Iterator[None]:
    """What is changed within takes this change back."""
    token = _undone.set(number)
    try:
        yield
    finally:
        _undone.reset(token)


def way_of(actor: str) -> Way:
    """Through what somebody acts here and now."""
    return "command" if actor.startswith("cli:") else _way.get()


def undone() -> int | None:
    """The number of the change that is being taken back; None where none is."""
    return _undone.get()
