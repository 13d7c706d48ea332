"""The figures that every app has: accounts, sign-ins, limits that were hit, slow pages."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlmodel import col

from backoffice.admin.dashboard.charts import Chart, ChartFunction, Days, OwnChart, Series
from backoffice.admin.dashboard.kept import kept_figures
from backoffice.admin.dashboard.models import LIMIT, PAGE
from backoffice.admin.operations.menu import CHAIN, HEALTH, LIMITS, PATH
from backoffice.admin.pages import PageContext
from backoffice.admin.records import RecordView
from backoffice.admin.site import Site
from backoffice.admin.visits import visit_of
from backoffice.auth import AuditEntry
from backoffice.auth.events import (
    Registered,
    SignedIn,
    SignInFailed,
    Throttled,
    UserCreated,
)
from backoffice.core import singleton
from backoffice.core.singletons import running

#: Names that one chart of bars has at most.
MOST_BARS = 6
#: Where the app's own pages are.
OWN = "pages"
_COUNTED = (Registered, UserCreated, SignedIn, SignInFailed, Throttled)
_MIDNIGHT = datetime.min.time()
Counts = Mapping[tuple[date, str], int]


class DailyCounts:
    """How often what happened on each day, as the audit log has it; of days that are over it is
    read once."""

    def __init__(self) -> None:
        self._over: dict[date, dict[str, int]] = {}

    async def of(self, context: PageContext, days: Days) -> Counts:
        """The counts of these days."""
        # What was begun before midnight may be written after it: yesterday is not over yet.
        open_since = days.last - timedelta(days=1)
        missing = [each for each in days.all if each < open_since and each not in self._over]
        fresh = await _counted(context, min([*missing, open_since]))
        for day in missing:
            self._over[day] = {event: n for (each, event), n in fresh.items() if each == day}
        past = {(day, event): n for day, found in self._over.items() for event, n in found.items()}
        return {**past, **fresh}


@singleton
def daily_counts() -> DailyCounts:
    """What this run knows of days that are over."""
    return DailyCounts()


def figures(site: Site) -> list[OwnChart]:
    """The charts of this package."""
    return [
        OwnChart(_of_log(site, _sign_ups), "New accounts", CHAIN.permission),
        OwnChart(_of_log(site, _sign_ins), "Sign-ins", CHAIN.permission),
        OwnChart(_limits, "Limits hit", LIMITS.permission),
        OwnChart(_slowest(site), "Slowest pages", HEALTH.permission),
    ]


def _of_log(site: Site, chart: Callable[[Days, Counts], Chart]) -> ChartFunction:
    """A chart of the audit log, of what of it this person may see."""

    async def made(context: PageContext, days: Days) -> Chart:
        view = next(each for each in site.records() if each.resource == "audit")
        return chart(days, await _counts(view, context, days))

    return made


async def _counts(view: RecordView, context: PageContext, days: Days) -> Counts:
    request = context.request
    if {"at", "event"} & view.hidden(request):
        return {}
    if view.has_policy(request, "view"):
        return await _counted(context, days.first, view)
    return await (await running(request).open(daily_counts)).of(context, days)


def _sign_ups(days: Days, counts: Counts) -> Chart:
    own = Series("Registered", days.filled(_of(counts, Registered.name)))
    made = Series("Made by others", days.filled(_of(counts, UserCreated.name)))
    return Chart(days.all, [own, made], url="users")


def _sign_ins(days: Days, counts: Counts) -> Chart:
    done = Series("Signed in", days.filled(_of(counts, SignedIn.name)))
    failed = Series("Wrong password", days.filled(_of(counts, SignInFailed.name)))
    held = Series("Too many tries", days.filled(_of(counts, Throttled.name)))
    return Chart(days.all, [done, failed, held], url="audit?q=auth.sign")


async def _limits(context: PageContext, days: Days) -> Chart:
    kept = await running(context.request).open(kept_figures)
    found = await kept.sums(context.session, LIMIT, days.first)
    counts = {name: each.count for name, each in found.items()}
    return _ranked("Refused", counts, url=f"{PATH}/{LIMITS.name}")


def _slowest(site: Site) -> ChartFunction:
    async def made(context: PageContext, days: Days) -> Chart:
        kept = await running(context.request).open(kept_figures)
        found = await kept.sums(context.session, PAGE, days.first)
        shown = _shown(site, context)
        means = {
            name: round(each.amount / each.count, 1)
            for name, each in found.items()
            if each.count and shown(name)
        }
        return _ranked("A visit", means, "ms", "On average, of pages of the admin.")

    return made


def _shown(site: Site, context: PageContext) -> Callable[[str], bool]:
    """Whether a name is that of a page which this person may see: another Admin of the app, and
    the one of yesterday, have others."""
    can, visible = visit_of(context.request).principal.can, site.visible(context.request)
    hidden = {each.resource for each in site.records()} - {each.resource for each in visible}
    known = (site.paths | {each.resource for each in visible}) - hidden
    own = {each.name for each in site.own_pages.values() if can(each.permission)}
    about = {each.name for each in site.system.pages if can(each.permission)}

    def shown(name: str) -> bool:
        first, _, rest = name.partition("/")[2].partition("/")
        if first in (OWN, PATH):
            return rest.partition("/")[0] in (own if first == OWN else about)
        return first in known

    return shown


def _ranked(
    label: str, found: Mapping[str, int | float], unit: str = "", note: str = "", url: str = ""
) -> Chart:
    """The highest first."""
    most = sorted(found.items(), key=lambda each: (-each[1], each[0]))[:MOST_BARS]
    series = Series(label, [figure for _, figure in most])
    return Chart([name for name, _ in most], [series], "bars", unit, note, url)


def _of(counts: Counts, event: str) -> Mapping[date, int]:
    return {day: count for (day, name), count in counts.items() if name == event}


async def _counted(context: PageContext, since: date, view: RecordView | None = None) -> Counts:
    dialect = visit_of(context.request).services.database.dialect
    day, event = _day(dialect, col(AuditEntry.at)), col(AuditEntry.event)
    begin = datetime.combine(since, _MIDNIGHT, UTC)
    query = (
        select(day, event, func.count())
        .where(col(AuditEntry.at) >= begin, event.in_([each.name for each in _COUNTED]))
        .group_by(day, event)
    )
    if view is not None:
        query = view.within(context.request, query, "view")
    # Any: exec is typed for one column or a model.
    session: Any = context.session
    rows = (await session.exec(query)).all()
    return {(date.fromisoformat(str(each[0])), each[1]): each[2] for each in rows}


# Any: a date of PostgreSQL, a text of SQLite.
def _day(dialect: str, at: Any) -> ColumnElement[Any]:
    return func.date(at) if dialect == "sqlite" else func.date(func.timezone("UTC", at))
