"""The page of keys."""

from starlette.requests import Request
from starlette.responses import Response

from backoffice.admin.site import Site


async def keyboard(site: Site, request: Request) -> Response:
    """What can be done without a mouse."""
    return site.page(request, "keyboard.html")
