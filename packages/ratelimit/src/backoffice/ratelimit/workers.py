"""How many processes serve the app, as far as one of them can tell."""

import logging
import multiprocessing
import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

log = logging.getLogger(__name__)

_OPTION = re.compile(r"(?:--workers|-w)(?:=?(?P<number>[0-9]+))?")


def workers() -> int:
    """How many, by what started this process: 1 where nothing says that there are more."""
    found = (_of_environment(os.environ), _of_server(), _of_arguments(sys.argv))
    return max((each for each in found if each is not None), default=1)


def _of_environment(environment: Mapping[str, str]) -> int | None:
    """What Heroku set first, and uvicorn, gunicorn and hypercorn read since."""
    return _number(environment.get("WEB_CONCURRENCY", ""))


def _of_server() -> int | None:
    """What uvicorn hands to each process that it starts.

    That it was started by another one says nothing: so is the one that `--reload` ends and begins.
    """
    if multiprocessing.parent_process() is None:
        return None
    # Any: private to the standard library, and not worth more than a guess.
    handed: Any = getattr(multiprocessing.current_process(), "_kwargs", {})
    count = getattr(handed.get("config"), "workers", None)
    return count if isinstance(count, int) else None


def _of_arguments(arguments: Sequence[str]) -> int | None:
    """`--workers 4` of whatever server; forked and spawned processes keep its arguments."""
    pending = iter(arguments[1:])
    for each in pending:
        if found := _OPTION.fullmatch(each):
            return _number(found["number"] or next(pending, ""))
    return None


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 10 else None


def warn_of_several(count: int) -> None:
    """Say loudly that so many processes count each for itself."""
    if count > 1:
        log.error(
            "limits: %d processes count each for itself, so that %d times as much passes; "
            "set BACKOFFICE_REDIS_URL",
            count,
            count,
        )
