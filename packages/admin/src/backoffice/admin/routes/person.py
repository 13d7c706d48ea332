"""The page of a user, and what is done there: each a small form, and each by auth's services."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette_admin.types import RequestAction

from backoffice.admin import notices
from backoffice.admin.accounts.moments import moment as moment_of
from backoffice.admin.accounts.person import SEES_PERMISSIONS, may_give, person
from backoffice.admin.accounts.users import UserView
from backoffice.admin.presentation import url_of
from backoffice.admin.routes import detail
from backoffice.admin.routes.sign_in import text_of
from backoffice.admin.site import Site
from backoffice.admin.values import moment
from backoffice.admin.visits import sent_form, visit_of
from backoffice.auth import refusals
from backoffice.auth.permissions import parsed
from backoffice.auth.reach import check_permissions, check_roles, giving
from backoffice.core import Forbidden, InvalidInput, Refusal

#: For how long an account may be locked; for good it is deactivated.
LOCKS = {
    "hour": ("1 hour", timedelta(hours=1)),
    "day": ("1 day", timedelta(days=1)),
    "week": ("7 days", timedelta(days=7)),
    "month": ("30 days", timedelta(days=30)),
}

#: Does something to a user by what was sent; gives what it is told by.
Deed = Callable[[UserView, Request, Any, FormData], Awaitable[str]]


async def user(site: Site, request: Request) -> Response:
    """Everything about an account on one page."""
    request.state.action = RequestAction.DETAIL
    view = _users(site, request)
    return await _page(site, request, view, await detail.existing(view, request))


async def give_role(site: Site, request: Request) -> Response:
    """Give a role, for good or for a while, or take one."""
    return await _done(site, request, "edit", _role)


async def give_permission(site: Site, request: Request) -> Response:
    """The same of a permission that is held by no role."""
    return await _done(site, request, "edit", _permission)


async def lock(site: Site, request: Request) -> Response:
    """Let nobody use the account for a while."""
    return await _done(site, request, "lock", _lock)


async def set_password(site: Site, request: Request) -> Response:
    """Set a password that was typed."""
    return await _done(site, request, "new-password", _password)


async def _done(site: Site, request: Request, name: str, deed: Deed) -> Response:
    """Do it to the user of the address, or say on their page why not."""
    request.state.action = RequestAction.DETAIL
    view = _users(site, request)
    if not view.can_edit(request):
        raise HTTPException(403, "You may not change users.")
    found = await detail.existing(view, request)
    await view.judged(request, "change", [found])
    if not await view.is_row_action_allowed_for_obj(request, name, found):
        raise HTTPException(403, f"You may not do this to {view.named(request, found)}.")
    visit_of(request).check_fresh()
    key = view.keys.of(found)
    try:
        text = await deed(view, request, found, await sent_form(request))
    except Forbidden as refusal:
        refusals.note(request, refusal, view.principal(request))
        return await _refused(site, request, view, refusal)
    except Refusal as refusal:
        return await _refused(site, request, view, refusal)
    response = RedirectResponse(url_of(request, "users", "detail", pk=key), HTTPStatus.SEE_OTHER)
    notices.leave(request, response, visit_of(request), text, "done")
    return response


async def _role(view: UserView, request: Request, user: Any, form: FormData) -> str:
    if not may_give(view, request):
        raise Forbidden("You may not write what roles users hold.", code="field_not_permitted")
    who, services = view.principal(request), await view.services(request)
    if taken := text_of(form.get("take")):
        await check_roles(who, services, [taken])
        await services.roles.revoke(user.id, taken, actor=who.name)
        return f"The role “{taken}” was taken."
    name, until = text_of(form.get("give")), moment_of(text_of(form.get("until")))
    if not name:
        raise InvalidInput("Choose a role to give.")
    await check_roles(await giving(who, services, until), services, [name])
    await services.roles.grant(user.id, name, until, actor=who.name)
    return f"The role “{name}” was given."


async def _permission(view: UserView, request: Request, user: Any, form: FormData) -> str:
    who = view.principal(request)
    if not may_give(view, request) or not who.can(SEES_PERMISSIONS):
        raise Forbidden("You may not write what users may do.", code="field_not_permitted")
    services = await view.services(request)
    if taken := text_of(form.get("take")):
        check_permissions(who, [parsed(taken)])
        await services.grants.take(user.id, taken, actor=who.name)
        return f"The permission {taken} was taken."
    name, until = text_of(form.get("give")).strip(), moment_of(text_of(form.get("until")))
    services.catalogue.checked(name)
    check_permissions(await giving(who, services, until), [name])
    await services.grants.give(user.id, name, until, actor=who.name)
    return f"The permission {name} was given."


async def _lock(view: UserView, request: Request, user: Any, form: FormData) -> str:
    chosen = LOCKS.get(text_of(form.get("span")))
    if chosen is None:
        raise InvalidInput("Choose for how long.")
    who, services = view.principal(request), await view.services(request)
    until = services.clock.now() + chosen[1]
    await view.tried(request, "change", user, {"locked_until": until})
    await services.users.lock(user.id, until, actor=who.name)
    return f"The account is locked for {chosen[0]}."


async def _password(view: UserView, request: Request, user: Any, form: FormData) -> str:
    who, services = view.principal(request), await view.services(request)
    await services.users.set_password(user.id, text_of(form.get("password")), actor=who.name)
    return "The password was set. Every session of the account has ended."


def _users(site: Site, request: Request) -> UserView:
    view = site.named(request, "users")
    assert isinstance(view, UserView)  # noqa: S101 - the site has made it so
    return view


async def _refused(site: Site, request: Request, view: UserView, refusal: Refusal) -> Response:
    found = await detail.existing(view, request)
    return await _page(site, request, view, found, refusal)


async def _page(
    site: Site, request: Request, view: UserView, found: Any, refusal: Refusal | None = None
) -> Response:
    response = await detail.page(
        site,
        request,
        view,
        found,
        HTTPStatus.OK if refusal is None else refusal.status_code,
        person=await person(view, request, found),
        refusal=refusal,
        locks=LOCKS,
        moment=moment,
    )
    response.headers.update({} if refusal is None else refusal.headers or {})
    return response
