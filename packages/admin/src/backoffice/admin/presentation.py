"""What a page shows of records: cells, references by name, and what refers to a record."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup
from sqlalchemy import inspect as inspected
from sqlalchemy import select
from sqlmodel import SQLModel
from starlette.requests import Request
from starlette_admin.fields import BaseField

from backoffice.admin.columns import column_of
from backoffice.admin.counts import Count, counted
from backoffice.admin.fields import Reference, References, text_of
from backoffice.admin.records import RecordView
from backoffice.admin.relations import MOST_RELATED, load_relations
from backoffice.admin.values import NOTHING, link
from backoffice.admin.visits import root, sent_form, visit_of

Show = Callable[[BaseField, Any, Request], str]
#: (resource, key) to the name of a record.
Names = dict[tuple[str, str], str]
#: Of a form: the button that finds what may be referred to, and what is typed for it.
FIND = ".find"
_MOST_CHOICES = 100
_MOST_SHOWN = 20


@dataclass(frozen=True)
class Referrer:
    """Records of another view that refer to the one that is looked at."""

    label: str
    count: Count
    url: str


@dataclass(frozen=True)
class Choice:
    """A record that a reference may be set to."""

    key: str
    label: str
    chosen: bool = False


def url_of(request: Request, resource: str, page: str = "", **query: Any) -> str:
    """The path of a page of the admin, right behind any proxy."""
    path = f"{root(request)}/{resource}" + (f"/{page}" if page else "")
    asked = urlencode(
        {name: value for name, value in query.items() if value is not None}, doseq=True
    )
    return f"{path}?{asked}" if asked else path


async def shown(
    view: RecordView,
    request: Request,
    fields: Sequence[BaseField],
    records: Iterable[SQLModel],
    show: Show,
) -> list[dict[str, str]]:
    """Field to what is shown of it, for each record."""
    records = list(records)
    several = [each.name for each in fields if isinstance(each, References)]
    await load_relations(view.session(request), records, several, _MOST_SHOWN)
    names = await _names(view, request, fields, records)
    extras = await view.extras(request, fields, records)
    # Column by column: what is the same in all of its cells is found out once.
    columns = []
    for each in fields:
        values = _values(view, each.name, records, extras)
        columns.append(_column(request, each, values, names, show))
    labels = [each.name for each in fields]
    return [
        dict(zip(labels, [column[index] for column in columns], strict=True))
        for index in range(len(records))
    ]


def _values(
    view: RecordView, name: str, records: list[SQLModel], extras: dict[str, dict[str, Any]]
) -> list[Any]:
    if name in extras:
        return [extras[name].get(view.keys.of(each)) for each in records]
    return [getattr(each, name, None) for each in records]


def _column(
    request: Request, field: BaseField, values: list[Any], names: Names, show: Show
) -> list[str]:
    """What is shown of a field in each of the records."""
    if isinstance(field, Reference):
        return [
            NOTHING if each is None else _referred(request, field, text_of(each), names)
            for each in values
        ]
    if isinstance(field, References):
        return [_several(request, field, each or (), names) for each in values]
    return [show(field, each, request) for each in values]


def _referred(request: Request, field: Reference | References, key: str, names: Names) -> str:
    """By name for those who may see it, by key for the others."""
    name = names.get((field.resource, key))
    if name is None:
        return Markup('<span class="nothing">#{}</span>').format(key)
    return link(url_of(request, field.resource, "detail", pk=key), name)


def _several(request: Request, field: References, value: Iterable[SQLModel], names: Names) -> str:
    keys = [text_of(inspected(each).identity[0]) for each in value]
    parts = [_referred(request, field, each, names) for each in keys[:_MOST_SHOWN]]
    if len(keys) > _MOST_SHOWN:
        parts.append("and more")
    return Markup(", ").join(parts) or NOTHING


async def _names(
    view: RecordView, request: Request, fields: Sequence[BaseField], records: list[SQLModel]
) -> Names:
    """The names of all that the records refer to: one query for each model."""
    wanted: dict[str, set[str]] = {}
    for field in fields:
        if isinstance(field, Reference | References) and visit_of(request).may(
            field.resource, "view"
        ):
            keys = wanted.setdefault(field.resource, set())
            for record in records:
                keys |= _keys(field, record)
    found: Names = {}
    for resource, keys in wanted.items():
        other = other_view(view, resource)
        for record in await other.find_by_pks(request, list(keys)):
            found[resource, other.keys.of(record)] = other.named(request, record)
    return found


def _keys(field: Reference | References, record: SQLModel) -> set[str]:
    value = getattr(record, field.name)
    if isinstance(field, References):
        return {text_of(inspected(each).identity[0]) for each in list(value)[:_MOST_SHOWN]}
    return set() if value is None else {text_of(value)}


def other_view(view: RecordView, resource: str) -> RecordView:
    """The view that a reference of this one leads to."""
    found = view._find_foreign_view(resource)
    assert isinstance(found, RecordView)  # noqa: S101 - all views of the site are
    return found


async def choices(
    view: RecordView, request: Request, field: Reference | References, value: Any
) -> list[Choice]:
    """What stands in the list of a reference: what is chosen, then the first of the others."""
    other = other_view(view, field.resource)
    keys = [str(each) for each in (value if isinstance(value, list) else [value]) if each]
    chosen = await other.find_by_pks(request, keys[:MOST_RELATED])
    found = [Choice(other.keys.of(each), other.named(request, each), True) for each in chosen]
    text = await _looked_for(request, field)
    others: Sequence[Any] = ()
    if text or field.name not in view.options.autocomplete_fields:
        others = await other.find_all(request, limit=_MOST_CHOICES, q=text or None)
    taken = {each.key for each in found}
    found += [Choice(other.keys.of(each), other.named(request, each)) for each in others]
    return [each for each in found if each.chosen or each.key not in taken]


async def _looked_for(request: Request, field: Reference | References) -> str:
    """What is typed to find a record by, where no script does it."""
    sent = await sent_form(request) if request.method == "POST" else {}
    return str(sent.get(f"{field.id}{FIND}", "")).strip()


async def referrers(view: RecordView, request: Request, record: SQLModel) -> list[Referrer]:
    """How many records of each view that may be seen refer to this one."""
    found: list[Referrer] = []
    key, hidden = view.keys.of(record), view.hidden(request)
    for other, field in _referring(view):
        if hidden & _read_by(view, other, field):
            continue
        if other.is_accessible(request) and other.is_readable(request, field):
            column = getattr(other.model, field.name)
            same = column == getattr(record, view.keys.names[0])
            query = other.undeleted(other.within(request, select(other.model), "view"))
            query = query.where(same)
            limit = visit_of(request).settings.count_limit
            count = await counted(view.session(request), query, limit)
            url = url_of(request, other.resource, filter=f'{field.name}__eq="{key}"')
            found.append(Referrer(f"{other.menu_label} by {field.label}", count, url))
    return found


def _read_by(view: RecordView, other: RecordView, field: Reference) -> set[str]:
    """The relationships of the view's own model that are the same reference, the other way."""
    column = column_of(other.model, field.name)
    own = inspected(view.model).relationships
    return {str(each.key) for each in own if column in each.remote_side}


def _referring(view: RecordView) -> Iterable[tuple[RecordView, Reference]]:
    views = view._admin._model_views if view._admin is not None else []
    for other in views:
        if isinstance(other, RecordView):
            for field in other.fields:
                if isinstance(field, Reference) and field.resource == view.resource:
                    yield other, field
