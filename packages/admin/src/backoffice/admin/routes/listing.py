"""The list of a model's records: a page of it, searched, filtered and sorted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import Response
from starlette_admin.fields import BaseField, DecimalField, FloatField, IntegerField
from starlette_admin.types import ListParams, RequestAction

from backoffice.admin.counts import Count
from backoffice.admin.date_hierarchy import calendar_of
from backoffice.admin.facets import Facet, facets, parameters
from backoffice.admin.fields import Reference
from backoffice.admin.lists import page_of, size_of
from backoffice.admin.paging import Page
from backoffice.admin.presentation import shown, url_of
from backoffice.admin.records import RecordView
from backoffice.admin.site import Site, symbol
from backoffice.admin.values import cell

#: What of an address says which page of the list it is.
PLACES = ("after", "before", "page")
_CELL = Markup('<td data-label="{}"{}>')
_NUMBER = Markup(' class="number"')
_RECORD = Markup('<a class="record" href="{}{}">{}</a>')
_EXPORTED = ("q", "filter", "sort", "deleted")


@dataclass(frozen=True)
class Column:
    """The head of a column; `direction` is how the list is sorted by it now, if it is."""

    label: str
    sort_url: str | None
    direction: str | None
    numeric: bool = False


class Cells:
    """Writes the cells of a row. A template takes three times as long for them, and a list of
    25 rows has hundreds."""

    def __init__(self, columns: Sequence[Column], detail: str, linked: int) -> None:
        self._before = [_CELL.format(each.label, _NUMBER * each.numeric) for each in columns]
        self._detail = detail
        self._linked = linked

    def of(self, key: str, values: Iterable[str]) -> Markup:
        """The cells of the record with that key; one of them leads to it."""
        cells = [*map(escape, values)]
        if self._linked >= 0:
            cells[self._linked] = _RECORD.format(self._detail, quote(key), cells[self._linked])
        parts = (f"{before}{cell}</td>" for before, cell in zip(self._before, cells, strict=True))
        return Markup("".join(parts))  # noqa: S704 - each part is escaped


async def records(site: Site, request: Request) -> Response:
    """One page of the list."""
    request.state.action = RequestAction.LIST
    view = site.view(request)
    params = view.asked(request)
    page = await page_of(view, request, params)
    count = await size_of(view, request, params, page)
    return site.page(
        request,
        "list.html",
        view=view,
        params=params,
        count=count,
        page=page,
        shown=_shown(page, count),
        here=lambda **changes: here(request, **changes),
        **await _tools(view, request, params),
        **await _table(view, request, params, page.records),
    )


def _shown(page: Page, count: Count) -> str:
    """Which of how many records the page holds."""
    if not page.records:
        return ""
    first, exact = page.position, count.kind == "exact"
    if first is None and page.after is None and exact:
        first = max(count.number - len(page.records), 0)
    if first is None or (exact and first + len(page.records) > count.number):
        return f"{len(page.records):,} of {count}"
    return f"{first + 1:,} to {first + len(page.records):,} of {count}"


async def _tools(view: RecordView, request: Request, params: ListParams) -> dict[str, Any]:
    """What stands above the table."""
    offered = await facets(view, request)
    return {
        "filters": view._filter_builder_fields(request),
        "chips": [*_chips(request, view, params), *_chosen(request, offered)],
        "facets": offered,
        "calendar": await calendar_of(view, request),
        "kept": request.query_params.multi_items(),
        "cleared": here(request, filter=None, **dict.fromkeys(parameters(view))),
        "unlisted": [*PLACES, *parameters(view)],
        "raw_filter": request.query_params.get("filter", ""),
        "carried": _carried(request, view),
    }


async def _table(
    view: RecordView, request: Request, params: ListParams, found: Sequence[Any]
) -> dict[str, Any]:
    fields = view.columns(request)
    columns = [_column(request, view, params, each) for each in fields]
    rows = await shown(view, request, fields, found, cell)
    detail, linked = url_of(request, view.resource, "detail") + "?pk=", _linked(fields)
    table = Cells(columns, detail, linked)
    keys = [view.keys.of(each) for each in found]
    return {
        "columns": columns,
        "rows": [(key, table.of(key, row.values())) for key, row in zip(keys, rows, strict=True)],
        "editable": await view.editable(request, found),
        "actions": await allowed_actions(view, request),
        "edit": url_of(request, view.resource, "edit") + "?pk=",
        "pencil": symbol(request, "pencil"),
    }


async def allowed_actions(view: RecordView, request: Request) -> list[dict[str, Any]]:
    """What may be done to several records at once; exports have a page of their own."""
    names = [each for each in view.actions or () if each != "export"]
    return [view._actions[each] for each in names if await view.is_action_allowed(request, each)]


def here(request: Request, **changes: Any) -> str:
    """The address of this list with some of its query changed; None takes a part out.

    Unless another page is named it is the first: places of one list are none of another.
    """
    changes = dict.fromkeys(PLACES) | changes
    kept = [each for each in request.query_params.multi_items() if each[0] not in changes]
    changed = [(name, str(value)) for name, value in changes.items() if value is not None]
    path = url_of(request, request.path_params["resource"])
    query = urlencode(kept + changed)
    return f"{path}?{query}" if query else path


def _column(request: Request, view: RecordView, params: ListParams, field: Any) -> Column:
    name = view.sorted_by(field.name)
    direction = dict(params.sorts).get(name)
    turned = "desc" if direction == "asc" else "asc"
    sortable = name in {each.name for each in view.get_fields_list(request) if each.orderable}
    url = here(request, sort=f"{name}__{turned}") if sortable else None
    numeric = isinstance(field, IntegerField | DecimalField | FloatField)
    return Column(field.label, url, direction, numeric and field.name not in view.keys.names)


def _linked(fields: list[BaseField]) -> int:
    """The column that leads to the record: the first that leads nowhere else."""
    plain = (index for index, each in enumerate(fields) if not isinstance(each, Reference))
    return next(plain, -1)


def _carried(request: Request, view: RecordView) -> str:
    """What of this list's query an export of it takes along."""
    carried = {*_EXPORTED, *parameters(view)}
    kept = [each for each in request.query_params.multi_items() if each[0] in carried]
    return f"&{urlencode(kept)}" if kept else ""


def _chips(request: Request, view: RecordView, params: ListParams) -> list[tuple[str, str]]:
    """What the list is filtered by in words, each with the address of the list without it."""
    if not request.query_params.get("filter"):
        return []
    _, chips = view._active_filter_chips(request, params)
    path = url_of(request, view.resource)
    return [(each.label, f"{path}?{each.remove_url.partition('?')[2]}") for each in chips]


def _chosen(request: Request, offered: Sequence[Facet]) -> list[tuple[str, str]]:
    """What is chosen of the facets, in the same way."""
    return [
        (f"{each.label}: {each.chosen}", here(request, **dict.fromkeys(each.parameters)))
        for each in offered
        if each.chosen
    ]
