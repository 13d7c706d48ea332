"""Taking records away in a file."""

from http import HTTPStatus
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.sql import Select
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette_admin.types import ListParams, RequestAction

from backoffice.admin.exports import FORMATS, Download
from backoffice.admin.fields import References
from backoffice.admin.jobs.selection import check_understood
from backoffice.admin.records import RecordView
from backoffice.admin.site import Site
from backoffice.admin.visits import visit_of


async def export(site: Site, request: Request) -> Response:
    """The list as it is searched and filtered, all pages of it, as CSV or JSON."""
    request.state.action = RequestAction.EXPORT
    view = site.view(request)
    if not view.can_export(request):
        raise HTTPException(403, f"You may not export {view.menu_label.lower()}.")
    extension = request.query_params.get("format", "csv")
    if extension not in FORMATS:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "Exports are made as csv or json.")
    fields = [each for each in view.get_fields_list(request) if not isinstance(each, References)]
    asked = view.asked(request)
    # A list leaves out what it does not understand; a file would hold more than was meant.
    check_understood(view, request, asked)
    await _check_limit(view, request, asked)
    query = await view.ordered_query(request, asked.q, asked.sorts, asked.filters)
    return Download(view, request, fields, query, extension)


async def _check_limit(view: RecordView, request: Request, asked: ListParams) -> None:
    limit = visit_of(request).settings.export_limit
    if limit is None:
        return
    query = await view.ordered_query(request, asked.q, [], asked.filters)
    if await _at_most(view, request, query, limit + 1) > limit:
        text = f"These are more than {limit:,} records; filter them to at most that many."
        raise HTTPException(HTTPStatus.BAD_REQUEST, text)


async def _at_most(view: RecordView, request: Request, query: Select[Any], most: int) -> int:
    """The number of rows, counted up to that many."""
    keys = [getattr(view.model, each) for each in view.keys.names]
    counted = query.with_only_columns(*keys).order_by(None).limit(most).subquery()
    rows = await view.executed(request, select(func.count()).select_from(counted))
    return int(rows.scalar_one())
