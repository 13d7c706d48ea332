"""Spans of time as people write them."""

import re
from datetime import timedelta

from backoffice.core.errors import InvalidInput

_SPAN = re.compile(r"([0-9]{1,5})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def span_of(text: str) -> timedelta:
    """The span of time that `30s`, `30m`, `12h`, `30d` or `8w` says; InvalidInput otherwise."""
    found = _SPAN.fullmatch(text)
    if found is None or int(found[1]) == 0:
        raise InvalidInput(f"{text!r} is no span of time; write 30s, 30m, 12h, 30d or 8w")
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])
