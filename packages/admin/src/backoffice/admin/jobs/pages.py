"""What the pages show of a job."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.requests import Request

from backoffice.admin.imports.steps import CHECK, DEED, number_of
from backoffice.admin.jobs.models import CANCELLED, DONE, RUNNING, STOPPED, WAITING, BulkJob
from backoffice.admin.presentation import url_of
from backoffice.admin.records import RecordView
from backoffice.admin.site import Site
from backoffice.admin.visits import Visit, visit_of

#: Where the pages are, and the resource of the permissions to see and cancel those of others.
PATH = "bulk-jobs"
#: A job that nobody has worked on for so long waits for a process.
QUIET = timedelta(seconds=90)
_IMPORTS = {CHECK: "Preview of an import", DEED: "Import"}
_STATES = {
    WAITING: "Waiting",
    RUNNING: "Running",
    DONE: "Done",
    CANCELLED: "Cancelled",
    STOPPED: "Stopped",
}


@dataclass(frozen=True)
class Failure:
    """A record that it was not done to."""

    label: str
    url: str
    reason: str


@dataclass(frozen=True)
class Shown:
    """A job in words."""

    number: int
    title: str
    url: str
    list_url: str
    is_import: bool
    state: str
    progress: str
    reason: str
    actor: str
    is_own: bool
    is_over: bool
    may_cancel: bool
    handled: int
    total: int | None
    created_at: datetime
    ended_at: datetime | None
    failures: list[Failure]


def shown(site: Site, request: Request, job: BulkJob) -> Shown:
    """What there is to see of a job; names of records are for those alone who started it."""
    visit = visit_of(request)
    own = job.actor == visit.principal.name
    view = next((each for each in site.records() if each.resource == job.resource), None)
    reason = job.reason
    if not job.is_over and visit.services.clock.now() - job.turn_at > QUIET:
        reason = "No process is at work on it. It goes on from where it is when one is."
    return Shown(
        number=job.number or 0,
        title=_title(view, job),
        url=url_of(request, PATH, "detail", pk=job.number),
        list_url=_list_url(request, job) if own else url_of(request, job.resource),
        is_import=number_of(job) is not None,
        state="Cancelling" if job.cancel_asked and not job.is_over else _STATES[job.state],
        progress=_progress(job),
        reason=reason,
        actor=visit.principal.email if own else job.actor,
        is_own=own,
        is_over=job.is_over,
        may_cancel=may_cancel(visit, job) and not job.is_over and not job.cancel_asked,
        handled=job.handled,
        total=job.total,
        created_at=job.created_at,
        ended_at=job.ended_at,
        failures=_failures(request, job) if own else [],
    )


def may_see_all(visit: Visit) -> bool:
    """Whether somebody may see the jobs of others."""
    return visit.may(PATH, "view")


def may_cancel(visit: Visit, job: BulkJob) -> bool:
    """Whether somebody may cancel this one."""
    return job.actor == visit.principal.name or (may_see_all(visit) and visit.may(PATH, "change"))


def _title(view: RecordView | None, job: BulkJob) -> str:
    if view is not None and job.action in _IMPORTS:
        return f"{_IMPORTS[job.action]}: {view.menu_label}"
    if view is None or job.action not in view._actions:
        return str(job)
    return f"{view._actions[job.action]['text']}: {view.menu_label}"


def _list_url(request: Request, job: BulkJob) -> str:
    """What it is about, as whoever started it saw it."""
    if (number := number_of(job)) is not None:
        return url_of(request, job.resource, "import", pk=number)
    return f"{url_of(request, job.resource)}{f'?{job.query}' if job.query else ''}"


def _progress(job: BulkJob) -> str:
    if job.total is None:
        return "Not begun yet" if not job.is_over else "Nothing was done"
    parts = [f"{job.done:,} of {job.total:,} done"]
    if job.refused:
        parts.append(f"{job.refused:,} refused, for they may not be touched")
    if job.failed:
        parts.append(f"{job.failed:,} failed")
    return ", ".join(parts)


def _failures(request: Request, job: BulkJob) -> list[Failure]:
    return [
        Failure(label, url_of(request, job.resource, "detail", pk=key), reason)
        for key, label, reason in job.failures
    ]
