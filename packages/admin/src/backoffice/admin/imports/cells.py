"""Cells: what a file has in a cell, as a form would have sent it."""

import json
from typing import Any

from starlette_admin.export.helpers import escape_formula
from starlette_admin.fields import BaseField, BooleanField, StringField, TextAreaField

from backoffice.admin.fields import ChoicesField, References
from backoffice.admin.imports.files import cell_text
from backoffice.admin.relations import MOST_RELATED
from backoffice.admin.values import exported

_YES = frozenset({"true", "yes", "y", "1", "on", "t", "x"})
_NO = frozenset({"false", "no", "n", "0", "off", "f", "-"})
_PLAIN = (StringField, TextAreaField)


def is_silent(field: BaseField, cell: Any) -> bool:
    """Whether a cell says nothing of its field: what it is silent about is left alone."""
    return cell is None or (isinstance(field, BooleanField) and cell_text(cell).strip() == "")


def sent(field: BaseField, cell: Any) -> Any:
    """What a form would send for the cell; ValueError."""
    if isinstance(field, BooleanField):
        return _truth(cell)
    if isinstance(field, References | ChoicesField):
        return _bounded(_several(cell))
    text = unguarded(cell_text(cell))
    return text if type(field) in _PLAIN else text.strip()


def says_the_same(text: Any, value: Any) -> bool:
    """Whether the cell is what an export writes for the value that the record has already."""
    same = cell_text(_written(exported(value)))
    # What begins as if it was guarded has lost its quote on the way in.
    return isinstance(text, str) and text in (same, unguarded(same))


def unguarded(text: str) -> str:
    """The text that an export has guarded from being run as a formula."""
    return text[1:] if text[:1] == "'" and escape_formula(text[1:]) == text else text


def _written(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def _truth(cell: Any) -> bool:
    word = cell_text(cell).strip().casefold()
    if word not in _YES | _NO:
        raise ValueError("This has to be yes or no.")
    return word in _YES


def _bounded(several: list[str]) -> list[str]:
    """Each may be a name that is looked for."""
    if len(several) > MOST_RELATED:
        raise ValueError(f"This may name at most {MOST_RELATED}.")
    return several


def _several(cell: Any) -> list[str]:
    """The keys or names of a list: of JSON, or with commas or line ends between them."""
    if isinstance(cell, str):
        text = unguarded(cell).strip()
        if not text.startswith("["):
            return [each.strip() for each in text.replace("\n", ",").split(",") if each.strip()]
        try:
            cell = json.loads(text)
        except (ValueError, RecursionError):
            raise ValueError("This is no list.") from None
    if not isinstance(cell, list) or any(isinstance(each, dict | list) for each in cell):
        raise ValueError("This is no list.")
    return [cell_text(each) for each in cell]
