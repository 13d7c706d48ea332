"""Taking records away in a file."""

from collections.abc import Sequence
from typing import Any, cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette_admin.export import BaseExporter, ExportContext
from starlette_admin.fields import BaseField
from starlette_admin.types import RequestAction

from backoffice.admin.fields import References
from backoffice.admin.records import RecordView
from backoffice.admin.site import Site
from backoffice.admin.values import exported
from backoffice.admin.visits import visit_of


async def export(site: Site, request: Request) -> Response:
    """The list as it is searched and filtered, all pages of it, as CSV or JSON."""
    request.state.action = RequestAction.EXPORT
    view = site.view(request)
    if not view.can_export(request):
        raise HTTPException(403, f"You may not export {view.menu_label.lower()}.")
    exporter = _exporter(view, request.query_params.get("format", "csv"))
    asked = view.asked(request)
    limit = visit_of(request).settings.export_limit
    if (total := await view.count(request, asked.q, asked.filters)) > limit:
        raise HTTPException(400, f"These are {total} records; filter them to at most {limit}.")
    found = await view.find_all(request, 0, limit, asked.q, asked.sorts, asked.filters)
    fields = [each for each in view.get_fields_list(request) if not isinstance(each, References)]
    rows = await _rows(view, request, fields, found)
    return await exporter.build_response(
        ExportContext(fields=fields, rows=rows, view=view, request=request, filename=view.resource)
    )


async def _rows(
    view: RecordView, request: Request, fields: Sequence[BaseField], found: Sequence[Any]
) -> list[dict[str, Any]]:
    extras = await view.extras(request, fields, found)

    def value(field: BaseField, record: Any) -> Any:
        if field.name in extras:
            return extras[field.name].get(view.keys.of(record))
        return getattr(record, field.name, None)

    return [{each.name: exported(value(each, record)) for each in fields} for record in found]


def _exporter(view: RecordView, wanted: str) -> BaseExporter:
    for each in cast("list[BaseExporter]", view.exporters):
        if each.extension == wanted:
            return each
    raise HTTPException(400, "Exports are made as csv or json.")
