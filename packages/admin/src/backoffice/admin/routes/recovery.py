"""Recovery at a browser: links are asked for, and what they lead to is done.

Opening a link changes nothing, for programs that look for malware open each link of a mail: what
it is for is done by the form of the page that it leads to.
"""

from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response

from backoffice.admin.link_tokens import token_of
from backoffice.admin.routes.sign_in import after, text_of
from backoffice.admin.site import Site
from backoffice.admin.visits import sent_form, visit_of
from backoffice.auth.addresses import normal_email
from backoffice.auth.links import InvalidLink, Purpose
from backoffice.core import InvalidInput, Refusal


async def forgot_password(site: Site, request: Request) -> Response:
    """Where a forgotten password is told: a link is sent by which a new one is chosen."""
    return await _asking(site, request, "reset")


async def request_verify(site: Site, request: Request) -> Response:
    """Where another link is asked for that proves an address."""
    return await _asking(site, request, "verify")


async def reset_password(site: Site, request: Request) -> Response:
    """Where a link leads by which a forgotten password is replaced."""
    if request.method != "POST":
        return await _opened(site, request, "reset.html", "reset")
    visit, form = visit_of(request), await sent_form(request)
    token, password = text_of(form.get("token")), text_of(form.get("password"))
    try:
        async with visit.services.limits.links_counted(visit.client):
            await visit.services.recovery.reset(token, password, visit.client)
    except Refusal as refusal:
        return _page(site, request, "reset.html", refusal, token=token)
    return after(request, "reset")


async def verify(site: Site, request: Request) -> Response:
    """Where a link leads that proves an address: the account's own, or its new one."""
    if request.method != "POST":
        return await _opened(site, request, "verify.html", "verify", "address")
    visit, form = visit_of(request), await sent_form(request)
    token = text_of(form.get("token"))
    try:
        async with visit.services.limits.links_counted(visit.client):
            await visit.services.recovery.verify(token, visit.client)
    except Refusal as refusal:
        return _page(site, request, "verify.html", refusal, token=token)
    return after(request, "verified")


async def _asking(site: Site, request: Request, asked: Literal["reset", "verify"]) -> Response:
    visit = visit_of(request)
    visit.services.links.require()
    if request.method != "POST":
        return _page(site, request, "ask.html", asked=asked)
    typed = text_of((await sent_form(request)).get("email"))
    try:
        email = normal_email(typed)
        await visit.services.limits.recover(visit.client, email)
        await visit.services.recovery.ask(asked, email, visit.client)
    except Refusal as refusal:
        return _page(site, request, "ask.html", refusal, asked=asked, email=typed)
    return after(request, "asked")


async def _opened(site: Site, request: Request, name: str, *purposes: Purpose) -> Response:
    visit, token = visit_of(request), token_of(request)
    try:
        async with visit.services.limits.links_counted(visit.client):
            await visit.services.recovery.look(token, *purposes)
    except Refusal as refusal:
        return _page(site, request, name, refusal, token=token)
    return _page(site, request, name, token=token)


def _page(
    site: Site, request: Request, name: str, refusal: Refusal | None = None, **context: Any
) -> Response:
    if refusal is None:
        return site.page(request, name, error="", **context)
    response = site.page(
        request,
        name,
        refusal.status_code,
        error=refusal.message,
        at_field=isinstance(refusal, InvalidInput),
        void=isinstance(refusal, InvalidLink),
        **context,
    )
    response.headers.update(refusal.headers or {})
    return response
