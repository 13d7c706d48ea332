"""Forms of inlines: records that refer to another, changed in its form and in its transaction.

What may be done to a record on its own page may be done here, and nothing else: each row asks the
permissions, policies and field rules of its own page, and writes by that page's own means.
"""

import copy
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette_admin.exceptions import ActionFailed, FormValidationError
from starlette_admin.fields import BaseField
from starlette_admin.types import RequestAction

from backoffice.admin import forms
from backoffice.admin.computed import ColumnField
from backoffice.admin.conflicts import Meeting, meet
from backoffice.admin.constraints import WHOLE_FORM
from backoffice.admin.fields import Reference, References, form_value, is_sent, sent_value
from backoffice.admin.inline_rows import Block, Row
from backoffice.admin.inlines import Bound
from backoffice.admin.presentation import choices, shown
from backoffice.admin.records import LOCKED, RecordView
from backoffice.admin.values import passage
from backoffice.admin.versions import VERSION, Version, version_of
from backoffice.admin.visits import sent_form, visit_of
from backoffice.core import Forbidden, Refusal

_STATE = "backoffice_inlines"
_WRONG = "Something in the records below is not good yet; nothing was saved."
_STALE = "Somebody else wrote “{}” here meanwhile. Save again to keep what you wrote."
_GONE = "A record of these was deleted by somebody else meanwhile."


class InlineForms:
    """The inlines of the form that a request shows or sends."""

    def __init__(self, request: Request, form: FormData | None) -> None:
        self.blocks: list[Block] = []
        self._request = request
        self._form = form

    @classmethod
    async def of(cls, view: RecordView, request: Request, record: Any) -> "InlineForms":
        """Those of a record, or of one that is added; they stand on each page of this request."""
        form = await sent_form(request) if request.method == "POST" else None
        found = cls(request, form)
        for bound in view.inline_pages:
            other = bound.view
            if other.is_accessible(request) and other.is_readable(request, bound.reference):
                found.blocks.append(await found._block(bound, view, record))
        setattr(request.state, _STATE, found)
        return found

    async def save(self, view: RecordView, record: Any) -> None:
        """Write what the form says of them; FormValidationError if any of it is not good."""
        for block in self.blocks:
            for row in block.rows:
                try:
                    await self._save(block.bound, row, view.keys.of(record))
                except FormValidationError as error:
                    row.tell(error.errors)
                except ActionFailed as error:
                    row.tell({WHOLE_FORM: error.msg})
        if any(block.is_wrong for block in self.blocks):
            raise FormValidationError({WHOLE_FORM: _WRONG})

    async def prepare_page(self) -> None:
        """What the templates of the fields ask for: one question for all rows."""
        known = self._request.state.choices
        for block in self.blocks:
            for each in block.columns:
                rows = [row for row in block.rows if each.name in row.written]
                if isinstance(each, Reference) and rows:
                    keys = list(dict.fromkeys(row.values[each.name] for row in rows))
                    offered = await choices(block.bound.view, self._request, each, keys)
                    for row in rows:
                        chosen = row.values[each.name]
                        known[row.written[each.name].id] = [
                            replace(one, chosen=one.key == chosen) for one in offered
                        ]

    async def _block(self, bound: Bound, view: RecordView, record: Any) -> Block:
        records = [] if record is None else await self._records(bound, view, record)
        block = Block(bound, self._columns(bound))
        if len(records) > bound.inline.max_num:
            block.is_full = True
            return block
        request, other = self._request, bound.view
        texts = await shown(other, request, block.columns, records, passage)
        await other.judged(request, "change", records)
        await other.judged(request, "delete", records)
        for index, (each, text) in enumerate(zip(records, texts, strict=True)):
            block.rows.append(await self._present(bound, index, each, text))
        # Of a record that is saved as a new one, all of them are new.
        sent = {} if record is None else self._sent(bound)
        for row in block.rows:
            self._take(row, sent.pop(row.key, None))
        if sent.keys() - {""}:
            block.error = _GONE
        await self._add_new(block, is_copy=record is None)
        return block

    async def _records(self, bound: Bound, view: RecordView, record: Any) -> list[Any]:
        other = bound.view
        column = getattr(other.model, bound.reference.name)
        query = other.undeleted(other.within(self._request, select(other.model), "view"))
        query = query.where(column == getattr(record, view.keys.names[0]))
        query = query.order_by(*(getattr(other.model, each) for each in other.keys.names))
        if self._form is not None:
            # Nobody changes them between the look at them and what is written.
            query = query.with_for_update(of=other.model).execution_options(populate_existing=True)
        found = await other.executed(self._request, query.limit(bound.inline.max_num + 1))
        return list(found.scalars().unique().all())

    def _columns(self, bound: Bound) -> list[BaseField]:
        """Those that are shown: of records that are there, and of new ones."""
        view, inline = bound.view, bound.inline
        found: set[str] = set()
        for action in (RequestAction.CREATE, RequestAction.EDIT):
            with _acting(self._request, action):
                found |= {each.name for each in view.get_fields_list(self._request)}
        found -= {view._named(each) for each in inline.exclude} | {bound.reference.name}
        named = [view._field(each) for each in inline.fields] or view.fields
        return [
            each
            for each in named
            if each.name in found and not isinstance(each, References | ColumnField)
        ]

    def _written(self, bound: Bound, prefix: str, action: RequestAction) -> list[BaseField]:
        fixed = {bound.view._named(each) for each in bound.inline.readonly_fields}
        with _acting(self._request, action):
            writable = {each.name for each in bound.view.form_fields(self._request)} - fixed
        columns = [each for each in self._columns(bound) if each.name in writable]
        return [_renamed(each, f"{prefix}-{each.name}") for each in columns]

    async def _present(self, bound: Bound, index: int, record: Any, texts: dict[str, str]) -> Row:
        view, request, prefix = bound.view, self._request, f"{bound.prefix}-{index}"
        with _acting(request, RequestAction.EDIT):
            may_edit = await view.is_row_action_allowed_for_obj(request, "edit", record)
            may_delete = bound.inline.can_delete and view.can_delete(request)
            may_delete = may_delete and await view.is_row_action_allowed_for_obj(
                request, "delete", record
            )
            unseen = await view._referring_to_unseen(request, record)
        fields = self._written(bound, prefix, RequestAction.EDIT) if may_edit else []
        fields = [each for each in fields if each.name not in unseen]
        values = texts | forms.form_values(fields, record)
        key, now = view.keys.of(record), visit_of(request).services.clock.now()
        sealed = Version.of(fields, values, now).sealed(request, _subject(view, key))
        label = view.named(request, record)
        return Row(prefix, fields, values, record, key, label, sealed, may_delete)

    def _sent(self, bound: Bound) -> dict[str, str]:
        """Key to the prefix under which the form tells of the record with it."""
        if self._form is None:
            return {}
        pattern = re.compile(rf"({re.escape(bound.prefix)}-\d{{1,4}})\.key")
        found = ((pattern.fullmatch(name), value) for name, value in self._form.multi_items())
        return {str(value): match[1] for match, value in found if match}

    def _take(self, row: Row, sent: str | None) -> None:
        """What the form says of the record, under the name that it had when it was opened."""
        form = self._form
        if form is None or sent is None:
            return
        row.is_deleted = row.may_delete and f"{sent}.delete" in form
        said = [_renamed(each, f"{sent}-{each.name}") for each in row.fields]
        values = {each.name: sent_value(each, form) for each in said if is_sent(each, form)}
        carried = form.get(f"{sent}.version")
        resource = row.prefix.partition(".")[0]
        version = version_of(
            self._request,
            f"{resource}:{row.key}",
            FormData([] if carried is None else [(VERSION, str(carried))]),
        )
        row.meeting = meet(row.fields, version, row.values, values, FormData())
        row.values = row.values | row.meeting.merged

    async def _add_new(self, block: Block, is_copy: bool) -> None:
        """Places for new ones: those that were sent, and as many as are offered."""
        bound, view, present = block.bound, block.bound.view, len(block.rows)
        with _acting(self._request, RequestAction.CREATE):
            names = {each.name for each in view.form_fields(self._request)}
            if not view.can_create(self._request) or bound.reference.name not in names:
                return
        room = bound.inline.max_num - present
        sent = self._new_prefixes(bound, is_copy)
        if len(sent) > room:
            block.error = f"There may be {bound.inline.max_num} of these at most."
        prefixes = sent[: max(room, 0)]
        index = max([present - 1, *(int(each.rpartition("-")[2]) for each in prefixes)])
        while len(prefixes) < min(bound.inline.extra, room):
            index += 1
            prefixes.append(f"{bound.prefix}-{index}")
        block.rows += [await self._added(bound, each) for each in prefixes]

    def _new_prefixes(self, bound: Bound, is_copy: bool) -> list[str]:
        """Those of what was sent without a key, and of what is to be a copy."""
        if self._form is None:
            return []
        pattern = re.compile(rf"({re.escape(bound.prefix)}-\d{{1,4}})[-.]")
        found = dict.fromkeys(match[1] for name in self._form if (match := pattern.match(name)))
        left = ".delete" if is_copy else ".key"
        return [each for each in found if f"{each}{left}" not in self._form]

    async def _added(self, bound: Bound, prefix: str) -> Row:
        fields = self._written(bound, prefix, RequestAction.CREATE)
        initial = {
            each.name: form_value(each, await each.get_create_default(self._request))
            for each in fields
        }
        row = Row(prefix, fields, initial)
        if self._form is not None:
            sent = forms.sent_values(fields, self._form)
            differs = any(sent[name] not in (initial[name], "", [], False) for name in sent)
            row.meeting = Meeting(sent if differs else {}, initial | sent)
            row.values = row.meeting.merged
        return row

    async def _save(self, bound: Bound, row: Row, parent: str) -> None:
        if row.record is None:
            await self._create(bound, row, parent)
        elif row.is_deleted:
            await self._delete(bound, row)
        elif row.meeting is not None:
            await self._edit(bound, row, row.meeting)

    async def _create(self, bound: Bound, row: Row, parent: str) -> None:
        if row.meeting is None or not row.meeting.taken:
            return
        bound.view.check_fresh(self._request, "add")
        with _acting(self._request, RequestAction.CREATE):
            sent = row.meeting.taken | {bound.reference.name: parent}
            await bound.view.create(self._request, sent)

    async def _edit(self, bound: Bound, row: Row, meeting: Meeting) -> None:
        if meeting.undecided:
            both = [each for each in meeting.differences if each.whose == "both"]
            raise FormValidationError({each.field.name: _STALE.format(each.now) for each in both})
        if meeting.taken:
            bound.view.check_fresh(self._request, "change")
            with _acting(self._request, RequestAction.EDIT):
                await bound.view.edit(self._request, row.key, meeting.taken)

    async def _delete(self, bound: Bound, row: Row) -> None:
        bound.view.check_fresh(self._request, "delete")
        try:
            await bound.view.delete(self._request, [row.key])
        except Forbidden:
            raise
        except Refusal as refusal:
            raise FormValidationError({WHOLE_FORM: refusal.message}) from None


async def shown_blocks(request: Request) -> Sequence[Block]:
    """The inlines of the form that is shown; none where there is no form of a record."""
    found: InlineForms | None = getattr(request.state, _STATE, None)
    if found is None:
        return ()
    await found.prepare_page()
    return found.blocks


def _subject(view: RecordView, key: str) -> str:
    return f"{view.resource}:{key}"


def _renamed(each: BaseField, id: str) -> BaseField:
    """The same field under another name in the form."""
    found = copy.copy(each)
    found.id = id
    return found


@contextmanager
def _acting(request: Request, action: RequestAction) -> Iterator[None]:
    """Ask another page as if the request were one of it."""
    before: RequestAction = request.state.action
    locked: set[str] = getattr(request.state, LOCKED, set())
    request.state.action = action
    setattr(request.state, LOCKED, set())
    try:
        yield
    finally:
        request.state.action = before
        setattr(request.state, LOCKED, locked)
