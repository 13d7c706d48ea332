"""The side bar: what stands in it, under which heading, and where one is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import Request

from backoffice.admin.accounts.views import AccountView
from backoffice.admin.looks import folded
from backoffice.admin.records import RecordView
from backoffice.admin.visits import Visit, inner_path, root
from backoffice.auth import Principal

if TYPE_CHECKING:
    from backoffice.admin.site import Site

#: The headings of what is not the app's own to name.
RECORDS, PAGES, PEOPLE, SYSTEM = "Records", "Pages", "People", "System"
_LAST = (PAGES, PEOPLE, SYSTEM)


@dataclass(frozen=True)
class MenuEntry:
    """A page in the side bar of those who have its permission; anybody's without one."""

    label: str
    #: Below the admin, such as `limits`.
    path: str
    icon: str
    permission: str = ""
    group: str = SYSTEM


@dataclass(frozen=True)
class Link:
    """A line of the side bar."""

    label: str
    url: str
    icon: str
    is_current: bool = False


@dataclass(frozen=True)
class Group:
    """Lines below a heading, which a click folds away."""

    label: str
    links: Sequence[Link]
    is_open: bool


def side_bar(site: "Site", request: Request, visit: Visit) -> list[Group]:
    """What this person may see of it; nothing for who may not enter."""
    if not visit.may_enter:
        return []
    entries = list(_entries(site, request, visit.principal))
    current = _current(entries, inner_path(request).strip("/"))
    own = [each.group for each in entries if each.group not in _LAST]
    closed = folded(request)
    found = []
    for label in dict.fromkeys([*own, *_LAST]):
        links = [_link(request, each, current) for each in entries if each.group == label]
        is_open = label not in closed or any(each.is_current for each in links)
        if links:
            found.append(Group(label, links, is_open))
    return found


def _link(request: Request, entry: MenuEntry, current: MenuEntry | None) -> Link:
    return Link(entry.label, f"{root(request)}/{entry.path}", entry.icon, entry is current)


def _current(entries: Sequence[MenuEntry], path: str) -> MenuEntry | None:
    """The one whose page this is, or is part of: that with the longest address."""
    found = [each for each in entries if f"{path}/".startswith(f"{each.path}/")]
    return max(found, key=lambda each: len(each.path), default=None)


def _entries(site: "Site", request: Request, principal: Principal) -> Iterator[MenuEntry]:
    views = site.visible(request)
    yield from map(_of_view, views)
    for page in site.own_pages.values():
        if principal.can(page.permission):
            yield MenuEntry(page.label, f"pages/{page.name}", page.icon, group=PAGES)
    if views:
        yield MenuEntry("History", "history", "clock")
    yield MenuEntry("Bulk jobs", "bulk-jobs", "layers")
    for each in site.entries:
        if not each.permission or principal.can(each.permission):
            yield each


def _of_view(view: RecordView) -> MenuEntry:
    group = PEOPLE if isinstance(view, AccountView) else view.options.menu_group or RECORDS
    return MenuEntry(str(view.menu_label), view.resource, view.icon or "table", group=group)
