"""The list of a model's records: a page of it, searched, filtered and sorted."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette_admin.fields import BaseField
from starlette_admin.types import ListParams, RequestAction

from backoffice.admin.cells import Cells, Column, Rows, is_editable, is_numeric, linked
from backoffice.admin.chips import chips, referred
from backoffice.admin.counts import Count
from backoffice.admin.date_hierarchy import calendar_of
from backoffice.admin.facets import facets, parameters
from backoffice.admin.filter_builder import builder_fields
from backoffice.admin.list_addresses import PLACES, here
from backoffice.admin.list_columns import chosen
from backoffice.admin.lists import page_of, size_of
from backoffice.admin.markup import symbol
from backoffice.admin.paging import Page
from backoffice.admin.presentation import shown, url_of
from backoffice.admin.records import RecordView
from backoffice.admin.saved.keeping import is_understood
from backoffice.admin.saved.views import ALL, VIEW, Kept, kept, same
from backoffice.admin.site import Site
from backoffice.admin.values import cell

_EXPORTED = ("q", "filter", "sort", "deleted")


async def records(site: Site, request: Request) -> Response:
    """One page of the list."""
    request.state.action = RequestAction.LIST
    view = site.view(request)
    own = await kept(view, request)
    opens = own.find(str(own.opens)) if not request.query_params else None
    if opens is not None and is_understood(view, request, opens.query):
        return RedirectResponse(opens.url, HTTPStatus.SEE_OTHER)
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
        **_saved(view, request, own),
        **await _table(view, request, params, page.records, own.columns),
    )


def _saved(view: RecordView, request: Request, own: Kept) -> dict[str, Any]:
    """The views of this list, which of them it is, and the ways to keep another."""
    current, query = own.find(request.query_params.get(VIEW)), request.url.query
    return {
        "saved_views": own.open_views,
        "current_view": current,
        "is_changed_view": current is not None and not same(view, current.query, query),
        "unsaved_url": url_of(request, view.resource, view=ALL if own.opens else None),
        "views_url": f"{url_of(request, view.resource, 'views')}?{query}",
        "columns_url": f"{url_of(request, view.resource, 'columns')}?{query}",
    }


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
    offered, names = await facets(view, request), await referred(view, request)
    return {
        "filters": builder_fields(view, request, names),
        "chips": chips(view, request, params, offered, names),
        "facets": offered,
        "calendar": await calendar_of(view, request),
        "kept": request.query_params.multi_items(),
        "cleared": here(request, q=None, filter=None, **dict.fromkeys(parameters(view))),
        "unlisted": [*PLACES, *parameters(view)],
        "raw_filter": request.query_params.get("filter", ""),
        "carried": _carried(request, view),
    }


async def _table(
    view: RecordView, request: Request, params: ListParams, found: Sequence[Any], kept: str
) -> dict[str, Any]:
    fields = chosen(view, request, kept)
    columns = [_column(request, view, params, each) for each in fields]
    rows = await shown(view, request, fields, found, cell)
    cells = Cells(columns, url_of(request, view.resource, "detail") + "?pk=", linked(fields))
    actions = await allowed_actions(view, request)
    edit, pencil = url_of(request, view.resource, "edit") + "?pk=", symbol(request, "pencil")
    written = Rows(cells, edit, pencil, picks=bool(actions))
    editable = await view.editable(request, found)
    keys = [view.keys.of(each) for each in found]
    return {
        "columns": columns,
        "rows": [
            written.of(key, row.values(), edits=key in editable)
            for key, row in zip(keys, rows, strict=True)
        ],
        "shown_columns": ",".join(each.name for each in fields),
        "cell_url": url_of(request, view.resource, "cell"),
        "actions": actions,
    }


async def row_of(view: RecordView, request: Request, record: Any) -> Markup:
    """The cells of one record, in the columns that the address names."""
    fields = chosen(view, request)
    columns = [Column(str(each.label), numeric=is_numeric(view, each)) for each in fields]
    (values,) = await shown(view, request, fields, [record], cell)
    table = Cells(columns, url_of(request, view.resource, "detail") + "?pk=", linked(fields))
    return table.of(view.keys.of(record), values.values())


async def allowed_actions(view: RecordView, request: Request) -> list[dict[str, Any]]:
    """What may be done to several records at once; exports have a page of their own."""
    names = [each for each in view.actions or () if each != "export"]
    return [view._actions[each] for each in names if await view.is_action_allowed(request, each)]


def _column(request: Request, view: RecordView, params: ListParams, field: BaseField) -> Column:
    name = view.sorted_by(field.name)
    direction = dict(params.sorts).get(name)
    turned = "desc" if direction == "asc" else "asc"
    sortable = name in {each.name for each in view.get_fields_list(request) if each.orderable}
    url = here(request, sort=f"{name}__{turned}") if sortable else None
    edits = field.name if is_editable(view, request, field) else ""
    return Column(str(field.label), url, direction, is_numeric(view, field), edits)


def _carried(request: Request, view: RecordView) -> str:
    """What of this list's query an export of it takes along."""
    carried = {*_EXPORTED, *parameters(view)}
    kept = [each for each in request.query_params.multi_items() if each[0] in carried]
    return f"&{urlencode(kept)}" if kept else ""
