"""A part of another page's records on the page of one: by that page's rules, and with its links."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select
from starlette.requests import Request

from backoffice.admin.presentation import other_view, shown, url_of
from backoffice.admin.records import RecordView
from backoffice.admin.values import cell

MOST_SHOWN = 10


@dataclass(frozen=True)
class Deed:
    """Something that may be done to a record, and where."""

    label: str
    url: str


@dataclass(frozen=True)
class Line:
    """A record of it: its page, what is shown of it, and what may be done to it."""

    url: str
    cells: Sequence[Any]
    deeds: Sequence[Deed]


@dataclass(frozen=True)
class Section:
    """A table on the page of another record."""

    label: str
    resource: str
    columns: Sequence[str]
    lines: Sequence[Line]
    #: Where all of them are, if there are more, or may be.
    more: str


async def section(
    view: RecordView,
    request: Request,
    resource: str,
    query: Select[Any],
    by: str,
    names: Sequence[str],
    *,
    is_part: bool = False,
    **search: str,
) -> Section | None:
    """What may be seen of it; None where the page, or the field that it is found by, is hidden.

    The query may be of a part of them alone: then the way to all of them is always shown.
    """
    other = other_view(view, resource)
    if not other.is_accessible(request) or by in other.hidden(request):
        return None
    fields = {each.name: each for each in other.get_fields_list(request)}
    chosen = [fields[each] for each in names if each in fields]
    limited = other.within(request, query.limit(MOST_SHOWN + 1), "view")
    found = list((await other.executed(request, limited)).scalars().all())
    values = await shown(other, request, chosen, found[:MOST_SHOWN], cell)
    return Section(
        str(other.menu_label),
        resource,
        [str(each.label) for each in chosen],
        [
            await _line(other, request, record, [row[each.name] for each in chosen])
            for record, row in zip(found[:MOST_SHOWN], values, strict=True)
        ],
        url_of(request, resource, **search) if is_part or len(found) > MOST_SHOWN else "",
    )


async def _line(other: RecordView, request: Request, record: Any, cells: Sequence[Any]) -> Line:
    key = other.keys.of(record)
    deeds = []
    for name in (each for each in other.actions or () if each != "export"):
        allowed = await other.is_action_allowed(request, name)
        if allowed and await other.is_row_action_allowed_for_obj(request, name, record):
            url = url_of(request, other.resource, "action", name=name, pks=key)
            deeds.append(Deed(str(other._actions[name]["text"]), url))
    return Line(url_of(request, other.resource, "detail", pk=key), cells, deeds)
