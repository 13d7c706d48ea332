"""Matching: which column of a file is which field, and by which field a row finds its record."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Table, UniqueConstraint
from sqlmodel import SQLModel
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette_admin.fields import BaseField
from starlette_admin.types import RequestAction

from backoffice.admin.columns import column_of, is_generated
from backoffice.admin.imports.models import Import
from backoffice.admin.records import RecordView

#: The name of the choice of a record by its key; no field has a dot in front.
KEY = ".key"
_LETTERS = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class KeyChoice:
    """Fields that no two records have the same values of."""

    name: str
    label: str
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Matching:
    """How the columns of a file are meant."""

    #: Field of each column; empty for one that is left out.
    fields: list[str]
    key: str
    adds: bool


class Mismatch(Exception):
    """The columns cannot be meant so; the message says why."""


def fields_for(view: RecordView, request: Request, action: RequestAction) -> list[BaseField]:
    """The fields that a form of this kind would write for whoever asks."""
    before = getattr(request.state, "action", None)
    request.state.action = action
    try:
        return view.form_fields(request)
    finally:
        request.state.action = before


def offered(view: RecordView, request: Request) -> list[BaseField]:
    """The fields that a column may be: those that they may write, and keys that they may read."""
    found = {each.name: each for each in _written(view, request)}
    keys = {name for each in keys_of(view, request) for name in each.fields}
    known = {each.name: each for each in view.fields if each.name in keys}
    return list((found | known).values())


def keys_of(view: RecordView, request: Request) -> list[KeyChoice]:
    """By what a row may find its record."""
    if not view.can_edit(request):
        return []
    readable = {each.name: each for each in view.fields if view.is_readable(request, each)}
    found = []
    if all(each in readable for each in view.keys.names):
        label = " and ".join(str(readable[each].label) for each in view.keys.names)
        found.append(KeyChoice(KEY, label, tuple(view.keys.names)))
    for name, field in readable.items():
        column = column_of(view.model, name)
        if column is not None and is_unique(column) and [name] != view.keys.names:
            found.append(KeyChoice(name, str(field.label), (name,)))
    return found


def required(view: RecordView, request: Request) -> list[BaseField]:
    """The fields without which no record can be added."""
    if not view.can_create(request):
        return []
    return [each for each in fields_for(view, request, RequestAction.CREATE) if each.required]


def suggested(view: RecordView, request: Request, columns: Sequence[str]) -> Matching:
    """The matching that the names of the columns suggest."""
    names: dict[str, str] = {}
    for each in offered(view, request):
        for spelling in (each.name, getattr(each, "relation", None), str(each.label)):
            if spelling:
                names.setdefault(_bare(spelling), each.name)
    taken: set[str] = set()
    matched = []
    for column in columns:
        name = names.get(_bare(column), "")
        matched.append("" if name in taken else name)
        taken.add(name)
    keys = [each.name for each in keys_of(view, request) if set(each.fields) <= taken]
    return Matching(matched, keys[0] if keys else "", view.can_create(request))


def read(view: RecordView, request: Request, columns: Sequence[str], form: FormData) -> Matching:
    """The matching that a form says; Mismatch for one that cannot be."""
    fields = [str(form.get(f"column.{index}", "")) for index in range(len(columns))]
    found = Matching(fields, str(form.get("key", "")), "adds" in form)
    check(view, request, found)
    return found


def check(view: RecordView, request: Request, matching: Matching) -> None:
    """Mismatch where columns cannot be meant so, or not any more, by whoever asks."""
    known = {each.name: str(each.label) for each in offered(view, request)}
    chosen = [each for each in matching.fields if each]
    for each in chosen:
        if each not in known:
            raise Mismatch(f"You may not write {each}.")
        if chosen.count(each) > 1:
            raise Mismatch(f"Two columns are chosen for {known[each]}. Leave one of them out.")
    if not chosen:
        raise Mismatch("Choose a field for at least one column.")
    _check_key(view, request, matching, set(chosen))


def digest(found: Import) -> str:
    """What stands for a matching, the same as long as it is."""
    said = repr((found.matched, found.key, found.adds))
    return hashlib.sha256(said.encode()).hexdigest()


def is_unique(column: Column[Any]) -> bool:
    """Whether no two records have the same value, by this column alone."""
    if column.unique or not isinstance(column.table, Table):
        return bool(column.unique)
    kept = [each for each in column.table.constraints if isinstance(each, UniqueConstraint)]
    kept_by = [[part.name for part in each.columns] for each in kept]
    indexed = [
        [getattr(part, "name", None) for part in each.expressions]
        for each in column.table.indexes
        if each.unique
    ]
    return [column.name] in [*kept_by, *indexed]


def unique_columns(view: RecordView, request: Request, said: Matching) -> list[tuple[int, ...]]:
    """Columns, or sets of them, in which no two rows may say the same."""
    found: list[tuple[int, ...]] = []
    for index, name in enumerate(said.fields):
        column = column_of(view.model, name) if name else None
        if column is not None and is_unique(column):
            found.append((index,))
    keys = {each.name: each for each in keys_of(view, request)}
    if said.key:
        found.append(tuple(said.fields.index(each) for each in keys[said.key].fields))
    return list(dict.fromkeys(found))


def makes_key(model: type[SQLModel], names: Iterable[str]) -> bool:
    """Whether the key of a new record is made by itself, and none is to be given."""
    columns = [column_of(model, each) for each in names]
    return any(
        each is not None and each.primary_key and is_generated(model, each) for each in columns
    )


def _check_key(view: RecordView, request: Request, matching: Matching, chosen: set[str]) -> None:
    keys = {each.name: each for each in keys_of(view, request)}
    if matching.key and matching.key not in keys:
        raise Mismatch("Records cannot be found by that.")
    if matching.key and not set(keys[matching.key].fields) <= chosen:
        label = keys[matching.key].label
        raise Mismatch(f"Rows are to find their records by {label}: choose its column.")
    adds = matching.adds or not matching.key
    if adds and not view.can_create(request):
        raise Mismatch("You may not add records: choose by what rows find theirs.")
    if not matching.key:
        _check_required(view, request, chosen)
        names = {each.name for each in fields_for(view, request, RequestAction.CREATE)}
        if not chosen & names:
            raise Mismatch("Choose a field for at least one column.")


def _check_required(view: RecordView, request: Request, chosen: set[str]) -> None:
    for each in required(view, request):
        if each.name not in chosen:
            raise Mismatch(f"A new record needs {each.label}: choose its column.")


def _written(view: RecordView, request: Request) -> list[BaseField]:
    found: dict[str, BaseField] = {}
    if view.can_create(request):
        made = fields_for(view, request, RequestAction.CREATE)
        found |= {each.name: each for each in made}
    if view.can_edit(request):
        changed = fields_for(view, request, RequestAction.EDIT)
        found |= {each.name: each for each in changed}
    return list(found.values())


def _bare(text: str) -> str:
    return _LETTERS.sub("", text).casefold()
