"""Adding a record, and changing one."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette_admin.exceptions import FormValidationError
from starlette_admin.fields import BaseField
from starlette_admin.types import RequestAction

from backoffice.admin import forms, notices
from backoffice.admin.changers import changes_since
from backoffice.admin.conflicts import Meeting, in_words, meet
from backoffice.admin.constraints import WHOLE_FORM
from backoffice.admin.fields import Reference, References, form_value
from backoffice.admin.inline_forms import InlineForms, shown_blocks
from backoffice.admin.labels import column_label
from backoffice.admin.presentation import FIND, choices, shown, url_of
from backoffice.admin.records import RecordView
from backoffice.admin.site import Site
from backoffice.admin.values import passage
from backoffice.admin.versions import VERSION, Version, version_of
from backoffice.admin.visits import sent_form, visit_of

#: The button that saves the form of a record as a new one.
AS_NEW = "_save_as_new"


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
    inlines = await InlineForms.of(view, request, None)
    if request.method != "POST":
        return await _page(site, request, view, values)
    view.check_fresh(request, "add")
    form = await sent_form(request)
    view.check_sent(request, form)
    sent = forms.sent_values(fields, form)
    if FIND in form:
        return await _page(site, request, view, values | sent)
    try:
        record = await view.create(request, sent)
        await inlines.save(view, record)
    except FormValidationError as error:
        return await _page(site, request, view, values | sent, error.errors)
    return await _saved(site, request, view, record, "added")


async def edit(site: Site, request: Request) -> Response:
    """The form of a record, and what is sent by it."""
    request.state.action = RequestAction.EDIT
    view = site.view(request)
    if not view.can_edit(request):
        raise HTTPException(403, f"You may not change {view.menu_label.lower()}.")
    if request.method == "POST":
        await view.hold(request, [request.query_params.get("pk", "")])
    record = await view.find_by_pk(request, request.query_params.get("pk", ""))
    if record is None:
        return await _gone(site, request, view)
    if not await view.is_row_action_allowed_for_obj(request, "edit", record):
        raise HTTPException(403, "You may not change this record.")
    await view.prepare(request, record)
    if request.method == "POST" and await _is_copy(view, request):
        return await add(site, request)
    opened = await Opened.of(view, request, record)
    inlines = await InlineForms.of(view, request, record)
    if request.method != "POST":
        return await _page(site, request, view, opened.values, **opened.context(request))
    view.check_fresh(request, "change")
    form = await sent_form(request)
    view.check_sent(request, form)
    sent = forms.sent_values(opened.fields, form)
    if FIND in form:
        # With the version that it came with: of the record nothing new was shown.
        same = opened.context(request) | {"version": form.get(VERSION)}
        return await _page(site, request, view, opened.values | sent, **same)
    version = version_of(request, opened.subject, form)
    meeting = meet(opened.fields, version, opened.values, sent, form)
    if meeting.differences:
        return await _conflict(site, request, opened, meeting, version)
    try:
        record = await view.edit(request, opened.key, meeting.taken)
        await inlines.save(view, record)
    except FormValidationError as error:
        values, context = opened.values | meeting.merged, opened.context(request)
        return await _page(site, request, view, values, error.errors, **context)
    return await _saved(site, request, view, record, "saved")


async def _is_copy(view: RecordView, request: Request) -> bool:
    """Whether what was typed is to be a new record."""
    return view.options.save_as and AS_NEW in await sent_form(request)


@dataclass(frozen=True)
class Opened:
    """A record in its form, as the database has it now."""

    view: RecordView
    key: str
    label: str
    fields: list[BaseField]
    #: Of the fields that are written, and the rest as it is shown.
    values: dict[str, Any]

    @classmethod
    async def of(cls, view: RecordView, request: Request, record: Any) -> "Opened":
        """The record; `prepare` has come before."""
        values = await view.form_values(request, record)
        values |= (await shown(view, request, view.fixed_fields(request), [record], passage))[0]
        key, label = view.keys.of(record), view.named(request, record)
        return cls(view, key, label, view.form_fields(request), values)

    @property
    def subject(self) -> str:
        """What its version is about."""
        return f"{self.view.resource}:{self.key}"

    def context(self, request: Request, undecided: Sequence[str] = ()) -> dict[str, Any]:
        """What its page needs besides."""
        now = visit_of(request).services.clock.now()
        version = Version.of(self.fields, self.values, now, undecided)
        sealed = version.sealed(request, self.subject)
        return {"key": self.key, "label": self.label, "version": sealed}


async def _conflict(
    site: Site, request: Request, opened: Opened, meeting: Meeting, version: Version | None
) -> Response:
    """Nothing is written: the form, with what others have made of the record beside it."""
    view = opened.view
    return await _page(
        site,
        request,
        view,
        opened.values | meeting.merged,
        status=HTTPStatus.CONFLICT,
        differences=await in_words(view, request, meeting.differences),
        changes=await changes_since(view, request, opened.key, version),
        **opened.context(request, meeting.undecided),
    )


async def _gone(site: Site, request: Request, view: RecordView) -> Response:
    """Somebody has deleted it: what was typed is kept, and may become a new record."""
    refusal = HTTPException(404, f"There is no such {str(view.display_name).lower()}.")
    if request.method != "POST":
        raise refusal
    await view.prepare(request)
    form = await sent_form(request)
    view.check_sent(request, form)
    request.state.action = RequestAction.CREATE
    fields = view.form_fields(request)
    sent = forms.sent_values(fields, form)
    if not sent:
        raise refusal
    empty = {each.name: form_value(each, None) for each in fields}
    return await _page(site, request, view, empty | sent, status=HTTPStatus.NOT_FOUND, is_gone=True)


async def _page(
    site: Site,
    request: Request,
    view: RecordView,
    values: dict[str, Any],
    errors: dict[str | int, Any] | None = None,
    status: HTTPStatus = HTTPStatus.OK,
    **context: Any,
) -> Response:
    """The form as it was typed, with each error at its field."""
    request.state.fixed = {each.name for each in view.fixed_fields(request)}
    request.state.choices = {
        each.name: await choices(view, request, each, values[each.name])
        for each in view.form_fields(request)
        if isinstance(each, Reference | References)
    }
    context["inlines"] = await shown_blocks(request)
    body: dict[str, Any] = {}
    await site._render_form_body(request, view, values, errors, body)
    status = status if errors is None else HTTPStatus.UNPROCESSABLE_ENTITY
    general = _elsewhere(view.form_fields(request), errors or {})
    return site.page(
        request,
        "form.html",
        status,
        view=view,
        body=body["form_body"],
        general=general,
        wrong=_wrong(view.form_fields(request), errors or {}),
        **context,
    )


def _wrong(fields: list[BaseField], errors: dict[str | int, Any]) -> list[tuple[str, str]]:
    """The fields with an error: their place in the page, and their name."""
    return [(str(each.id), str(each.label)) for each in fields if each.name in errors]


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
