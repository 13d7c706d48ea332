"""The first page: what there is to see, and how much of it."""

from starlette.requests import Request
from starlette.responses import Response
from starlette_admin.types import RequestAction

from backoffice.admin.lists import size_of
from backoffice.admin.site import Site


async def home(site: Site, request: Request) -> Response:
    """The models that one may see, with their counts."""
    request.state.action = RequestAction.LIST
    views = [(view, await size_of(view, request)) for view in site.visible(request)]
    return site.page(request, "home.html", views=views)
