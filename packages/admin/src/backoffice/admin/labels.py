"""What a record, a model and a column are called for people."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from inspect import getattr_static
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.hybrid import hybrid_property
from sqlmodel import SQLModel

from backoffice.auth.resources import plural, resource_of, words

__all__ = ["column_label", "plural", "record_label", "resource_of", "shortened", "words"]

_LENGTH = 80
_NAMING = ("name", "title", "label", "email", "username", "subject", "slug", "code")
_ACRONYMS = {"api", "csv", "ean", "http", "iban", "id", "ip", "isbn", "sku", "uri", "url", "uuid"}


def record_label(record: SQLModel, key: str, hidden: Collection[str] = ()) -> str:
    """The record's own `__str__`, else its name, title and the like, else `Book 42`.

    Of no field that is hidden from whoever reads it.
    """
    kind = words(type(record).__name__)
    if type(record).__str__ is not SQLModel.__str__:
        try:
            # Any: a stand-in that has the record's attributes, but for those that are hidden.
            seen: Any = Veiled(record, hidden) if hidden else record
            text = type(record).__str__(seen)
            return shortened(text) or f"{kind} {key}"
        except (SQLAlchemyError, Hidden, TypeError):
            # It reads a relation, and a relation is not loaded by looking at it here; or what is
            # hidden.
            return f"{kind} {key}"
    named = (getattr(record, each, None) for each in _NAMING if each not in hidden)
    found = next((each for each in named if isinstance(each, str) and each.strip()), None)
    return shortened(found) if found else f"{kind} {key}"


class Hidden(Exception):
    """A label would tell what its reader may not know."""


@dataclass(frozen=True)
class Veil:
    """What may not be read of related records: some fields, and some of them, by `id`, at all."""

    hidden: frozenset[str] = frozenset()
    unseen: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        """Whether it hides anything."""
        return bool(self.hidden or self.unseen)

    def over(self, record: Any) -> Any:
        """The record to look at; Hidden if that may not be."""
        if id(record) in self.unseen:
            raise Hidden
        return Veiled(record, self.hidden) if self.hidden else record


class Veiled:
    """A record to whoever may not read some of its fields, or of the records it is related to."""

    def __init__(
        self, record: SQLModel, hidden: Collection[str], related: Mapping[str, Veil] | None = None
    ) -> None:
        self._record = record
        self._hidden = hidden
        self._related = related or {}

    def __getattr__(self, name: str) -> Any:
        # What reads all fields at once would read the hidden ones too.
        if name in self._hidden or name.startswith(("_", "model_")):
            raise Hidden
        own = getattr_static(type(self._record), name, None)
        if isinstance(own, property | hybrid_property):
            # It reads through the veil, too.
            read: Any = own.fget
            return read(self)
        found = getattr(self._record, name)
        if name in self._related and found is not None:
            veil = self._related[name]
            if isinstance(found, list | set | tuple):
                return [veil.over(each) for each in found if id(each) not in veil.unseen]
            return veil.over(found)
        if callable(found) or isinstance(found, SQLModel):
            raise Hidden
        return found


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
