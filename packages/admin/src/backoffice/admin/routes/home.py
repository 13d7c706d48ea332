"""The first page: what there is to see, and how much of it."""

from starlette.requests import Request
from starlette.responses import Response
from starlette_admin.types import RequestAction

from backoffice.admin.cards import shown_card
from backoffice.admin.lists import size_of
from backoffice.admin.site import Site
from backoffice.admin.visits import visit_of


async def home(site: Site, request: Request) -> Response:
    """The models that one may see, with their counts, after the cards of the app."""
    request.state.action = RequestAction.LIST
    views = [(view, await size_of(view, request)) for view in site.visible(request)]
    principal = visit_of(request).principal
    cards = [
        await shown_card(each, request) for each in site.own_cards if principal.can(each.permission)
    ]
    return site.page(request, "home.html", views=views, cards=cards)
