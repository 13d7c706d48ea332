"""Cards: what the first page tells at a glance, of the app's own."""

import logging
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from starlette.requests import Request

from backoffice.admin.fields import text_of
from backoffice.admin.on_site import is_address
from backoffice.admin.pages import Card, OwnCard, PageContext
from backoffice.admin.visits import root

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ShownCard:
    """A card as the page shows it; without a value where its function failed."""

    label: str
    icon: str
    value: str | None
    note: str = ""
    url: str = ""


async def shown_card(card: OwnCard, request: Request) -> ShownCard:
    """What its function gives. One that fails keeps nobody from the first page, and leaves no
    transaction that is broken off behind for the next."""
    context = PageContext(request)
    try:
        given = await card.function(context)
    except Exception:
        log.exception("a card could not be made")
        # A savepoint would take SQLite's only lock for pages that do nothing but read.
        await context.session.rollback()
        return ShownCard(card.label, card.icon, None)
    found = given if isinstance(given, Card) else Card(given)
    return ShownCard(
        card.label, card.icon, _text(found.value), found.note, _address(request, found.url)
    )


def _text(value: Any) -> str:
    if isinstance(value, Markup):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "" if value is None else text_of(value)


def _address(request: Request, url: str) -> str:
    """A path or an address of the web; never one that runs something."""
    if is_address(url):
        return url
    return f"{root(request)}/{url.lstrip('/')}" if url else ""
