"""Rate limits: those that there are, who is near them, and what an operator does about it."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from backoffice.admin import notices
from backoffice.admin.operations import limits as shown
from backoffice.admin.operations.callers import check_visible, may_name_people, named
from backoffice.admin.operations.limits import ALL, SPANS, Asked, desk_of, policy_url
from backoffice.admin.operations.menu import LIMITS, LIMITS_CHANGE, check
from backoffice.admin.site import Site
from backoffice.admin.visits import sent_form, visit_of
from backoffice.core import Conflict, InvalidInput, NotFound, Refusal
from backoffice.ratelimit.desk import Counted, Desk
from backoffice.ratelimit.events import LimitOverridden, LimitReset, OverrideLifted
from backoffice.ratelimit.near import MOST, near
from backoffice.ratelimit.overrides import EVERYBODY
from backoffice.ratelimit.policies import Policy
from backoffice.ratelimit.workers import workers

Deed = Callable[[Desk, Policy, Asked, str, Request], Awaitable[str]]


async def limits(site: Site, request: Request) -> Response:
    """Who is near a limit now, every policy, and what holds in place of the code's limits."""
    check(request, LIMITS.permission, "see the rate limits")
    desk = await desk_of(request)
    found = await near(desk)
    digests = {each.caller for each in found} | {each.caller for each in desk.in_force}
    names = await named(site, request, desk.policies, digests)
    return site.page(
        request,
        "limits.html",
        system=LIMITS,
        policies=shown.shown_policies(request, desk),
        callers=shown.shown_callers(request, found, names),
        more=max(len(found) - shown.MOST_SHOWN, 0),
        overrides=shown.shown_overrides(desk.in_force, names),
        policy_url=policy_url,
        **_around(request, desk),
    )


async def limit(site: Site, request: Request) -> Response:
    """One policy: its overrides, how somebody stands, and what may be done."""
    check(request, LIMITS.permission, "see the rate limits")
    desk, asked = await desk_of(request), Asked.of(request.query_params)
    policy = _policy(desk, asked)
    if asked.by == ALL:
        return await _page(site, request, desk, policy, asked)
    try:
        counted = await _counted(site, request, desk, policy, asked)
        shown.check_told(desk, policy, counted.digest)
        standing = await desk.standing(policy, counted, ())
    except Refusal as refusal:
        return await _page(site, request, desk, policy, asked, refusal)
    return await _page(site, request, desk, policy, asked, standing=standing)


async def override(site: Site, request: Request) -> Response:
    """Let other limits hold, for everybody or for one caller."""
    return await _done(site, request, _overridden)


async def lift(site: Site, request: Request) -> Response:
    """Let the limits of the code hold again."""
    return await _done(site, request, _lifted)


async def reset(site: Site, request: Request) -> Response:
    """Forget what one caller has spent."""
    return await _done(site, request, _reset)


async def _done(site: Site, request: Request, deed: Deed) -> Response:
    """Do it, and go back to the policy; what was refused stands on its page with what was typed."""
    check(request, LIMITS_CHANGE, "change rate limits")
    visit = visit_of(request)
    visit.check_fresh()
    asked = Asked.of(await sent_form(request))
    desk = await desk_of(request)
    policy = _policy(desk, asked)
    try:
        caller = await _caller(site, request, desk, policy, asked)
        text = await deed(desk, policy, asked, caller, request)
    except Refusal as refusal:
        return await _page(site, request, desk, policy, asked, refusal)
    response = RedirectResponse(policy_url(request, policy.name), HTTPStatus.SEE_OTHER)
    notices.leave(request, response, visit, text, "done")
    return response


async def _overridden(
    desk: Desk, policy: Policy, asked: Asked, caller: str, request: Request
) -> str:
    wanted, seconds = asked.wanted, asked.seconds
    desk.room(policy.name, caller)
    event = LimitOverridden(
        **_by(request, policy, caller), limits=tuple(map(str, wanted)), seconds=seconds
    )
    await desk.change(event, lambda: desk.overrides.set(policy.name, caller, wanted, seconds))
    return "The new limits hold, within two seconds everywhere."


async def _lifted(desk: Desk, policy: Policy, _: Asked, caller: str, request: Request) -> str:
    if not any((each.policy, each.caller) == (policy.name, caller) for each in desk.in_force):
        raise Conflict("That was lifted already, or has ended by itself.")
    event = OverrideLifted(**_by(request, policy, caller))
    await desk.change(event, lambda: desk.overrides.lift(policy.name, caller))
    return "The limits of the code hold again."


async def _reset(desk: Desk, policy: Policy, _: Asked, caller: str, request: Request) -> str:
    if caller == EVERYBODY:
        raise InvalidInput("Say who it is.")
    shown.check_told(desk, policy, caller)
    wanted = desk.counters(policy, Counted("", caller), ())
    event = LimitReset(**_by(request, policy, caller))
    await desk.change(event, lambda: desk.limiter.clear(policy.name, caller, wanted))
    return "What they had spent is forgotten."


def _policy(desk: Desk, asked: Asked) -> Policy:
    try:
        return desk.policy_or_bare(asked.name)
    except NotFound:
        raise NotFound("There is no such rate limit.") from None


async def _caller(site: Site, request: Request, desk: Desk, policy: Policy, asked: Asked) -> str:
    """The digest of whom a form is about: of a row of ours, or named by whoever sends it."""
    if asked.caller:
        return asked.row
    if asked.by == ALL:
        return EVERYBODY
    return (await _counted(site, request, desk, policy, asked)).digest


async def _counted(
    site: Site, request: Request, desk: Desk, policy: Policy, asked: Asked
) -> Counted:
    whom = asked.whom(_ways(site, request, policy))
    if whom.user is not None:
        await check_visible(site, request, await desk.callers.find(whom.user))
    return await desk.key(policy, whom)


def _ways(site: Site, request: Request, policy: Policy) -> dict[str, str]:
    return shown.ways_of(policy, people=may_name_people(site, request))


def _by(request: Request, policy: Policy, caller: str) -> dict[str, Any]:
    visit = visit_of(request)
    return {
        "actor": visit.principal.name,
        "subject": policy.subject,
        "address": visit.client.address,
        "caller": caller,
    }


async def _page(
    site: Site,
    request: Request,
    desk: Desk,
    policy: Policy,
    asked: Asked,
    refusal: Refusal | None = None,
    **context: Any,
) -> Response:
    found = [each for each in desk.in_force if each.policy == policy.name]
    names = await named(site, request, [policy], {each.caller for each in found})
    return site.page(
        request,
        "limit.html",
        HTTPStatus.OK if refusal is None else refusal.status_code,
        system=LIMITS,
        policy=policy,
        written=shown.written(policy),
        ways=_ways(site, request, policy),
        spans=SPANS,
        asked=asked,
        refusal=refusal,
        in_words=shown.in_words,
        overrides=shown.shown_overrides(found, names),
        **_around(request, desk),
        **context,
    )


def _around(request: Request, desk: Desk) -> dict[str, Any]:
    return {
        "in_redis": desk.url is not None,
        "processes": 1 if desk.url is not None else workers(),
        "looked_at": MOST,
        "may_change": visit_of(request).principal.can(LIMITS_CHANGE),
    }
