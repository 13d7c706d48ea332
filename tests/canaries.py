"""Canaries: distinct secrets, which are then looked for wherever anything is shown."""

import base64
import gc
import json
import logging
import secrets
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, unquote

import psycopg
from httpx2 import Response
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import Engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

#: So many characters of a secret, wherever they stand, are a leak of it.
FRAGMENT = 12
_OF_LIBRARIES = (Redis, Engine, AsyncEngine, URL, SQLAlchemyError, RedisError, psycopg.Error)
_CLIENTS = ("httpx2", "httpcore2")


class Canaries:
    """The secrets by name, and what has been shown so far."""

    def __init__(self) -> None:
        self._secrets: dict[str, str] = {}
        self.leaks: set[str] = set()

    def new(self, name: str) -> str:
        """A secret that nothing else in the world looks like."""
        return self.add(name, f"Cy{secrets.token_hex(16)}")

    def add(self, name: str, secret: str) -> str:
        """A secret that was made elsewhere."""
        assert len(secret) >= FRAGMENT, name
        self._secrets[f"{name} ({len(self._secrets)})"] = secret
        return secret

    def look(self, where: str, text: str) -> None:
        """Note every secret that the text holds, whole or in part, in any of the usual codes."""
        for name, secret in self._secrets.items():
            if any(each in text for each in _traces(secret)):
                self.leaks.add(f"{name} in {where}")

    def look_at_objects(self, when: str) -> None:
        """Look into the repr of everything that is alive and ours, or holds an address of ours."""
        for each in gc.get_objects():
            # Not isinstance: it would ask proxies of other libraries for their class.
            kind = type(each)
            if str(kind.__module__).startswith("backoffice.") or issubclass(kind, _OF_LIBRARIES):
                self.look(f"repr of {kind.__name__} {when}", _repr(each))

    @contextmanager
    def reading_logs(self) -> Iterator[None]:
        """Look into every log record, at the lowest level, as the plainest handler writes it."""
        handler = _Reader(self)
        loggers = [logging.getLogger(name) for name in _LOUD]
        levels = [each.level for each in loggers]
        loggers[0].addHandler(handler)
        for each in loggers:
            each.setLevel(logging.DEBUG)
        try:
            yield
        finally:
            loggers[0].removeHandler(handler)
            for each, level in zip(loggers, levels, strict=True):
                each.setLevel(level)


_LOUD = ("", "backoffice", "sqlalchemy.engine", "sqlalchemy.pool", "sqlalchemy.orm", "redis")


class _Reader(logging.Handler):
    def __init__(self, canaries: Canaries) -> None:
        super().__init__()
        self._canaries = canaries
        self._formatter = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.partition(".")[0] in _CLIENTS:
            return
        where = f"the log {record.name}"
        self._canaries.look(where, self._formatter.format(record))
        self._canaries.look(f"an extra of {where}", repr(record.__dict__))
        if record.exc_info and record.exc_info[1]:
            shown = traceback.format_exception(record.exc_info[1])
            self._canaries.look(f"an exception in {where}", "".join(shown))


def everything_in(answer: Response) -> str:
    """Body and headers of an answer; not the cookie that it sets, which is where that belongs."""
    headers = [f"{name}: {value}" for name, value in answer.headers.items()]
    return "\n".join(
        [*(each for each in headers if not each.startswith("set-cookie")), answer.text]
    )


def _traces(secret: str) -> Iterator[str]:
    yield from (secret[at : at + FRAGMENT] for at in range(len(secret) - FRAGMENT + 1))
    raw = secret.encode()
    yield from (raw.hex(), secret[::-1], quote(secret, safe=""), unquote(secret))
    yield from (json.dumps(secret)[1:-1], repr(secret)[1:-1])
    # Within something longer, base64 has three spellings: by where the secret begins.
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + raw)[4 : 4 * (len(raw) // 3)].decode()
        yield from (whole, whole.replace("+", "-").replace("/", "_"))


def _repr(value: object) -> str:
    try:
        return f"{value!r} {value!s}"
    except Exception as error:  # noqa: BLE001 - such as a row whose session is gone
        return repr(error)
