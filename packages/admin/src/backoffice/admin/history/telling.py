"""How changes are told to people: who, when, what, and each field from what to what."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette_admin.fields import BaseField, StringField

from backoffice.admin.changers import actor_names
from backoffice.admin.fields import Reference, References, text_of
from backoffice.admin.history.asking import ACTIONS, WAYS
from backoffice.admin.history.entries import Entry, Reader
from backoffice.admin.history.undoing import may_undo
from backoffice.admin.history.values import is_hidden, restored
from backoffice.admin.labels import column_label
from backoffice.admin.presentation import other_view, url_of
from backoffice.admin.values import NOTHING, cell, link
from backoffice.admin.visits import visit_of

_KEPT_NOT = Markup('<span class="nothing">{}</span>')
_MOST_NAMED = 20
_COMMAND = "cli:"

#: (resource, key) to the name of a record.
Names = dict[tuple[str, str], str]


@dataclass(frozen=True)
class Line:
    """One field: what it was and what it is, to be shown."""

    label: str
    old: str
    new: str


@dataclass(frozen=True)
class Told:
    """One change, to be shown."""

    number: int
    at: datetime
    who: str
    who_url: str | None
    way: str
    done: str
    title: str
    page: str
    history_url: str
    lines: Sequence[Line]
    is_undo: bool
    is_undone: bool
    undo_url: str | None


async def told(reader: Reader, request: Request, entries: Sequence[Entry]) -> list[Told]:
    """The changes in words, with the names of what they refer to: so many statements, however
    many they are."""
    if not entries:
        return []
    people = await actor_names(entries[0].view, request, {each.change.actor for each in entries})
    names = await _names(reader, request, entries)
    undone = await reader.undone([each.number for each in entries])
    return [_told(reader, request, each, people, names, undone) for each in entries]


def lines_of(reader: Reader, request: Request, entry: Entry, names: Names) -> list[Line]:
    """Field by field."""
    return [
        Line(
            _label(reader, entry, name),
            *(_value(reader, request, entry, name, each, names) for each in _pair(entry, name)),
        )
        for name in entry.fields
    ]


def _told(
    reader: Reader,
    request: Request,
    entry: Entry,
    people: dict[str, str],
    names: Names,
    undone: set[int],
) -> Told:
    change, view = entry.change, entry.view
    actor, pk = change.actor, change.record_key
    return Told(
        number=entry.number,
        at=change.at,
        who=_who(actor, people),
        who_url=url_of(request, "history", actor=actor) if actor else None,
        way=WAYS.get(change.through, change.through),
        done=ACTIONS.get(change.action, change.action),
        title=label_of_record(request, entry),
        page=str(view.menu_label),
        history_url=url_of(request, view.resource, "history", pk=pk),
        lines=lines_of(reader, request, entry, names),
        is_undo=change.undoes is not None,
        is_undone=entry.number in undone,
        undo_url=url_of(request, view.resource, "undo", change=entry.number)
        if may_undo(request, entry)
        else None,
    )


def label_of_record(request: Request, entry: Entry) -> str:
    """What the record was called; by its key to whom something of it is hidden."""
    if entry.view.hidden(request):
        return f"{entry.view.display_name} {entry.change.record_key}"
    return entry.change.label


def _who(actor: str, people: dict[str, str]) -> str:
    if actor.startswith(_COMMAND):
        return f"{actor.removeprefix(_COMMAND) or 'somebody'} at the command line"
    return people.get(actor, actor or "somebody unknown")


def _pair(entry: Entry, name: str) -> tuple[Any, Any]:
    old, new = entry.change.changes[name]
    return old, new


def _label(reader: Reader, entry: Entry, name: str) -> str:
    field = reader.readable(entry.view).get(name)
    return str(field.label) if field is not None else column_label(name)


def _value(
    reader: Reader, request: Request, entry: Entry, name: str, made: Any, names: Names
) -> str:
    if is_hidden(made):
        return _KEPT_NOT.format("a secret, which is not kept")
    if isinstance(made, dict) and made["$"] == "long":
        return _KEPT_NOT.format(f"{made['length']:,} characters, too many to be kept")
    field = reader.readable(entry.view).get(name) or StringField(name)
    value = _restored(reader, entry, name, made)
    if isinstance(field, Reference | References):
        keys = [text_of(each) for each in _several(value)]
        return _referred(request, field, keys, names)
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value) or NOTHING
    return cell(field, value, request)


def _restored(reader: Reader, entry: Entry, name: str, made: Any) -> Any:
    column: Any = reader.tracks[entry.view.resource].columns.get(name)
    try:
        return restored(made, getattr(column, "type", None))
    except (KeyError, ValueError):
        return made.get("v")  # A member that its enum has no more.


def _several(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def _referred(
    request: Request, field: Reference | References, keys: Sequence[str], names: Names
) -> str:
    """By name and with a way there for those who may see it, by key for the others."""
    parts = [
        link(url_of(request, field.resource, "detail", pk=key), names[field.resource, key])
        if (field.resource, key) in names
        else _KEPT_NOT.format(f"#{key}")
        for key in keys[:_MOST_NAMED]
    ]
    if len(keys) > _MOST_NAMED:
        parts.append(f"and {len(keys) - _MOST_NAMED} more")
    return Markup(", ").join(parts) or NOTHING


async def _names(reader: Reader, request: Request, entries: Iterable[Entry]) -> Names:
    """What the records referred to are called: one query for each of their models."""
    wanted: dict[str, set[str]] = {}
    for entry in entries:
        for field in _references(reader, entry):
            keys = wanted.setdefault(field.resource, set())
            for made in _pair(entry, field.name):
                value = _restored(reader, entry, field.name, made)
                keys |= {text_of(each) for each in _several(value)[:_MOST_NAMED]}
    found: Names = {}
    view = next(iter(reader.views.values()))
    for resource, keys in wanted.items():
        if keys and visit_of(request).may(resource, "view"):
            other = other_view(view, resource)
            for record in await other.find_by_pks(request, list(keys)):
                found[resource, other.keys.of(record)] = other.named(request, record)
    return found


def _references(reader: Reader, entry: Entry) -> Iterable[Reference | References]:
    readable: dict[str, BaseField] = reader.readable(entry.view)
    for name in entry.fields:
        field = readable.get(name)
        if isinstance(field, Reference | References):
            yield field
