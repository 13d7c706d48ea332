"""Where a record is met in the app itself."""

from string import Formatter
from typing import Any
from urllib.parse import quote

from starlette.requests import Request

from backoffice.admin.fields import text_of
from backoffice.admin.rules import RuledView


def address_on_site(view: RuledView, request: Request, record: Any) -> str:
    """The address that `view_on_site` gives; empty where there is none, where it would tell what
    this person may not read, and where it would run something."""
    given = view.options.view_on_site
    if callable(given):
        found = given(record) or ""
        return found if is_address(found) else ""
    named = {name for _, name, _, _ in Formatter().parse(given) if name}
    if named & view.hidden(request) or any(getattr(record, name) is None for name in named):
        return ""
    parts = {name: quote(text_of(getattr(record, name)), safe="") for name in named}
    return given.format(**parts)


def is_address(text: str) -> bool:
    """Whether it leads to a path of this host or to a page of the web."""
    if not text.isprintable() or "\\" in text:
        return False
    return text.startswith(("https://", "http://")) or (text[:1] == "/" and text[1:2] != "/")
