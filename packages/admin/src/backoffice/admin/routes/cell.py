"""A cell of a list as its field: the form of one field of one record, in place or on a page."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette_admin.exceptions import FormValidationError
from starlette_admin.fields import BaseField
from starlette_admin.types import RequestAction

from backoffice.admin import forms, notices
from backoffice.admin.changers import changes_since
from backoffice.admin.conflicts import Meeting, in_words, meet
from backoffice.admin.constraints import WHOLE_FORM
from backoffice.admin.fields import Reference, References
from backoffice.admin.labels import column_label
from backoffice.admin.presentation import FIND, choices, url_of
from backoffice.admin.records import RecordView
from backoffice.admin.routes.form import Opened
from backoffice.admin.routes.listing import row_of
from backoffice.admin.site import Site
from backoffice.admin.versions import VERSION, Version, version_of
from backoffice.admin.visits import sent_form, visit_of

#: The part of the address that says what the list was asked for, to go back to it.
LIST = "list"


async def cell(site: Site, request: Request) -> Response:
    """The field, and what is sent by it."""
    request.state.action = RequestAction.INLINE_EDIT
    # Forms, versions and writes know this field alone.
    request.state.inline_edit_field = request.query_params.get("field", "")
    view = site.view(request)
    opened = await _opened(view, request)
    if request.method != "POST":
        return await _page(site, request, opened, opened.values)
    view.check_fresh(request, "change")
    form = await sent_form(request)
    view.check_sent(request, form)
    sent = forms.sent_values(opened.fields, form)
    if FIND in form:
        values = opened.values | sent
        return await _page(site, request, opened, values, version=form.get(VERSION))
    version = version_of(request, opened.subject, form)
    meeting = meet(opened.fields, version, opened.values, sent, form)
    if meeting.differences:
        return await _conflict(site, request, opened, meeting, version)
    try:
        await view.edit(request, opened.key, meeting.taken)
    except FormValidationError as error:
        values = opened.values | meeting.merged
        return await _page(site, request, opened, values, errors=error.errors)
    return await _saved(request, opened)


async def _opened(view: RecordView, request: Request) -> Opened:
    """The record with its one field; 403 and 404 as the form of the record has them."""
    key = request.query_params.get("pk", "")
    if not view.can_edit(request):
        raise HTTPException(403, f"You may not change {view.menu_label.lower()}.")
    if request.method == "POST":
        await view.hold(request, [key])
    record = await view.find_by_pk(request, key)
    if record is None:
        raise HTTPException(404, f"There is no such {str(view.display_name).lower()} (any more).")
    if not await view.is_row_action_allowed_for_obj(request, "edit", record):
        raise HTTPException(403, "You may not change this record.")
    await view.prepare(request, record)
    opened = await Opened.of(view, request, record)
    if not opened.fields or not view.is_written_plainly:
        raise HTTPException(404, "There is no such field that can be changed in a list.")
    return opened


async def _conflict(
    site: Site, request: Request, opened: Opened, meeting: Meeting, version: Version | None
) -> Response:
    view = opened.view
    return await _page(
        site,
        request,
        opened,
        opened.values | meeting.merged,
        HTTPStatus.CONFLICT,
        undecided=meeting.undecided,
        differences=await in_words(view, request, meeting.differences),
        changes=await changes_since(view, request, opened.key, version),
    )


async def _page(
    site: Site,
    request: Request,
    opened: Opened,
    values: dict[str, Any],
    status: HTTPStatus = HTTPStatus.OK,
    errors: dict[str | int, Any] | None = None,
    undecided: Sequence[str] = (),
    **context: Any,
) -> Response:
    view, (field,) = opened.view, opened.fields
    request.state.fixed = set()
    request.state.choices = await _choices(view, request, field, values)
    body: dict[str, Any] = {}
    await site._render_form_body(request, view, values, errors, body)
    query = request.query_params.get(LIST, "")
    return site.page(
        request,
        "cell.html",
        status if errors is None else HTTPStatus.UNPROCESSABLE_ENTITY,
        view=view,
        field=field,
        body=body["form_body"],
        general=_elsewhere(field, errors or {}),
        is_gone=False,
        action=url_of(request, view.resource, "cell", pk=opened.key, field=field.name, list=query),
        list_url=f"{url_of(request, view.resource)}?{query}",
        **opened.context(request, undecided) | context,
    )


async def _choices(
    view: RecordView, request: Request, field: BaseField, values: dict[str, Any]
) -> dict[str, Any]:
    if not isinstance(field, Reference | References):
        return {}
    return {field.name: await choices(view, request, field, values[field.name])}


def _elsewhere(field: BaseField, errors: dict[str | int, Any]) -> list[str]:
    """What stands in the way that is not about the field."""
    return [
        str(message) if name == WHOLE_FORM else f"{column_label(str(name))}: {message}"
        for name, message in errors.items()
        if name != field.name
    ]


async def _saved(request: Request, opened: Opened) -> Response:
    """The row as it is now for a script, else the list."""
    view, text = opened.view, f"{opened.view.display_name} “{opened.label}” was saved."
    if "application/json" in request.headers.get("accept", ""):
        request.state.action, request.state.inline_edit_field = RequestAction.LIST, None
        record = await view.find_by_pk(request, opened.key)
        row = None if record is None else str(await row_of(view, request, record))
        history = url_of(request, view.resource, "history", pk=opened.key)
        return JSONResponse({"row": row, "text": text, "history": history})
    query = request.query_params.get(LIST, "")
    url = url_of(request, view.resource) + (f"?{query}" if query else "")
    response = RedirectResponse(url, HTTPStatus.SEE_OTHER)
    notices.leave(request, response, visit_of(request), text, "done")
    return response
