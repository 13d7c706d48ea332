"""Doing something to records: asked first, done by the answer. Deleting is one of these."""

from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette_admin.actions import ActionSelection
from starlette_admin.exceptions import ActionFailed
from starlette_admin.types import RequestAction

from backoffice.admin import notices
from backoffice.admin.deletions import TOLD
from backoffice.admin.presentation import url_of
from backoffice.admin.records import RecordView
from backoffice.admin.routes import jobs
from backoffice.admin.site import Site
from backoffice.admin.visits import sent_form, visit_of

MOST_AT_ONCE = 500


async def action(site: Site, request: Request) -> Response:
    """The question, and after it the deed; `name` says what, each `pks` to which record."""
    request.state.action = RequestAction.ACTION
    view = site.view(request)
    sent = request.query_params if request.method != "POST" else await sent_form(request)
    name = str(sent.get("name", ""))
    keys = list(dict.fromkeys(str(each) for each in sent.getlist("pks")))
    await _check_allowed(view, request, name)
    if sent.get("all"):
        return await jobs.start(site, request, view, name)
    if not keys or len(keys) > MOST_AT_ONCE:
        text = f"Choose 1 to {MOST_AT_ONCE} records first."
        return _back(request, view, text, "refused")
    if request.method == "POST":
        # As they are judged and read, so they stay until it is done.
        await view.hold(request, keys)
    found = await view.find_by_pks(request, keys)
    if len(found) != len(keys):
        raise HTTPException(404, "Some of these records are gone.")
    await view.judged(request, view.verb_of(name), found)
    for record in found:
        if not await view.is_row_action_allowed_for_obj(request, name, record):
            raise HTTPException(403, f"You may not do this to {view.named(request, record)}.")
    if request.method != "POST":
        return await _question(site, request, view, name, found)
    view.check_fresh(request, name)
    if await _is_news(view, request, name, found, sent.get(TOLD)):
        return await _question(site, request, view, name, found, HTTPStatus.CONFLICT)
    return await _done(site, request, view, name, found)


async def _check_allowed(view: RecordView, request: Request, name: str) -> None:
    if name not in (view.actions or ()) or name == "export":
        raise HTTPException(404, "There is no such action.")
    if not await view.is_action_allowed(request, name):
        raise HTTPException(403, "You may not do this.")


async def _question(
    site: Site,
    request: Request,
    view: RecordView,
    name: str,
    found: Any,
    status: HTTPStatus = HTTPStatus.OK,
) -> Response:
    return site.page(
        request,
        "action.html",
        status,
        view=view,
        action=view._actions[name],
        records=[(view.keys.of(each), view.named(request, each)) for each in found],
        deletion=await view.deletion(request, found) if view.destroys(name) else None,
    )


async def _is_news(view: RecordView, request: Request, name: str, found: Any, told: object) -> bool:
    """Whether more or something else would go than whoever says so was told of."""
    if told is None or not view.destroys(name):
        return False
    deletion = await view.deletion(request, found)
    return not deletion.refusals and deletion.digest != told


async def _done(site: Site, request: Request, view: RecordView, name: str, found: Any) -> Response:
    keys = [view.keys.of(each) for each in found]
    labels = [view.named(request, each) for each in found]
    try:
        await view.handle_action(request, ActionSelection(view, request, keys, None, None), name)
    except ActionFailed as error:
        # The answer is an error, so that nothing of a half-done action is kept.
        raise HTTPException(HTTPStatus.CONFLICT, str(error.msg)) from None
    secret = view.secret(request)
    if secret is not None:
        return site.page(
            request, "secret.html", view=view, key=keys[0], label=labels[0], secret=secret
        )
    what = f"“{labels[0]}”" if len(labels) == 1 else f"{len(labels)} records"
    return _back(request, view, f"{view._actions[name]['text']}: {what}.", "done")


def _back(request: Request, view: RecordView, text: str, level: notices.Level) -> Response:
    response = RedirectResponse(url_of(request, view.resource), HTTPStatus.SEE_OTHER)
    notices.leave(request, response, visit_of(request), text, level)
    return response
