"""Rows: each makes a record, or changes the one that it finds, by the way that a form has."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette_admin.fields import BaseField
from starlette_admin.types import RequestAction

from backoffice.admin.constraints import WHOLE_FORM
from backoffice.admin.fields import Reference, References, form_value
from backoffice.admin.forms import form_values
from backoffice.admin.imports import cells, matching
from backoffice.admin.imports.files import Row, cell_text
from backoffice.admin.imports.finding import Finder
from backoffice.admin.imports.models import Import
from backoffice.admin.imports.outcomes import ROW, Outcome
from backoffice.admin.labels import column_label, shortened
from backoffice.admin.records import RecordView

_FIXED = "This cannot be changed here."
_DELETED = "This record is deleted. Restore it first."
_NOT_YOURS = "You may not change this record."


class Refused(Exception):
    """A row cannot be written: column to why."""

    def __init__(self, told: Mapping[int, str]) -> None:
        super().__init__(*told.values())
        self.told = told


@dataclass
class Writer:
    """Writes rows of one import, in the order of the file."""

    view: RecordView
    request: Request
    #: Column to field, of those that are not left out.
    fields: dict[int, BaseField]
    finder: Finder
    adds: bool
    #: Row to column to the earlier row that says the same, where no two may.
    doubles: Mapping[int, Mapping[int, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, view: RecordView, request: Request, found: Import, doubles: str) -> "Writer":
        """As the import is matched."""
        known = {each.name: each for each in matching.offered(view, request)}
        fields = {index: known[name] for index, name in enumerate(found.matched) if name}
        finder = Finder.of(view, request, fields, found.key)
        return cls(view, request, fields, finder, found.adds or not found.key, _doubles(doubles))

    async def find(self, rows: Sequence[Row], *, hold: bool) -> None:
        """Find the records of these rows; held, so that nobody changes them meanwhile."""
        self.request.state.action = RequestAction.EDIT
        keys = await self.finder.find(rows)
        if hold and keys:
            await self.view.hold(self.request, keys)

    async def write(self, row: Row) -> Outcome:
        """Write one; Refused, or what a form would raise, where it may not be."""
        if row.problem:
            raise Refused({ROW: row.problem})
        if double := self.doubles.get(row.number):
            raise Refused({at: f"Row {first} has the same." for at, first in double.items()})
        sent = self._sent(row)
        key = self.finder.key_of(row)
        if key is not None:
            return await self._change(row, key, sent)
        if not self.adds or (self.finder.is_generated and self.finder.is_named(row)):
            name = str(self.view.display_name).lower()
            raise Refused({self.finder.column: f"There is no such {name}."})
        return await self._add(row, sent)

    def told(self, errors: Mapping[str | int, Any]) -> dict[int, str]:
        """Column to error, of errors of fields; of those in no column, at the row."""
        columns = {field.name: index for index, field in self.fields.items()}
        found: dict[int, str] = {}
        for name, message in errors.items():
            if name in columns:
                found[columns[str(name)]] = str(message)
            else:
                said = message if name == WHOLE_FORM else f"{self._label(name)}: {message}"
                found[ROW] = f"{found[ROW]} {said}" if ROW in found else str(said)
        return found

    def _label(self, name: str | int) -> str:
        labels = {each.name: str(each.label) for each in self.view.fields}
        return labels.get(str(name)) or column_label(str(name))

    def _sent(self, row: Row) -> dict[str, Any]:
        """Field to what a form would have sent for it."""
        sent: dict[str, Any] = {}
        errors: dict[int, str] = {}
        for index, each in self.fields.items():
            cell = row.cell(index)
            if cells.is_silent(each, cell):
                continue
            try:
                sent[each.name] = cells.sent(each, cell)
            except ValueError as error:
                errors[index] = str(error)
        if errors:
            raise Refused(errors)
        return sent

    async def _add(self, row: Row, sent: dict[str, Any]) -> Outcome:
        self.request.state.action = RequestAction.CREATE
        await self.view.prepare(self.request)
        fields = {each.name: each for each in self.view.form_fields(self.request)}
        given = {name: value for name, value in sent.items() if name in fields}
        await self._name_references(fields, given)
        await self.view.create(self.request, given)
        return Outcome(row.number, "new")

    async def _change(self, row: Row, key: str, sent: dict[str, Any]) -> Outcome:
        view, request = self.view, self.request
        request.state.action = RequestAction.EDIT
        record = await view.present(request, key)
        if view.is_deleted(record):
            raise Refused({ROW: _DELETED})
        if not await view.is_row_action_allowed_for_obj(request, "edit", record):
            raise Refused({ROW: _NOT_YOURS})
        await view.prepare(request, record)
        fields = {each.name: each for each in view.form_fields(request)}
        await self._name_references(fields, sent)
        related = await self._related(record)
        before = form_values(fields.values(), record)
        before |= {name: keys for name, keys in related.items() if name in fields}
        given = self._news(record, fields, sent, before, related)
        if not given:
            return Outcome(row.number, "same")
        record = await view.edit(request, key, given)
        told = self._differences(record, given, before)
        return Outcome(row.number, "changed" if told else "same", told)

    def _news(
        self,
        record: Any,
        fields: dict[str, BaseField],
        sent: dict[str, Any],
        before: dict[str, Any],
        related: dict[str, list[str]],
    ) -> dict[str, Any]:
        """What is sent and differs; Refused where it may not be written here."""
        found = {
            name: value
            for name, value in sent.items()
            if name not in self.finder.names and not self._is_there(record, name, value, related)
        }
        fixed = {
            index: _FIXED
            for index, each in self.fields.items()
            if each.name in found and each.name not in fields
        }
        if fixed:
            raise Refused(fixed)
        return {name: value for name, value in found.items() if before[name] != value}

    async def _related(self, record: Any) -> dict[str, list[str]]:
        """Field to the keys of what the record is related to, of all that they may see."""
        several = [each for each in self.fields.values() if isinstance(each, References)]
        found: dict[str, list[str]] = form_values(several, record)
        for each in several:
            found[each.name] = await self.view.seen(self.request, each, found[each.name])
        return found

    def _is_there(self, record: Any, name: str, sent: Any, related: dict[str, list[str]]) -> bool:
        if name in related:
            return sorted(sent) == sorted(related[name])
        return cells.says_the_same(sent, getattr(record, name, None))

    def _differences(
        self,
        record: Any,
        given: dict[str, Any],
        before: dict[str, Any],
    ) -> dict[int, str]:
        """Column to what was there before, of what was changed."""
        found: dict[int, str] = {}
        for index, each in self.fields.items():
            if each.name not in given:
                continue
            several = isinstance(each, References)
            after = given[each.name] if several else form_value(each, getattr(record, each.name))
            if after != before[each.name]:
                found[index] = shortened(cell_text(before[each.name]))
        return found

    async def _name_references(self, fields: dict[str, BaseField], sent: dict[str, Any]) -> None:
        """Put keys in place of names, where a cell names what it refers to."""
        errors: dict[int, str] = {}
        for index, each in self.fields.items():
            if not isinstance(each, Reference | References) or each.name not in sent:
                continue
            if each.name not in fields:
                continue
            try:
                sent[each.name] = await self.finder.referred(each, sent[each.name])
            except ValueError as error:
                errors[index] = str(error)
        if errors:
            raise Refused(errors)


def _doubles(text: str) -> dict[int, dict[int, int]]:
    found = json.loads(text) if text else {}
    return {
        int(row): {int(column): first for column, first in each.items()}
        for row, each in found.items()
    }
