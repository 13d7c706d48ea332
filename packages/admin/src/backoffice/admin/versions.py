"""Versions: what a form says about the record as it was when the form was opened.

No column is needed: the form carries what stood in it, signed, so that what was changed by others
since then can be told field by field.
"""

import base64
import hashlib
import hmac
import json
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette_admin.fields import BaseField, DateTimeField, TextAreaField, TimeField

from backoffice.admin.fields import DocumentField
from backoffice.admin.visits import visit_of
from backoffice.auth.credentials import derived_key

#: The name of what a form carries; no field has a dot in front.
VERSION = ".version"
#: Longer values are carried by their digest alone.
_LONGEST = 4000
_MAC_BYTES = 16
_NO_SECONDS = re.compile(r"(^|T)\d\d:\d\d$")


@dataclass(frozen=True)
class Stood:
    """What stood in one field of a form: the value, or of a long one its digest."""

    digest: str
    value: Any = None
    is_known: bool = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stood) and self.digest == other.digest

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Version:
    """What stood in the fields of a form, and which of them wait for a choice."""

    stood: Mapping[str, Stood]
    opened: datetime | None = None
    undecided: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        fields: Iterable[BaseField],
        values: Mapping[str, Any],
        opened: datetime,
        undecided: Iterable[str] = (),
    ) -> "Version":
        """Of a form that shows these values."""
        stood = {
            each.name: stood_as(each, values[each.name]) for each in fields if each.name in values
        }
        return cls(stood, opened, frozenset(undecided))

    def sealed(self, request: Request, subject: str) -> str:
        """The version for the form of a record, of whoever opens it."""
        content = {
            "stood": {
                name: [each.digest, each.value] if each.is_known else [each.digest]
                for name, each in self.stood.items()
            },
            "opened": self.opened.isoformat() if self.opened else None,
            "undecided": sorted(self.undecided),
        }
        packed = zlib.compress(json.dumps(content, ensure_ascii=False).encode())
        sealed = _mac(request, subject, packed) + packed
        return base64.urlsafe_b64encode(sealed).decode()


#: Of a form whose version cannot be read: nothing is known of what stood in it.
UNKNOWN = Version({})


def version_of(request: Request, subject: str, form: FormData) -> Version | None:
    """The version that a form carries; None for one without, UNKNOWN for one that is not ours.

    A form without one was made by hand: it says what it changes, and claims nothing about the rest.
    """
    text = form.get(VERSION)
    if text is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(str(text).encode())
    except ValueError:
        return UNKNOWN
    mac, packed = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(request, subject, packed)):
        return UNKNOWN
    content = json.loads(zlib.decompress(packed))
    return Version(
        {name: _stood(*each) for name, each in content["stood"].items()},
        datetime.fromisoformat(content["opened"]).astimezone(UTC) if content["opened"] else None,
        frozenset(content["undecided"]),
    )


def stood_as(field: BaseField, value: Any) -> Stood:
    """What a value that is shown in a form, or sent by it, says."""
    said = settled(field, value)
    text = json.dumps(said, ensure_ascii=False)
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
    known = len(text) <= _LONGEST
    return Stood(digest, said if known else None, known)


def _stood(digest: str, *value: Any) -> Stood:
    return Stood(digest, value[0], is_known=True) if value else Stood(digest)


def settled(field: BaseField, value: Any) -> Any:
    """The value in the one shape that stands for all in which browsers send it."""
    if isinstance(value, list | tuple):
        return sorted(map(str, value))
    if not isinstance(value, str):
        return value
    text = value.replace("\r\n", "\n").replace("\r", "\n")
    if isinstance(field, DateTimeField | TimeField) and _NO_SECONDS.search(text):
        return f"{text}:00"
    if not isinstance(field, TextAreaField | DocumentField):
        # A line of input takes line ends out of what is shown in it.
        text = text.replace("\n", "")
    return text


def _mac(request: Request, subject: str, packed: bytes) -> bytes:
    visit = visit_of(request)
    key = derived_key(visit.secret, "admin version")
    about = json.dumps([visit.principal.name, subject]).encode()
    return hmac.digest(key, about + b"\0" + packed, hashlib.sha256)[:_MAC_BYTES]
