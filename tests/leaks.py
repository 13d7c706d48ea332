"""No secret of the suite reaches a log or an exception: the guard that every test runs under.

A test whose purpose is to show one is marked `shows_secrets`.
"""

import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest

from backoffice.core import BackofficeError

#: Keys and passwords that the fixtures use.
WELL_KNOWN = (
    *("k" * 32, "s" * 32, "o" * 32, "docs" * 8, "a secret of this test, long enough"),
    *("correct horse battery", "another password"),
)
#: API keys, refresh tokens, tickets, tokens of links, JWTs, the values of session cookies, password
#: hashes.
MINTED = re.compile(
    r"bo_[A-Za-z0-9]{12}_[A-Za-z0-9]{38}|bor_[A-Za-z0-9_-]{59}|bot_[A-Za-z0-9_-]{32}"
    r"|bol_[A-Za-z0-9_-]{43}"
    r"|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+"
    r"|\$argon2id\$[^\s'\"]+"
)
_SEALED = re.compile(r"(?<![\w-])[A-Za-z0-9_-]{59}(?![\w-])")
#: The client of the tests tells what the tests send.
_CLIENTS = ("httpx2", "httpx", "httpcore2", "httpcore")


def found_in(text: str) -> list[str]:
    """The secrets of the suite that this text holds."""
    cookies = [each for each in _SEALED.findall(text) if _is_mixed(each)]
    return [each for each in WELL_KNOWN if each in text] + MINTED.findall(text) + cookies


def _is_mixed(text: str) -> bool:
    return all(re.search(kind, text) for kind in ("[a-z]", "[A-Z]", "[0-9]"))


def told_by(error: BaseException | None) -> str:
    """What a log or a terminal shows of an exception and of those behind it, but for the code."""
    told: list[str] = []
    pending = [error]
    seen: set[int] = set()
    while pending:
        each = pending.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        told += (str(each), repr(each), *getattr(each, "__notes__", ()))
        pending += getattr(each, "exceptions", ())
        shown = each.__cause__ is None and not each.__suppress_context__
        pending.append(each.__context__ if shown else each.__cause__)
    return "\n".join(told)


class Watch(logging.Handler):
    """Reads every record and every error of ours; keeps where a secret was found."""

    def __init__(self) -> None:
        super().__init__()
        self.leaks: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Read the message, all that was given with it and the exception."""
        if record.name.partition(".")[0] in _CLIENTS:
            return
        extras = " ".join(f"{name}={each}" for name, each in record.__dict__.items())
        error = record.exc_info[1] if record.exc_info else None
        self.read(f"a line of {record.name}", f"{record.getMessage()} {extras} {told_by(error)}")

    def read(self, what: str, text: str) -> None:
        """Keep `what` if the text holds a secret; the secret itself is told to nobody."""
        if secrets := found_in(text):
            self.leaks.append(f"{what}: {', '.join(each[:6] + '...' for each in secrets)}")


_watch = Watch()


@pytest.fixture(scope="session", autouse=True)
def errors_are_read() -> Iterator[None]:
    """Every error of the ladder is read when it is made, whoever may catch it."""
    made = BackofficeError.__init__

    def read(error: BackofficeError, message: str, **more: Any) -> None:
        made(error, message, **more)
        _watch.read(f"a {type(error).__name__}", f"{message} {more!r}")

    patch = pytest.MonkeyPatch()
    patch.setattr(BackofficeError, "__init__", read)
    yield
    patch.undo()


@pytest.fixture(autouse=True)
def no_leaks(request: pytest.FixtureRequest, errors_are_read: None) -> Iterator[None]:
    """Fails a test within which a secret was logged or was in an error."""
    root, ours = logging.getLogger(), logging.getLogger("backoffice")
    _watch.leaks.clear()
    root.addHandler(_watch)
    # Alembic's stock env.py silences every logger that exists.
    ours.disabled, level = False, ours.level
    ours.setLevel(logging.DEBUG)
    yield
    ours.setLevel(level)
    root.removeHandler(_watch)
    if request.node.get_closest_marker("shows_secrets") is None:
        assert not _watch.leaks, "a secret was shown"


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker that lifts the guard."""
    config.addinivalue_line("markers", "shows_secrets: what it logs holds secrets on purpose")
