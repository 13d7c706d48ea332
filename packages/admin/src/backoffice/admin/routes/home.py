"""The first page: what there is to do, how things go, and what there is to see."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette_admin.types import RequestAction

from backoffice.admin.cards import shown_card
from backoffice.admin.dashboard.charts import Days, ShownChart, shown_chart
from backoffice.admin.dashboard.figures import figures
from backoffice.admin.dashboard.first_steps import HIDDEN, first_steps
from backoffice.admin.lists import size_of
from backoffice.admin.pages import PageContext
from backoffice.admin.site import Site
from backoffice.admin.visits import root, visit_of
from backoffice.core import InvalidInput

#: Days that the charts can be asked for.
SPANS = (7, 30, 90)
_YEAR = 365 * 24 * 3600


async def home(site: Site, request: Request) -> Response:
    """The models that one may see, with their counts, after steps, cards and charts."""
    request.state.action = RequestAction.LIST
    days = _days(request)
    views = [(view, await size_of(view, request)) for view in site.visible(request)]
    principal = visit_of(request).principal
    cards = [
        await shown_card(each, request) for each in site.own_cards if principal.can(each.permission)
    ]
    return site.page(
        request,
        "home.html",
        views=views,
        cards=cards,
        charts=await _charts(site, request, days),
        days=days,
        spans=SPANS,
        steps=await first_steps(site, request),
    )


async def hide_steps(_: Site, request: Request) -> Response:
    """Show the first steps in this browser no more."""
    response = RedirectResponse(f"{root(request)}/", HTTPStatus.SEE_OTHER)
    response.set_cookie(
        HIDDEN,
        "yes",
        max_age=_YEAR,
        path=root(request) or "/",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return response


async def _charts(site: Site, request: Request, days: Days) -> list[ShownChart]:
    principal, context = visit_of(request).principal, PageContext(request)
    return [
        await shown_chart(each, context, days)
        for each in (*site.own_charts, *figures(site))
        if principal.can(each.permission)
    ]


def _days(request: Request) -> Days:
    asked = request.query_params.get("days", "30")
    if asked not in map(str, SPANS):
        raise InvalidInput("Charts show 7, 30 or 90 days.")
    return Days(visit_of(request).services.clock.now().date(), int(asked))
