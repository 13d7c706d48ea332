"""One record, to read."""

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette_admin.types import RequestAction

from backoffice.admin.on_site import address_on_site
from backoffice.admin.presentation import referrers, shown
from backoffice.admin.records import RecordView
from backoffice.admin.routes.listing import allowed_actions
from backoffice.admin.site import Site
from backoffice.admin.values import passage


async def record(site: Site, request: Request) -> Response:
    """All that may be seen of it, and what refers to it."""
    request.state.action = RequestAction.DETAIL
    view = site.view(request)
    return await page(site, request, view, await existing(view, request))


async def page(
    site: Site, request: Request, view: RecordView, found: Any, status: int = 200, **context: Any
) -> Response:
    """The page of a record, with what else it is to show."""
    fields = view.get_fields_list(request)
    (values,) = await shown(view, request, fields, [found], passage)
    return site.page(
        request,
        "detail.html",
        status,
        view=view,
        record=found,
        key=view.keys.of(found),
        label=view.named(request, found),
        on_site=address_on_site(view, request, found),
        rows=[(each.label, values[each.name]) for each in fields],
        referrers=await referrers(view, request, found),
        may_edit=await view.is_row_action_allowed_for_obj(request, "edit", found),
        actions=[
            each
            for each in await allowed_actions(view, request)
            if await view.is_row_action_allowed_for_obj(request, each["name"], found)
        ],
        **context,
    )


async def existing(view: RecordView, request: Request) -> Any:
    """The record that `?pk=` names; 404 if there is none."""
    found = await view.find_by_pk(request, request.query_params.get("pk", ""))
    if found is None:
        raise HTTPException(404, f"There is no such {str(view.display_name).lower()}.")
    return found
