"""Choosing a look: by a form, so that it needs no script."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from backoffice.admin.guard import within_site
from backoffice.admin.looks import Look
from backoffice.admin.site import Site
from backoffice.admin.visits import sent_form


async def look(_: Site, request: Request) -> Response:
    """Keep the choice, and go back to where it was made."""
    form = await sent_form(request)
    address = within_site(request, str(form.get("next", "")))
    response = RedirectResponse(address, HTTPStatus.SEE_OTHER)
    Look.of(request).changed(form.get("scheme"), form.get("density")).keep(request, response)
    return response
