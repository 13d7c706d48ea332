"""What is wrong with settings, told by the variable and without its value."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType
from pydantic_settings import BaseSettings, SettingsError

from backoffice.core.settings.fields import names, unit
from backoffice.core.settings.sources import Unreadable

#: What a validator says, rather than pydantic.
SAID = {"value_error", "assertion_error"}
#: Errors of which the message cannot hold the value.
SILENT = {*get_args(ErrorType)} - SAID - {"union_tag_invalid"}


@dataclass(frozen=True)
class Fault:
    """A variable that cannot be used, and what is expected of it."""

    name: str
    message: str

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"


def faults(error: ValidationError | SettingsError, kind: type[BaseSettings]) -> list[Fault]:
    """What is wrong with settings of that kind; nothing of it repeats a value."""
    if isinstance(error, Unreadable):
        return [Fault(error.variable, error.message)]
    if isinstance(error, SettingsError):
        field = re.search(r'field "(\w+)"', str(error))
        name = variable(kind, field[1]) if field else kind.__name__
        return [Fault(name, "cannot be read; a list or an object is written as JSON")]
    found = [_fault(detail, kind) for detail in error.errors(include_url=False)]
    return list(dict.fromkeys(found))


def told(error: ValidationError) -> str:
    """What is wrong with an object of whatever class; nothing of it repeats a value."""
    return "; ".join(
        f"{'.'.join([error.title, *map(str, detail['loc'][:1])])}: {_message(detail, ours=False)}"
        for detail in error.errors(include_url=False)
    )


def _fault(detail: ErrorDetails, kind: type[BaseSettings]) -> Fault:
    field = str(detail["loc"][0]) if detail["loc"] else ""
    message = _message(detail, ours=kind.__module__.startswith("backoffice."))
    written = unit(kind, field) if field in kind.model_fields else None
    told = f"{message} ({written})" if written and detail["type"] not in SAID else message
    return Fault(variable(kind, field), told)


def variable(kind: type[BaseSettings], field: str) -> str:
    """The variable; pydantic calls a field by its alias where it has one."""
    known = {name for each in kind.model_fields for name in names(kind, each)}
    if field in kind.model_fields:
        return names(kind, field)[0]
    return next((name for name in known if name.upper() == field.upper()), kind.__name__)


def _message(detail: ErrorDetails, *, ours: bool) -> str:
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if detail["type"] == "uuid_parsing":  # what follows shows a letter of the value
        return message.partition(",")[0]
    if detail["type"] == "missing" and len(detail["loc"]) > 1:
        return f"lacks {detail['loc'][-1]}"
    if not ours and detail["type"] not in SILENT and _repeats(message, detail["input"]):
        return "is not accepted; why is not shown, for the message repeats the value"
    return message


def _repeats(message: str, value: Any) -> bool:
    return any(len(each) > 3 and each in message for each in _texts(value))


def _texts(value: Any) -> Iterator[str]:
    """Every text within a value."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from _texts(each)
    else:
        yield str(value)
