"""Where a record is met in the app itself."""

from string import Formatter
from typing import Any
from urllib.parse import quote

from starlette.requests import Request

from backoffice.admin.column_values import tell_failure
from backoffice.admin.fields import text_of
from backoffice.admin.reading import ReadableView
from backoffice.admin.sight import sees_related
from backoffice.admin.veils import Hidden, Veiled


def address_on_site(view: ReadableView, request: Request, record: Any) -> str:
    """The address that `view_on_site` gives; empty where there is none, where it would tell what
    this person may not read, and where it would run something."""
    given = view.options.view_on_site
    if callable(given):
        found = _given(view, request, given, record)
        return found if is_address(found) else ""
    named = {name for _, name, _, _ in Formatter().parse(given) if name}
    if named & view.hidden(request) or any(getattr(record, name) is None for name in named):
        return ""
    parts = {name: quote(text_of(getattr(record, name)), safe="") for name in named}
    return given.format(**parts)


def _given(view: ReadableView, request: Request, function: Any, record: Any) -> str:
    """What a function makes of what this person may read of the record."""
    hidden = view.hidden(request)
    seen = Veiled(record, hidden) if hidden or not sees_related(view, request) else record
    try:
        return str(function(seen) or "")
    except Hidden:
        return ""
    except Exception as error:  # noqa: BLE001 - the app's own, and no reason to show nothing else
        tell_failure(view, request, "view_on_site", error)
        return ""


def is_address(text: str) -> bool:
    """Whether it leads to a path of this host or to a page of the web."""
    if not text.isprintable() or "\\" in text:
        return False
    return text.startswith(("https://", "http://")) or (text[:1] == "/" and text[1:2] != "/")
