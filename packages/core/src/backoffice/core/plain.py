"""Values as JSON can hold them, whatever they were."""

import math
from collections.abc import Iterable, Mapping
from enum import Enum
from itertools import islice
from typing import Any

MOST_DEPTH = 8
MOST_ITEMS = 1000
_MOST_BITS = 1024


def plain(value: Any, depth: int = MOST_DEPTH) -> Any:
    """The value in terms of JSON; what JSON has no term for is given as text.

    Never raises. No NaN, no half surrogate pair, nothing that holds itself: the JSON of it can
    always be written and encoded.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return plain(value.value, depth - 1)
    if isinstance(value, str):
        return text_of(value)
    if isinstance(value, int | float):
        return _number(value)
    if depth <= 0:
        return "..."
    if isinstance(value, Mapping):
        items = _first(value.items())
        return {text_of(key): plain(each, depth - 1) for key, each in items}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each, depth - 1) for each in _first(value)]
    return text_of(value)


def text_of(value: object) -> str:
    """`str(value)` that can be encoded: half a surrogate pair becomes a question mark."""
    if type(value) is str and value.isascii():  # nearly all there are; a refusal holds many
        return value
    try:
        return str(value).encode("utf-8", "replace").decode()
    except Exception:  # noqa: BLE001 - any class may have a __str__ that fails
        return f"<{type(value).__name__}>"


def _number(value: float) -> int | float | str:
    if isinstance(value, int):
        # Python refuses to write out longer ones than 4300 digits.
        return int(value) if value.bit_length() <= _MOST_BITS else f"<{value.bit_length()} bits>"
    return float(value) if math.isfinite(value) else str(float(value))


def _first(items: Iterable[Any]) -> list[Any]:
    return list(islice(items, MOST_ITEMS))
