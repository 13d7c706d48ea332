"""What a record, a model and a column are called for people."""

import re

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import SQLModel

_LENGTH = 80
_NAMING = ("name", "title", "label", "email", "username", "subject", "slug", "code")
_ACRONYMS = {"api", "csv", "ean", "http", "iban", "id", "ip", "isbn", "sku", "uri", "url", "uuid"}


def record_label(record: SQLModel, key: str) -> str:
    """The record's own `__str__`, else its name, title and the like, else `Book 42`."""
    kind = words(type(record).__name__)
    if type(record).__str__ is not SQLModel.__str__:
        try:
            return shortened(str(record)) or f"{kind} {key}"
        except SQLAlchemyError:
            # It reads a relation, and a relation is not loaded by looking at it here.
            return f"{kind} {key}"
    named = (getattr(record, each, None) for each in _NAMING)
    found = next((each for each in named if isinstance(each, str) and each.strip()), None)
    return shortened(found) if found else f"{kind} {key}"


def shortened(text: str, length: int = _LENGTH) -> str:
    """The text in one line, cut to its length."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def words(class_name: str) -> str:
    """`OrderLine` as `Order line`."""
    found = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+|[^A-Za-z0-9]", class_name)
    return " ".join(found).capitalize()


def column_label(name: str) -> str:
    """`author_id` as `Author ID`, `is_active` as `Active`."""
    name = name.removeprefix("is_") or name
    found = [
        each.upper() if each.lower() in _ACRONYMS else each for each in name.split("_") if each
    ]
    text = " ".join(found) or name
    return text[0].upper() + text[1:]


def plural(word: str) -> str:
    """The English plural of a regular noun."""
    if re.search(r"[^aeiou]y$", word):
        return f"{word[:-1]}ies"
    if re.search(r"(s|x|z|ch|sh)$", word):
        return f"{word}es"
    return f"{word}s"


def resource_of(model: type[SQLModel]) -> str:
    """The name of the model in addresses and permissions: `OrderLine` as `order-lines`."""
    return plural(words(model.__name__).lower().replace(" ", "-"))
