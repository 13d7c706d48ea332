"""What a form sends, checked by the model itself: pydantic's rules, defaults and validators."""

import math
from collections.abc import Iterable
from datetime import datetime
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Column, String
from sqlalchemy import inspect as inspected
from sqlmodel import SQLModel
from starlette.datastructures import FormData
from starlette_admin.exceptions import FormValidationError
from starlette_admin.fields import BaseField, TextAreaField

from backoffice.admin.column_sizes import too_long
from backoffice.admin.columns import column_of
from backoffice.admin.constraints import WHOLE_FORM
from backoffice.admin.fields import DocumentField, References, form_value, is_sent, read, sent_value
from backoffice.admin.filtering import LARGEST, fit
from backoffice.admin.labels import column_label
from backoffice.admin.versions import settled

_ADDRESSES = (IPv4Address, IPv6Address, IPv4Interface, IPv6Interface, IPv4Network, IPv6Network)
REQUIRED = "This field is required."
UNFIT = "A value does not fit its column."


def sent_values(fields: Iterable[BaseField], form: FormData) -> dict[str, Any]:
    """Field to what the form says about it; a field that it is silent about is left out."""
    return {each.name: sent_value(each, form) for each in fields if is_sent(each, form)}


def form_values(fields: Iterable[BaseField], record: SQLModel) -> dict[str, Any]:
    """Field to what stands in the form for the record's value."""
    return {each.name: form_value(each, _present(each, record)) for each in fields}


def read_values(
    fields: Iterable[BaseField], sent: dict[str, Any], current: SQLModel | None
) -> dict[str, Any]:
    """Field to value, of those that differ from the current record; FormValidationError."""
    values: dict[str, Any] = {}
    errors: dict[str | int, Any] = {}
    for each in fields:
        if current is None and each.required and sent.get(each.name) in (None, "", []):
            errors[each.name] = REQUIRED
        elif each.name in sent and not _is_unchanged(each, sent[each.name], current):
            try:
                values[each.name] = _read(each, sent[each.name])
            except ValueError as error:
                errors[each.name] = str(error)
    if errors:
        raise FormValidationError(errors)
    return values


def _read(each: BaseField, sent: Any) -> Any:
    value = read(each, sent)
    if each.required and value in (None, "", []):
        raise ValueError(REQUIRED)
    return value


def new_record(model: type[SQLModel], values: dict[str, Any]) -> SQLModel:
    """A record of these values and the model's defaults; FormValidationError if it may not be."""
    given = {name: _filled(model, name, value) for name, value in values.items()}
    chosen = {name: value for name, value in given.items() if value is not None}
    record = _validated(model, chosen)
    for name, value in _storable(model, {each: getattr(record, each) for each in chosen}).items():
        setattr(record, name, value)
    return record


def changes(record: SQLModel, values: dict[str, Any]) -> dict[str, Any]:
    """The values as the model reads them beside those that the record has already."""
    model = type(record)
    given = {name: _filled(model, name, value) for name, value in values.items()}
    for name, value in given.items():
        column = column_of(model, name)
        if value is None and column is not None and not column.nullable:
            raise FormValidationError({name: REQUIRED})
    names = [each.key for each in inspected(model).column_attrs if each.key in model.model_fields]
    validated = _validated(model, {each: _held(record, each) for each in names} | given)
    return _storable(model, {name: getattr(validated, name) for name in given})


def _present(each: BaseField, record: SQLModel) -> Any:
    value = getattr(record, each.name, None)
    if isinstance(each, References):
        return [inspected(part).identity[0] for part in value or ()]
    return value


def _is_unchanged(each: BaseField, sent: Any, current: SQLModel | None) -> bool:
    """The text that stands for the present value says nothing new, whatever it leaves out."""
    if current is None or not hasattr(current, each.name):
        return False
    present = form_value(each, _present(each, current))
    if isinstance(present, list):
        return sorted(present) == sorted(sent)
    if not isinstance(present, str):
        return bool(present == sent)
    # Browsers send line ends as CRLF from a text area, and none at all from a line of input.
    # A CR alone is a line end to them as well.
    seen = present.replace("\r\n", "\n").replace("\r", "\n")
    if not isinstance(each, TextAreaField | DocumentField):
        seen = seen.replace("\n", "")
    return sent in (present, seen) or settled(each, sent) == settled(each, present)


def _held(record: SQLModel, name: str) -> Any:
    """What a record has, for the model to read: a driver may give addresses, where it has texts."""
    value = getattr(record, name)
    return str(value) if isinstance(value, _ADDRESSES) else value


def _filled(model: type[SQLModel], name: str, value: Any) -> Any:
    """An empty text is a text, where the column must hold one."""
    column = column_of(model, name)
    return "" if value is None and _is_text(column) else value


def _is_text(column: Column[Any] | None) -> bool:
    if column is None or column.nullable:
        return False
    return isinstance(getattr(column.type, "impl_instance", column.type), String)


def _validated(model: type[SQLModel], values: dict[str, Any]) -> SQLModel:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise FormValidationError(_told(error, values)) from None


def _told(error: ValidationError, values: dict[str, Any]) -> dict[str | int, Any]:
    errors: dict[str | int, Any] = {}
    for each in error.errors(include_url=False, include_input=False, include_context=False):
        name = str(each["loc"][0]) if each["loc"] else ""
        message = REQUIRED if each["type"] == "missing" else each["msg"]
        if name in values:
            errors.setdefault(name, message.removeprefix("Value error, "))
        else:
            # No field of the form: what is missing is told above it.
            errors[WHOLE_FORM] = f"{column_label(name)}: {message}" if name else message
    return errors


def _storable(model: type[SQLModel], values: dict[str, Any]) -> dict[str, Any]:
    """The values as their columns hold them; FormValidationError for what no column holds."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        column = column_of(model, name)
        if not _fits(value):
            raise FormValidationError({name: UNFIT})
        if column is not None and (told := too_long(column, value)):
            raise FormValidationError({name: told})
        moment = isinstance(value, datetime) and column is not None
        found[name] = fit(column.type, value) if moment and column is not None else value
    return found


def _fits(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return abs(value) <= LARGEST
    return not (isinstance(value, str) and "\0" in value)
