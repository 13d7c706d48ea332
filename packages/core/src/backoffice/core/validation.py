"""What FastAPI finds wrong with a request, told without repeating the request."""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, get_args

from fastapi.exceptions import ValidationException
from pydantic_core.core_schema import ErrorType

from backoffice.core.errors import InvalidInput
from backoffice.core.plain import text_of

MOST_FAULTS = 20
MOST_TEXTS = 1000
_MOST_NAME, _MOST_MESSAGE = 100, 500
#: A shorter input may stand in any message by chance, and is no secret.
_LEAST_ECHO = 4
#: Messages of these kinds of fault may be written by the app, or hold a part of the input.
_FREE = {"value_error", "assertion_error", "union_tag_invalid"}
_OF_PYDANTIC = {*get_args(ErrorType)} - _FREE
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def invalid_input(error: ValidationException) -> InvalidInput:
    """The refusal that says what is wrong with which field, and nothing of what was sent.

    Its `errors` are `{"in", "field", "code", "message"}` each, at most 20: `in` says where the
    field is (`body`, `query`, `path`, `header`, `cookie`), `code` is Pydantic's type of error.
    """
    found: Any = error.errors()
    listed = found if isinstance(found, list | tuple) else [found]
    faults = [_fault(each) for each in listed[:MOST_FAULTS]]
    told = "; ".join(f"{each['field'] or each['in']}: {each['message']}" for each in faults)
    return InvalidInput(f"The request cannot be used. {told}", errors=faults)


def without_input(fault: Any) -> dict[str, Any]:
    """FastAPI's own form of a fault, `type`, `loc` and `msg`, with no input in it."""
    told = fault if isinstance(fault, Mapping) else {"msg": fault}
    return {
        "type": text_of(told.get("type", "value_error")),
        "loc": [part if isinstance(part, int) else _name(part) for part in _location(told)],
        "msg": _message(told),
    }


def _fault(fault: Any) -> dict[str, str]:
    safe = without_input(fault)
    where, *path = safe["loc"] or ["body"]
    return {
        "in": str(where),
        "field": ".".join(map(str, path))[:_MOST_NAME],
        "code": safe["type"],
        "message": safe["msg"],
    }


def _location(fault: Mapping[str, Any]) -> tuple[Any, ...]:
    found = fault.get("loc", ())
    return tuple(found) if isinstance(found, list | tuple) else (found,)


def _name(part: object) -> str:
    """A field's name may be the client's: of any length, with any character in it."""
    return _CONTROL.sub("?", text_of(part)[:_MOST_NAME])


def _message(fault: Mapping[str, Any]) -> str:
    message = text_of(fault.get("msg", "is not usable"))
    if fault.get("type") not in _OF_PYDANTIC:
        texts = list(islice(_texts(fault.get("input")), MOST_TEXTS))
        if len(texts) == MOST_TEXTS:
            return "is not usable"
        for text in sorted(set(texts), key=len, reverse=True):
            message = message.replace(text, "...")
    return message[:_MOST_MESSAGE]


def _texts(value: Any) -> Iterator[str]:
    """Every text within an input that a message could repeat."""
    pending = [value]
    while pending:
        each = pending.pop()
        if isinstance(each, str):
            if len(each) >= _LEAST_ECHO:
                yield text_of(each)
        elif isinstance(each, Mapping):
            pending += each.values()
        elif isinstance(each, list | tuple | set | frozenset):
            pending += each
