"""Undoing: what of a change can be taken back, by whom, and taking it back.

A change is taken back only where the record is as the change has left it: what somebody made of it
since stays. It is written as an edit is, so that the same permissions, policies and constraints
hold, and is a change of its own in the history.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from sqlalchemy import select
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette_admin.exceptions import ActionFailed, FormValidationError
from starlette_admin.fields import BaseField

from backoffice.admin import forms
from backoffice.admin.accounts.views import AccountView
from backoffice.admin.columns import column_of, is_generated
from backoffice.admin.constraints import WHOLE_FORM
from backoffice.admin.deletions import Deletion
from backoffice.admin.events import RecordCreated
from backoffice.admin.fields import Reference, References, form_value
from backoffice.admin.history.circumstances import undoing
from backoffice.admin.history.entries import Entry
from backoffice.admin.history.tracks import Row, Track, track_of
from backoffice.admin.history.values import is_hidden, is_kept, restored, stored
from backoffice.admin.labels import column_label
from backoffice.admin.records import RecordView
from backoffice.admin.visits import visit_of
from backoffice.core import Conflict

#: The permission that it takes to undo an action, besides that to change records.
VERBS = {"add": "delete", "change": "change", "delete": "add"}


@dataclass
class Undo:
    """What would be done; nothing, where a reason stands in its way."""

    entry: Entry
    #: Fields that go back to what they were.
    fields: list[str] = field(default_factory=list)
    #: Why others stay as they are.
    left: list[str] = field(default_factory=list)
    #: Why it cannot be done at all.
    refused: list[str] = field(default_factory=list)
    record: Any = None
    #: What goes with a record that would be deleted for good.
    deletion: Deletion | None = None

    @property
    def possible(self) -> bool:
        """Whether anything would be done."""
        return not self.refused and (bool(self.fields) or self.entry.change.action == "add")


async def planned(request: Request, entry: Entry) -> Undo:
    """What undoing the change would do now, for the person of the request; 403 for those who may
    not do it to this record."""
    view, undo = entry.view, Undo(entry)
    undo.record = await view.find_by_pk(request, entry.change.record_key)
    if not may_undo(request, entry):
        raise HTTPException(HTTPStatus.FORBIDDEN, f"You may not undo this of {_lower(view)}.")
    if entry.change.action == "delete":
        await _plan_return(request, undo)
    elif undo.record is None:
        undo.refused.append("The record is gone.")
    else:
        await _check_row(request, undo)
        await (_plan_removal if entry.change.action == "add" else _plan_change)(request, undo)
    return undo


def may_undo(request: Request, entry: Entry) -> bool:
    """Whether they have the permissions that it takes, for any of the records."""
    view, verb = entry.view, VERBS[entry.change.action]
    return view.can_edit(request) and view.may(request, verb)


async def _check_row(request: Request, undo: Undo) -> None:
    """403 where they may not do it to this very record."""
    verb = VERBS[undo.entry.change.action]
    for name in {"edit", "edit" if verb == "change" else verb}:
        if not await undo.entry.view.is_row_action_allowed_for_obj(request, name, undo.record):
            raise HTTPException(HTTPStatus.FORBIDDEN, f"You may not {verb} this record.")


async def undone(request: Request, undo: Undo) -> Any:
    """Take the change back; the record, or None for one that is gone with it.

    Conflict with the reason where it cannot be done.
    """
    view, change = undo.entry.view, undo.entry.change
    with undoing(undo.entry.number):
        try:
            if change.action == "add":
                await view.delete(request, [change.record_key])
                return None
            if change.action == "delete":
                return await _return(request, undo)
            return await _set_back(request, undo)
        except FormValidationError as error:
            raise Conflict(_in_words(error)) from None
        except ActionFailed as error:
            raise Conflict(str(error.msg)) from None


async def _plan_change(request: Request, undo: Undo) -> None:
    """Field by field: what nobody has changed since, and may be written here."""
    view, changes = undo.entry.view, undo.entry.change.changes
    await view.prepare(request, undo.record)
    writable = {each.name for each in view.form_fields(request) if _may_set(request, each)}
    now = await _now(request, undo)
    for name in undo.entry.fields:
        new = changes[name][1]
        label = _label(view, name)
        if not _comes_back(undo, name) or is_hidden(new):
            undo.left.append(f"{label}: what it was is not kept.")
        elif name not in writable:
            undo.left.append(f"{label} cannot be written here.")
        elif stored(now.get(name)) != new:
            undo.left.append(f"{label} was changed again since.")
        else:
            undo.fields.append(name)


async def _plan_removal(request: Request, undo: Undo) -> None:
    """A record that was added goes again, if it is still what it was."""
    now = await _now(request, undo)
    changed = [
        name
        for name, (_, new) in undo.entry.change.changes.items()
        if not is_hidden(new) and stored(now.get(name)) != new
    ]
    if changed:
        seen = [_label(undo.entry.view, each) for each in changed if each in undo.entry.fields]
        undo.refused.append(f"It was changed since: {', '.join(seen) or 'what you may not see'}.")
    if undo.entry.view.soft_deletion is None:
        undo.deletion = await undo.entry.view.deletion(request, [undo.record])
        undo.refused += [f"Nothing can be deleted: {each}." for each in undo.deletion.refusals]


async def _plan_return(request: Request, undo: Undo) -> None:
    """A record that was deleted comes back as it was, if all of it is kept."""
    view, changes = undo.entry.view, undo.entry.change.changes
    if isinstance(view, AccountView):
        undo.refused.append("Accounts do not come back: their secrets are not kept.")
        return
    if undo.record is not None or await _is_there(request, undo):
        undo.refused.append("There is such a record again.")
    refused = {
        each.name
        for each in view.fields
        if not (view.is_writable(request, each) and _may_set(request, each))
    }
    refused |= view.hidden(request)
    if names := refused & changes.keys():
        undo.refused.append("You may not write all of its fields.")
    for name in changes.keys() - names:
        old, label = changes[name][0], _label(view, name)
        column = column_of(view.model, name)
        if is_hidden(old) and column is not None and _may_lack(view, column):
            undo.left.append(f"{label} comes back as in a new record: it is a secret.")
        elif not _comes_back(undo, name):
            undo.refused.append(f"{label} was not kept, and the record needs it.")
        else:
            undo.fields.append(name)


def _may_set(request: Request, each: BaseField) -> bool:
    """A form, which this is none of, offers no reference to what they may not see."""
    if not isinstance(each, Reference | References):
        return True
    return visit_of(request).may(each.resource, "view")


async def _set_back(request: Request, undo: Undo) -> Any:
    view, record = undo.entry.view, undo.record
    fields = {each.name: each for each in view.form_fields(request)}
    values = {name: _old(undo, name) for name in undo.fields}
    if isinstance(view, AccountView):
        sent = {name: form_value(fields[name], value) for name, value in values.items()}
        return await view.edit(request, undo.entry.change.record_key, sent)
    await _check_references(request, view, fields, values)
    related = {
        name: values.pop(name)
        for name in [*values]
        if isinstance(values[name], list) and isinstance(fields[name], References)
    }
    async with view._told_in_words():
        changed = {**forms.changes(record, values), **related} if values else related
        old = {name: getattr(record, name) for name in changed}
        return await view.written(request, undo.entry.change.record_key, record, changed, old)


async def _return(request: Request, undo: Undo) -> Any:
    view = undo.entry.view
    track = _track(view)
    record = view.model()
    for name in track.columns.keys() - track.secret:
        setattr(record, name, _old(undo, name) if name in undo.fields else None)
    values = {name: _old(undo, name) for name in undo.fields}
    relations = {each.field: values[each.field] for each in track.parts if each.field in values}
    fields: dict[str, BaseField] = {each.name: each for each in view.fields}
    await _check_references(request, view, fields, relations)
    async with view._told_in_words():
        session = view.session(request)
        async with session.begin_nested():
            for name, records in relations.items():
                setattr(record, name, records)
            await view._emit_before_create(request, values, record)
            session.add(record)
            await session.flush()
            await session.refresh(record)
            await view._check_policy(request, "add", record)
        await view._emit_after_create(request, record)
        await view._tell(request, RecordCreated, record, values)
        return record


async def _check_references(
    request: Request, view: RecordView, fields: Mapping[str, BaseField], values: dict[str, Any]
) -> None:
    """What is referred to has to be there, and to be seen; keys of several become records."""
    errors: dict[str | int, Any] = {}
    for name, value in values.items():
        each = fields.get(name)
        if isinstance(each, Reference | References) and value not in (None, []):
            await view._resolve(request, each, values, errors)
    if errors:
        raise FormValidationError(errors)


async def _now(request: Request, undo: Undo) -> Row:
    """The record as the database has it."""
    view = undo.entry.view
    track, key = _track(view), view.keys.read(undo.entry.change.record_key)
    session = view.session(request)
    rows = await session.run_sync(lambda sync: track.read(sync.connection(), [key] if key else []))
    return next(iter(rows.values()), {})


async def _is_there(request: Request, undo: Undo) -> bool:
    view = undo.entry.view
    clause = view.keys.clause(undo.entry.change.record_key)
    found = await view.executed(request, select(*_track(view).mapper.primary_key).where(clause))
    return found.first() is not None


def _old(undo: Undo, name: str) -> Any:
    """What a field was, as its column holds it."""
    track = _track(undo.entry.view)
    value = undo.entry.change.changes[name][0]
    if name in track.columns:
        return restored(value, track.columns[name].type)
    return restored(value) or []


def _comes_back(undo: Undo, name: str) -> bool:
    """Whether what it was is kept, and is a value still: an enum may have lost the member."""
    try:
        _old(undo, name)
    except (KeyError, ValueError):
        return False
    return is_kept(undo.entry.change.changes[name][0])


def _may_lack(view: RecordView, column: Any) -> bool:
    return bool(column.nullable) or is_generated(view.model, column) or _has_default(view, column)


def _has_default(view: RecordView, column: Any) -> bool:
    found = view.model.model_fields.get(column.key)
    return found is not None and not found.is_required()


def _track(view: RecordView) -> Track:
    found = track_of(view)
    assert found is not None  # noqa: S101 - it has an entry
    return found


def _label(view: RecordView, name: str) -> str:
    return str(next((each.label for each in view.fields if each.name == name), column_label(name)))


def _lower(view: RecordView) -> str:
    return str(view.menu_label).lower()


def _in_words(error: FormValidationError) -> str:
    return " ".join(
        str(text) if name == WHOLE_FORM else f"{column_label(str(name))}: {text}"
        for name, text in error.errors.items()
    )
