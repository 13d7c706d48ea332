"""The fields of forms and columns: how a value is written into a form and read from one.

A value is checked by the model itself (pydantic); a field only turns what a form sends into what
the model reads. What was typed stays as it was typed, for a form that comes back with an error.
"""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from pydantic import TypeAdapter
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette_admin.fields import (
    BaseField,
    BooleanField,
    DateTimeField,
    EnumField,
    JSONField,
    TextAreaField,
)
from starlette_admin.helpers import html_params

#: Sent beside a field that says nothing when it is empty: a checkbox, a list.
SENT = ".sent"
_INTERVAL = TypeAdapter(timedelta)


class Spelled:
    """A kind of field that writes its values into forms in a way of its own."""

    def spelled(self, value: Any) -> str:
        """The text of a value."""
        raise NotImplementedError

    def meant(self, text: str) -> Any:
        """The value of a text, which may be empty; ValueError for one that is none."""
        raise NotImplementedError


@dataclass
class MomentField(DateTimeField):
    """A date and time, shown in UTC; `aware` if the column keeps a zone."""

    aware: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self.help_text = self.help_text or "UTC"

    def input_params(self) -> str:
        """Attributes of the input; to the second, for browsers refuse finer ones."""
        return html_params({"type": "datetime-local", "step": 1, "required": self.required})


@dataclass
class DocumentField(JSONField):
    """Any JSON, as text."""

    def __post_init__(self) -> None:
        BaseField.__post_init__(self)


@dataclass
class ChoicesField(EnumField):
    """Several of some choices, as checkboxes; `choices_loader` gives those of the request."""

    form_template: str = "fields/form/choices.html"
    multiple: bool = True


@dataclass
class LinesField(TextAreaField):
    """Several short texts, one on each line."""


@dataclass
class Reference(BaseField):
    """A column that holds the key of a record of another view."""

    resource: str = ""
    #: The relationship that the model reads it by, if it has one: another name for the field.
    relation: str | None = None
    form_template: str = "fields/form/reference.html"


@dataclass
class References(BaseField):
    """A many-to-many relationship, of records of another view."""

    resource: str = ""
    multiple: bool = True
    form_template: str = "fields/form/reference.html"


def is_sent(each: BaseField, form: FormData) -> bool:
    """Whether the form says anything about the field: what it is silent about is left alone."""
    return each.id in form or f"{each.id}{SENT}" in form


def sent_value(each: BaseField, form: FormData) -> Any:
    """What the form says about the field: text, or a list or bool where the field holds one."""
    if isinstance(each, References | ChoicesField):
        return [text for text in form.getlist(each.id) if isinstance(text, str)]
    if isinstance(each, BooleanField):
        return each.id in form
    text = form.get(each.id)
    if text is None or isinstance(text, UploadFile):
        return ""
    if isinstance(each, TextAreaField | DocumentField):
        # Forms send line ends as CRLF, whatever was in the text.
        return text.replace("\r\n", "\n")
    return text


def form_value(each: BaseField, value: Any) -> Any:
    """What stands in a form for a value: text, or a list or bool where the field holds one."""
    if isinstance(each, BooleanField):
        return bool(value)
    if isinstance(each, References | ChoicesField):
        return [str(part) for part in value or ()]
    if isinstance(each, Spelled):
        return each.spelled(value)
    if value is None:
        return ""
    if isinstance(each, LinesField):
        return "\n".join(value)
    if isinstance(each, DocumentField):
        return document_text(value, indent=2)
    return text_of(value)


def document_text(value: Any, indent: int | None = None) -> str:
    """A document as JSON that can be sent; half a character, which the app may hold, is a ?."""
    text = json.dumps(value, indent=indent, ensure_ascii=False, default=str)
    return text.encode("utf-8", "replace").decode()


def text_of(value: Any) -> str:
    """A single value as the text that a form sends for it."""
    if type(value) in (str, int):
        return str(value)
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, datetime):
        shown = value.astimezone(UTC) if value.tzinfo is not None else value
        return shown.replace(tzinfo=None, microsecond=0).isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, timedelta):
        return str(_INTERVAL.dump_python(value, mode="json"))
    return str(value)


def read(each: BaseField, sent: Any) -> Any:
    """The value for the model to check, None for an empty text; ValueError if it is no value."""
    if isinstance(each, BooleanField | References | ChoicesField):
        return sent
    if isinstance(each, LinesField):
        return [line.strip() for line in sent.splitlines() if line.strip()]
    if isinstance(each, Spelled):
        return each.meant(sent)
    if sent == "":
        return None
    if isinstance(each, DocumentField):
        return _document(sent)
    if isinstance(each, EnumField):
        return _chosen(each, sent)
    return sent


def _document(text: str) -> Any:
    try:
        found = json.loads(text, parse_constant=_refused)
        # 1e999 is read as infinity, and an escape may be half a character: neither can be stored.
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        raise ValueError("This is not JSON.") from None
    return found


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _chosen(each: EnumField, text: str) -> Any:
    members = {str(member.value): member for member in each.enum or ()}
    if each.enum is None and isinstance(each.choices, list):
        # Of plain names: the model knows a text, and not which.
        names = [str(choice) for choice, _ in each.choices]
        if text not in names:
            raise ValueError(f"Choose one of {', '.join(names)}.")
    return members.get(text, text)


def label_of(each: EnumField, value: Any, request: Request) -> str:
    """What a choice is called."""
    text = text_of(value)
    for choice, label in each._get_choices(request) or ():
        if str(choice) == text:
            return str(label)
    return text
