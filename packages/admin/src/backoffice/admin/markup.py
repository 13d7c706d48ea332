"""Markup that templates ask for: icons, what ties an input to its help, and labels in sentences."""

from functools import lru_cache

from markupsafe import Markup
from starlette.requests import Request
from starlette_admin.fields import BaseField

from backoffice.admin.visits import root

_SYMBOL = Markup('<svg class="icon" aria-hidden="true"><use href="{}/static/icons.svg#{}"/></svg>')
_DESCRIBED = Markup(' aria-describedby="{}"')
_INVALID = Markup(' aria-invalid="true"')


def symbol(request: Request, name: str) -> Markup:
    """An icon of `static/icons.svg`."""
    return _symbol(root(request), name)


@lru_cache(maxsize=1000)
def _symbol(base: str, name: str) -> Markup:
    return _SYMBOL.format(base, name)


def described(field: BaseField, error: object) -> Markup:
    """Attributes that tie an input to its help and its error, for those who do not see them."""
    ids = [f"{field.id}-help"] * bool(field.help_text) + [f"{field.id}-error"] * bool(error)
    found = _DESCRIBED.format(" ".join(ids)) if ids else Markup("")
    return found + _INVALID if error else found


def lower_first(text: object) -> str:
    """A label within a sentence; API keys stay API keys."""
    words = str(text)
    return words if words[:2].isupper() else words[:1].lower() + words[1:]
