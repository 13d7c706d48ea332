"""Finding anything by what is typed: a page of its own, and the part of it that a script shows."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from backoffice.admin.palette import found
from backoffice.admin.site import Site


async def search(site: Site, request: Request) -> Response:
    """Pages, things to do and records."""
    text = request.query_params.get("q", "").strip()
    context: dict[str, Any] = {"text": text, "sections": await found(site, request, text)}
    if request.headers.get("x-requested-with"):
        # Past `site.page`: what the last page left to say is for a page, and not for this.
        return site.templates.TemplateResponse(request, "search_results.html", context)
    return site.page(request, "search.html", **context)
