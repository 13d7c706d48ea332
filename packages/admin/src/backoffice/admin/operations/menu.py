"""Which pages about the running app there are, and who may see them."""

from collections.abc import Iterator
from dataclasses import dataclass

from starlette.requests import Request

from backoffice.admin.visits import visit_of
from backoffice.auth.catalogue import Known
from backoffice.core import Forbidden, SetupError
from backoffice.core.health import PERMISSION as HEALTH_READ
from backoffice.core.reports import Reporting, reportings

#: All of them are below this path.
PATH = "system"
SOURCE = "backoffice.admin"
#: No page, but a form of the first one.
FIRST_STEPS = "first-steps"
LIMITS_CHANGE = "rate-limits:change"
OUTBOX_CHANGE = "outbox:change"


@dataclass(frozen=True)
class SystemPage:
    """One such page, and what it takes to see it."""

    name: str
    label: str
    icon: str
    permission: str

    @property
    def path(self) -> str:
        """Below the admin."""
        return f"{PATH}/{self.name}"


LIMITS = SystemPage("limits", "Rate limits", "gauge", "rate-limits:view")
OUTBOX = SystemPage("outbox", "Outbox", "send", "outbox:view")
HEALTH = SystemPage("health", "Health", "pulse", HEALTH_READ)
CHAIN = SystemPage("chain", "Audit chain", "link", "audit:view")
_TAKEN = {each.name for each in (LIMITS, OUTBOX, HEALTH, CHAIN)} | {FIRST_STEPS}
_KNOWN = (
    Known(LIMITS.permission, "See rate limits, and who is near them", SOURCE),
    Known(LIMITS_CHANGE, "Raise, lift and reset rate limits", SOURCE),
    Known(OUTBOX.permission, "See which mail waits, was sent, or failed", SOURCE),
    Known(OUTBOX_CHANGE, "Have mail tried again", SOURCE),
)


class SystemPages:
    """The pages of one site: ours, and a report for each package that brings one."""

    def __init__(self) -> None:
        self.reports: dict[str, Reporting] = {}
        for each in reportings():
            if each.name in _TAKEN | self.reports.keys():
                raise SetupError(
                    f"a report of backoffice.reports is called {each.name!r}, as another page is; "
                    "give it a name of its own"
                )
            self.reports[each.name] = each
        told = [
            SystemPage(each.name, each.label, each.icon, each.permission)
            for each in self.reports.values()
        ]
        self.pages: list[SystemPage] = [LIMITS, OUTBOX, *told, HEALTH, CHAIN]

    def permissions(self) -> Iterator[Known]:
        """What they ask for."""
        yield from _KNOWN
        for each in self.reports.values():
            yield Known(each.permission, f"See {each.label.lower()}", SOURCE)


def reserved() -> set[str]:
    """What no page of records may be called: who may see that one would see a report."""
    return {each.permission.partition(":")[0] for each in reportings()}


def check(request: Request, permission: str, told: str) -> None:
    """Forbidden for who lacks it; `told` says what they may not do."""
    if not visit_of(request).principal.can(permission):
        raise Forbidden(f"You may not {told}.", scope=permission)
