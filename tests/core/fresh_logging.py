"""Logging as in a process where nobody has configured it, beside pytest's own."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from backoffice.core import configure_logging


@contextmanager
def fresh_root() -> Iterator[logging.Logger]:
    """The root logger without handlers; what is added meanwhile goes again, pytest's come back."""
    root = logging.getLogger()
    kept, level = root.handlers[:], root.level
    root.handlers[:] = []
    try:
        yield root
    finally:
        root.handlers[:] = kept
        root.setLevel(level)


@contextmanager
def configured(*secrets: Any, **options: Any) -> Iterator[None]:
    """`configure_logging`, for as long as the block runs, in place of pytest's handlers."""
    with fresh_root():
        assert configure_logging(*secrets, **options)
        yield


@contextmanager
def configured_beside(*secrets: Any, **options: Any) -> Iterator[None]:
    """The same beside pytest's handlers, which differ before a test, within it and after it."""
    root = logging.getLogger()
    with fresh_root():
        assert configure_logging(*secrets, **options)
        (handler,), level = root.handlers, root.level
    before = root.level
    root.addHandler(handler)
    root.setLevel(level)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
