"""Adding a record, and changing one."""

from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette_admin.exceptions import FormValidationError
from starlette_admin.fields import BaseField
from starlette_admin.types import RequestAction

from backoffice.admin import forms, notices
from backoffice.admin.constraints import WHOLE_FORM
from backoffice.admin.fields import Reference, References, form_value
from backoffice.admin.labels import column_label
from backoffice.admin.presentation import choices, shown, url_of
from backoffice.admin.records import RecordView
from backoffice.admin.routes.detail import existing
from backoffice.admin.site import Site
from backoffice.admin.values import passage
from backoffice.admin.visits import sent_form, visit_of


async def add(site: Site, request: Request) -> Response:
    """The empty form, and what is sent by it."""
    request.state.action = RequestAction.CREATE
    view = site.view(request)
    if not view.can_create(request):
        raise HTTPException(403, f"You may not add {view.menu_label.lower()}.")
    await view.prepare(request)
    fields = view.form_fields(request)
    values = {
        each.name: form_value(each, await each.get_create_default(request)) for each in fields
    }
    if request.method != "POST":
        return await _page(site, request, view, values)
    view.check_fresh(request, "add")
    form = await sent_form(request)
    view.check_sent(request, form)
    sent = forms.sent_values(fields, form)
    try:
        record = await view.create(request, sent)
    except FormValidationError as error:
        return await _page(site, request, view, values | sent, error.errors)
    return await _saved(site, request, view, record, "added")


async def edit(site: Site, request: Request) -> Response:
    """The form of a record, and what is sent by it."""
    request.state.action = RequestAction.EDIT
    view = site.view(request)
    if not view.can_edit(request):
        raise HTTPException(403, f"You may not change {view.menu_label.lower()}.")
    record = await existing(view, request)
    if not await view.is_row_action_allowed_for_obj(request, "edit", record):
        raise HTTPException(403, "You may not change this record.")
    await view.prepare(request, record)
    values = await view.form_values(request, record)
    values |= (await shown(view, request, view.fixed_fields(request), [record], passage))[0]
    key, label = view.keys.of(record), view.named(request, record)
    if request.method != "POST":
        return await _page(site, request, view, values, key=key, label=label)
    view.check_fresh(request, "change")
    form = await sent_form(request)
    view.check_sent(request, form)
    sent = forms.sent_values(view.form_fields(request), form)
    try:
        record = await view.edit(request, key, sent)
    except FormValidationError as error:
        return await _page(site, request, view, values | sent, error.errors, key=key, label=label)
    return await _saved(site, request, view, record, "saved")


async def _page(
    site: Site,
    request: Request,
    view: RecordView,
    values: dict[str, Any],
    errors: dict[str | int, Any] | None = None,
    **context: Any,
) -> Response:
    """The form as it was typed, with each error at its field."""
    request.state.fixed = {each.name for each in view.fixed_fields(request)}
    request.state.choices = {
        each.name: await choices(view, request, each, values[each.name])
        for each in view.form_fields(request)
        if isinstance(each, Reference | References)
    }
    body: dict[str, Any] = {}
    await site._render_form_body(request, view, values, errors, body)
    status = HTTPStatus.OK if errors is None else HTTPStatus.UNPROCESSABLE_ENTITY
    general = _elsewhere(view.form_fields(request), errors or {})
    return site.page(
        request, "form.html", status, view=view, body=body["form_body"], general=general, **context
    )


def _elsewhere(fields: list[BaseField], errors: dict[str | int, Any]) -> list[str]:
    """Errors that have no field in the form."""
    names = {each.name for each in fields}
    return [
        str(message) if name == WHOLE_FORM else f"{column_label(str(name))}: {message}"
        for name, message in errors.items()
        if name not in names
    ]


async def _saved(
    site: Site, request: Request, view: RecordView, record: Any, done: str
) -> Response:
    key, label = view.keys.of(record), view.named(request, record)
    secret = view.secret(request)
    if secret is not None:
        return site.page(request, "secret.html", view=view, key=key, label=label, secret=secret)
    form = await sent_form(request)
    if "_continue" in form:
        url = url_of(request, view.resource, "edit", pk=key)
    elif "_another" in form and view.can_create(request):
        url = url_of(request, view.resource, "add")
    else:
        url = url_of(request, view.resource)
    response = RedirectResponse(url, HTTPStatus.SEE_OTHER)
    text = f"{view.display_name} “{label}” was {done}."
    notices.leave(request, response, visit_of(request), text, "done")
    return response
