"""How values are shown on pages and written into exports."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette_admin.fields import BaseField, EnumField

from backoffice.admin.fields import document_text, label_of, text_of
from backoffice.admin.labels import shortened

NOTHING = Markup('<span class="nothing">&ndash;</span>')


class Failed:
    """In the place of a value that a function of the app could not give."""

    def __str__(self) -> str:
        return "error"


FAILED = Failed()
# By `%`, which takes half of what `format` does: a list has hundreds of them.
_FAILURE = Markup('<span class="error">%s</span>')
_YES = Markup('<span class="yes">Yes</span>')
_NO = Markup('<span class="no">No</span>')
_TIME = Markup('<time datetime="%s" title="%s UTC">%s</time>')
_CHOICE = Markup('<span class="choice">%s</span>')
_LINK = Markup('<a href="%s">%s</a>')
_CUT = Markup('<span title="%s">%s</span>')
_DOCUMENT = Markup("<pre>%s</pre>")
_TEXT = Markup('<span class="text">%s</span>')
_TITLE_LENGTH = 500


def cell(field: BaseField, value: Any, request: Request) -> str:
    """A value in a list: one line."""
    if isinstance(value, str) and not isinstance(field, EnumField):
        return _cut(value)
    if isinstance(value, dict | list) and not isinstance(field, EnumField):
        return _cut(document_text(value))
    return _shown(field, value, request)


def passage(field: BaseField, value: Any, request: Request) -> str:
    """A value on a page of its own record: the whole of it."""
    if isinstance(value, dict | list) and not isinstance(field, EnumField):
        return _DOCUMENT % document_text(value, indent=2)
    if isinstance(value, str) and not isinstance(field, EnumField):
        return _TEXT % value if value else NOTHING
    return _shown(field, value, request)


def link(url: str, label: str) -> str:
    """A link to a record."""
    return _LINK % (url, label)


def exported(value: Any) -> Any:
    """A value for CSV and JSON: numbers stay numbers, the rest is text that can be read back."""
    if value is None or isinstance(value, bool | int | float | Decimal):
        return value
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict | list | tuple):
        return document_text(value)
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    return text_of(value)


def _shown(field: BaseField, value: Any, request: Request) -> str:
    if value is None or value == "":
        return NOTHING
    if value is FAILED:
        return _FAILURE % value
    if isinstance(value, bool):
        return _YES if value else _NO
    if isinstance(field, EnumField):
        chosen = value if isinstance(value, list | tuple) else [value]
        labels = (_CHOICE % label_of(field, each, request) for each in chosen)
        return Markup(" ").join(labels) or NOTHING
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, date | time | Decimal | timedelta | Enum):
        return text_of(value)
    return str(value)


def moment(value: datetime) -> Markup:
    """A date and time, in UTC."""
    moment = value.astimezone(UTC) if value.tzinfo is not None else value
    text = moment.replace(tzinfo=None).isoformat(" ", "seconds")
    return _TIME % (value.isoformat(), text, text[: len("2026-11-22 12:00")])


def _cut(text: str) -> str:
    if not text:
        return NOTHING
    short = shortened(text)
    return short if short == text else _CUT % (text[:_TITLE_LENGTH], short)
