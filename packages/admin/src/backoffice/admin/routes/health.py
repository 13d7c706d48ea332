"""Health, the audit log's chain, and the reports of packages: to look at, and nothing else."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from backoffice.admin.operations import health as found
from backoffice.admin.operations.inspections import inspected
from backoffice.admin.operations.menu import CHAIN, HEALTH, check
from backoffice.admin.site import Site
from backoffice.admin.visits import visit_of
from backoffice.core import BackofficeError
from backoffice.core.reports import Report, Reporting
from backoffice.core.singletons import running

Page = Callable[[Site, Request], Awaitable[Response]]
#: Asked for by a link, as it takes longer than a page should.
THOROUGH = "thorough"


async def health(site: Site, request: Request) -> Response:
    """What the app stands on, and, where it is asked for, what the doctor finds."""
    check(request, HEALTH.permission, "see the health of the app")
    run, database = running(request), visit_of(request).services.database
    status, checks = await found.readiness_of(run)
    verdicts = None
    if _is_thorough(request):
        verdicts = await inspected(
            request, "doctor", lambda: found.examined(run, site.system.reports)
        )
    return site.page(
        request,
        "health.html",
        condition=status,
        checks=checks,
        facts=await found.facts(run, database),
        versions=await found.versions(),
        disks=await found.disks(database),
        verdicts=verdicts,
    )


async def chain(site: Site, request: Request) -> Response:
    """How the chain of the audit log is, once it is asked for: every entry is read."""
    check(request, CHAIN.permission, "see the audit log")
    audit = visit_of(request).services.audit
    verified = None
    if _is_thorough(request):
        verified = await inspected(request, "chain", audit.verified)
    return site.page(request, "chain.html", verified=verified)


def report(reporting: Reporting) -> Page:
    """The page of a report that a package brings."""

    async def page(site: Site, request: Request) -> Response:
        check(request, reporting.permission, f"see {reporting.label.lower()}")
        run, thorough = running(request), _is_thorough(request)
        name = f"{reporting.name} {thorough}"
        try:
            given = await inspected(request, name, lambda: reporting.report(run, thorough))
        except BackofficeError as error:
            given = Report("error", error.message)
        return site.page(request, "report.html", reporting=reporting, report=given)

    return page


def _is_thorough(request: Request) -> bool:
    return request.query_params.get(THOROUGH) == "yes"
