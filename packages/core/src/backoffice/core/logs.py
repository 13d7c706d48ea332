"""Logs: one line for each record, as JSON or as text, with the request's id and without secrets."""

import contextlib
import json
import logging
import os
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TextIO

from pydantic_settings import SettingsError

from backoffice.core.errors import SetupError
from backoffice.core.plain import plain, text_of
from backoffice.core.redaction import STANDARD, Redacted, Secret, named_secrets
from backoffice.core.request_ids import STATE, request_id
from backoffice.core.settings.sources import secret_files

Form = Literal["auto", "json", "text"]

#: Line ends, what moves a terminal's cursor, and what turns the direction of writing.
_CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_BARE = re.compile(r"[\w.:/{}@+-]+")
#: uvicorn says some things twice, the second time in colours.
_NOT_TOLD = STANDARD | {"color_message", STATE}


def configure_logging(
    *secrets: Secret,
    level: int | str = logging.INFO,
    form: Form = "auto",
    stream: TextIO | None = None,
    request_id: Callable[[], str | None] = request_id,
) -> bool:
    """Write the process's logs to `stream` (stderr), unless the app has done so; whether it did.

    `form` is `json`, one object in a line, or `text`; `auto` takes text for a terminal. Records of
    `level` and above are written. `secrets`, beside those of the `BACKOFFICE_...` variables, and
    what has a secret's shape are masked. `request_id` gives the id where another than our
    `RequestId` makes it, such as `correlation_id.get` of asgi-correlation-id.

    Where the root logger has a handler already, logging is the app's own, and nothing changes.
    uvicorn's loggers write through this one too, if they have nothing but uvicorn's own handlers.
    """
    if form not in ("auto", "json", "text"):
        raise SetupError(f"form={form!r} is not known; take auto, json or text")
    root = logging.getLogger()
    if root.handlers:
        return False
    opened = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(opened)
    is_text = form == "text" or (form == "auto" and opened.isatty())
    handler.setFormatter(TextLines() if is_text else JsonLines())
    handler.addFilter(Redacted(*secrets, *settings_secrets()))
    handler.addFilter(InRequest(request_id))
    root.setLevel(level.upper() if isinstance(level, str) else level)
    root.addHandler(handler)
    _take_over_uvicorn()
    return True


def settings_secrets() -> list[str]:
    """The secrets among `BACKOFFICE_...`, in the environment and in BACKOFFICE_SECRETS_DIR."""
    found = dict(os.environ)
    for file in _mounted():
        with contextlib.suppress(OSError, UnicodeDecodeError):
            found.setdefault(file.name, file.read_text("utf-8"))
    ours = {name: each for name, each in found.items() if name.upper().startswith("BACKOFFICE_")}
    return [each.strip() for each in named_secrets(ours)]


def _mounted() -> list[Path]:
    try:
        return list(secret_files())
    except SettingsError:
        # It keeps the app from starting, and is told there.
        return []


class InRequest(logging.Filter):
    """Gives each record the `request_id` of the request it was written in, if there is one."""

    def __init__(self, request_id: Callable[[], str | None] = request_id) -> None:
        super().__init__()
        self._request_id = request_id

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the id; True."""
        if not hasattr(record, STATE):
            setattr(record, STATE, self._found())
        return True

    def _found(self) -> str | None:
        try:
            return self._request_id()
        except Exception:  # noqa: BLE001 - a context that is not there raises what it likes
            return None


class JsonLines(logging.Formatter):
    """One JSON object in a line, in ASCII: nothing in it can end the line."""

    def format(self, record: logging.LogRecord) -> str:
        """`timestamp` (UTC), `level`, `logger`, `message`, `request_id`, extras, `exception`."""
        told = _told(record) | {
            name: plain(value) for name, value in _extras(record).items() if name not in _FIELDS
        }
        if exception := _exception(self, record):
            told["exception"] = exception
        return json.dumps(told).replace("\x7f", "\\u007f")


class TextLines(logging.Formatter):
    """A line for people. Line ends and control characters in it are spelled out, and the lines of
    an exception are set in: none of them can pass for a record."""

    def format(self, record: logging.LogRecord) -> str:
        """Moment (UTC), level, logger, message, then `name=value` for the id and the extras."""
        told = _told(record)
        line = [told.pop("timestamp"), f"{told.pop('level'):<8}", f"{told.pop('logger')}:"]
        line.append(told.pop("message"))
        line += [f"{name}={_shown(value)}" for name, value in (told | _extras(record)).items()]
        lines = [" ".join(line), *_exception(self, record).split("\n")]
        first, *rest = map(_visible, lines)
        return "\n".join([first, *(f"    | {each}" for each in rest if each)])


#: What a line says of itself; an extra of the same name gives way.
_FIELDS = {"timestamp", "level", "logger", "message", "exception", STATE}


def _told(record: logging.LogRecord) -> dict[str, Any]:
    moment = datetime.fromtimestamp(record.created, UTC)
    told = {
        "timestamp": moment.isoformat(timespec="milliseconds"),
        "level": record.levelname,
        "logger": record.name,
        "message": text_of(record.getMessage()),
    }
    id = getattr(record, STATE, None)
    return told if id is None else {**told, STATE: id}


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    return {name: each for name, each in record.__dict__.items() if name not in _NOT_TOLD}


def _exception(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    """The traceback, which never shows the values of variables, and the stack if it was asked."""
    text = record.exc_text or ""
    if not text and isinstance(record.exc_info, tuple) and record.exc_info[0] is not None:
        text = formatter.formatException(record.exc_info)
    return text_of("\n".join(each for each in (text, record.stack_info) if each))


def _shown(value: object) -> str:
    told = plain(value)
    text = told if isinstance(told, str) else json.dumps(told, ensure_ascii=False)
    return text if _BARE.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _visible(text: str) -> str:
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _take_over_uvicorn() -> None:
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        own = [each for each in logger.handlers if _is_uvicorns(each)]
        for each in own:
            logger.removeHandler(each)
        if own and not logger.handlers:
            logger.propagate = True


def _is_uvicorns(handler: logging.Handler) -> bool:
    return any(each.__module__ == "uvicorn.logging" for each in type(handler.formatter).__mro__)
