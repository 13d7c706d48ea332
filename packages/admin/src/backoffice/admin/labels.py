"""What a record, a model and a column are called for people."""

from collections.abc import Collection
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import SQLModel

from backoffice.admin.veils import PLAIN, Hidden, Veiled
from backoffice.auth.resources import plural, resource_of, words

__all__ = ["NAMING", "column_label", "plural", "record_label", "resource_of", "shortened", "words"]

_LENGTH = 80
#: Fields by which people call a record, the first that it has.
NAMING = ("name", "title", "label", "email", "username", "subject", "slug", "code")
_ACRONYMS = {"api", "csv", "ean", "http", "iban", "id", "ip", "isbn", "sku", "uri", "url", "uuid"}


def record_label(
    record: SQLModel, key: str, hidden: Collection[str] = (), *, veiled: bool = False
) -> str:
    """The record's own `__str__`, else its name, title and the like, else `Book 42`.

    Of no field that is hidden from whoever reads it, and where it is `veiled`, of no other record.
    """
    kind = words(type(record).__name__)
    if type(record).__str__ not in PLAIN:
        try:
            # Any: a stand-in that has the record's attributes, but for those that are hidden.
            seen: Any = Veiled(record, hidden) if hidden or veiled else record
            text = type(record).__str__(seen)
            return shortened(text) or f"{kind} {key}"
        except (SQLAlchemyError, Hidden, TypeError):
            # It reads a relation, and a relation is not loaded by looking at it here; or what is
            # hidden.
            return f"{kind} {key}"
    named = (getattr(record, each, None) for each in NAMING if each not in hidden)
    found = next((each for each in named if isinstance(each, str) and each.strip()), None)
    return shortened(found) if found else f"{kind} {key}"


def shortened(text: str, length: int = _LENGTH) -> str:
    """The text in one line, cut to its length."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def column_label(name: str) -> str:
    """`author_id` as `Author ID`, `is_active` as `Active`."""
    name = name.removeprefix("is_") or name
    found = [
        each.upper() if each.lower() in _ACRONYMS else each for each in name.split("_") if each
    ]
    text = " ".join(found) or name
    return text[0].upper() + text[1:]
