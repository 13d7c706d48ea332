"""Charts: small typed functions give figures, each behind a permission; the page draws them."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal

from markupsafe import Markup

from backoffice.admin.dashboard.drawing import bars, columns
from backoffice.admin.pages import PageContext, checked_permission
from backoffice.core import SetupError

log = logging.getLogger(__name__)

Figure = int | float
#: More are not told apart by colour.
MOST_SERIES = 4


@dataclass(frozen=True)
class Days:
    """The days that a chart is asked for, the last of them today; in UTC."""

    last: date
    count: int

    @property
    def first(self) -> date:
        """The first of them."""
        return self.last - timedelta(days=self.count - 1)

    @property
    def all(self) -> list[date]:
        """Each of them, the first one first."""
        return [self.first + timedelta(days=each) for each in range(self.count)]

    def filled(
        self, found: Mapping[date, Figure] | Iterable[tuple[object, Figure]]
    ) -> list[Figure]:
        """A figure for each day, 0 where nothing was found: of rows as a database gives them."""
        pairs = found.items() if isinstance(found, Mapping) else found
        known = {_day(day): figure for day, figure in pairs}
        return [known.get(each, 0) for each in self.all]


@dataclass(frozen=True)
class Series:
    """One figure for each label of its chart."""

    label: str
    figures: Sequence[Figure]


@dataclass(frozen=True)
class Chart:
    """Figures, by day or by name.

    `columns` stand side by side with their series on top of each other, as for days; `bars` lie
    below each other, as for names. Raises SetupError where figures and labels do not fit.
    """

    labels: Sequence[str | date]
    series: Sequence[Series]
    kind: Literal["columns", "bars"] = "columns"
    #: Behind each figure, such as `ms`.
    unit: str = ""
    #: A sentence below.
    note: str = ""
    #: Where it leads: a path below the admin, such as `orders`.
    url: str = ""

    def __post_init__(self) -> None:
        if not 0 < len(self.series) <= MOST_SERIES:
            raise SetupError(f"a chart has 1 to {MOST_SERIES} series")
        for each in self.series:
            if len(each.figures) != len(self.labels):
                raise SetupError(f"the series {each.label!r} has not one figure for each label")

    @property
    def names(self) -> list[str]:
        """The labels as they are written."""
        return [f"{each:%d %b}" if isinstance(each, date) else each for each in self.labels]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(figure for each in self.series for figure in each.figures)

    @property
    def rows(self) -> list[tuple[str, list[str]]]:
        """The figures as a table has them: the last days first, names in their order."""
        texts = [[self.told(each) for each in series.figures] for series in self.series]
        found = [(name, [each[at] for each in texts]) for at, name in enumerate(self.names)]
        return found[::-1] if self.kind == "columns" else found

    @property
    def totals(self) -> list[str]:
        """The sum of each series, where there is sense in one."""
        if self.kind != "columns":
            return []
        return [self.told(sum(each.figures)) for each in self.series]

    def told(self, figure: Figure) -> str:
        """A figure with its unit."""
        text = f"{figure:,}" if isinstance(figure, int) else f"{figure:,.1f}"
        return f"{text} {self.unit}".rstrip()


ChartFunction = Callable[[PageContext, Days], Awaitable[Chart]]


@dataclass(frozen=True)
class OwnChart:
    """A chart on the first page, for those who may see it."""

    function: ChartFunction
    label: str
    permission: str


@dataclass(frozen=True)
class ShownChart:
    """A chart as the page shows it; without one where its function failed."""

    label: str
    chart: Chart | None
    drawn: Markup = field(default=Markup(""), repr=False)


def own_chart(function: ChartFunction, label: str, permission: str) -> OwnChart:
    """A chart of the app's own; SetupError for a permission that is none."""
    return OwnChart(function, label, checked_permission(permission, "@admin.chart"))


async def shown_chart(own: OwnChart, context: PageContext, days: Days) -> ShownChart:
    """What its function gives. One that fails keeps nobody from the first page, and leaves no
    transaction that is broken off behind for the next."""
    try:
        chart = await own.function(context, days)
        return ShownChart(own.label, chart, _drawn(own.label, chart))
    except Exception:
        log.exception("a chart could not be made")
        # A savepoint would take SQLite's only lock for pages that do nothing but read.
        await context.session.rollback()
        return ShownChart(own.label, None)


def _drawn(label: str, chart: Chart) -> Markup:
    if chart.is_empty:
        return Markup("")
    figures = [each.figures for each in chart.series]
    names = [each.label for each in chart.series]
    draw = columns if chart.kind == "columns" else bars
    return draw(label, chart.names, names, figures, chart.told)


def _day(given: object) -> date:
    """A day as a database gives it: SQLite gives texts."""
    if isinstance(given, datetime):
        return given.date()
    return given if isinstance(given, date) else date.fromisoformat(str(given)[:10])
