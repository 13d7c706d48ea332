"""Reports: what a package tells of the running app, for whoever has a page to show it on.

A package names its Reporting by an entry point. Who shows it, and whether anybody does, it does
not know.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points

from backoffice.core.checks import Level
from backoffice.core.singletons import Run

ENTRY_POINTS = "backoffice.reports"


@dataclass(frozen=True)
class ReportTable:
    """Rows under heads, all of them texts; `empty` is told where there are none."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    empty: str = ""
    note: str = ""


@dataclass(frozen=True)
class Report:
    """What there is to tell, the most pressing first.

    `more` says what a thorough look would tell besides; empty where there is none.
    """

    level: Level
    summary: str
    tables: Sequence[ReportTable] = ()
    more: str = ""


@dataclass(frozen=True)
class Reporting:
    """A report that can be asked for, by whoever holds the permission.

    `report(run, thorough)` changes nothing, and does not hold up the event loop; with `thorough`
    it may take seconds. Raises BackofficeError.
    """

    name: str
    label: str
    permission: str
    report: Callable[[Run, bool], Awaitable[Report]]
    icon: str = "list"


def reportings() -> list[Reporting]:
    """Those of all installed packages, in order of name."""
    found = sorted(entry_points(group=ENTRY_POINTS), key=lambda each: each.name)
    return [each.load() for each in found]
