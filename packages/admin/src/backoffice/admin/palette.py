"""The palette: pages, things to do and records, found by what is typed anywhere.

Each page of records is asked once, and looks at a bounded number of rows: at those that an index
finds, however many there are, and at the newest, whatever it is that is looked for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import or_, select, tuple_, union
from starlette.requests import Request
from starlette_admin.types import RequestAction

from backoffice.admin.menu import side_bar
from backoffice.admin.newest import among_newest
from backoffice.admin.presentation import url_of
from backoffice.admin.records import RecordView
from backoffice.admin.searches import by_index, searching
from backoffice.admin.visits import root, visit_of

if TYPE_CHECKING:
    from backoffice.admin.site import Site

#: Longer texts are nobody's.
LONGEST = 200
#: What is shown of each kind.
MOST_RECORDS, MOST_PAGES = 5, 8
#: Records of one page that are looked through where no index helps.
_NEWEST = 5_000


@dataclass(frozen=True)
class Hit:
    """Something that was found, and where it leads."""

    label: str
    url: str
    icon: str


@dataclass(frozen=True)
class Section:
    """What was found of one kind; `more` leads to all of it."""

    label: str
    hits: Sequence[Hit]
    more: str | None = None


async def found(site: "Site", request: Request, text: str) -> list[Section]:
    """What a text finds, of what they may see; without one, the pages."""
    text = " ".join(text.replace("\0", "").split())[:LONGEST]
    request.state.action = RequestAction.RELATION_LOOKUP
    pages = _named(text, _pages(site, request))
    sections = [Section("Pages", pages)] if pages else []
    if not text:
        return sections
    deeds = _named(text, _deeds(site, request))
    sections += [Section("Do", deeds)] if deeds else []
    for view in site.visible(request):
        if section := await _records(view, request, text):
            sections.append(section)
    return sections


def _named(text: str, hits: Iterator[Hit]) -> list[Hit]:
    """Those whose names hold every word."""
    words = text.casefold().split()
    found = [each for each in hits if all(word in each.label.casefold() for word in words)]
    return found[:MOST_PAGES] if words else found


def _pages(site: "Site", request: Request) -> Iterator[Hit]:
    yield Hit("Home", f"{root(request)}/", "home")
    for group in side_bar(site, request, visit_of(request)):
        for each in group.links:
            yield Hit(each.label, each.url, each.icon)
    yield Hit("Your account", f"{root(request)}/account", "user")


def _deeds(site: "Site", request: Request) -> Iterator[Hit]:
    for view in site.visible(request):
        if view.can_create(request):
            label = f"Add {_within(str(view.display_name))}"
            yield Hit(label, url_of(request, view.resource, "add"), "plus")
        if view.can_import(request):
            label = f"Import {_within(str(view.menu_label))}"
            yield Hit(label, url_of(request, view.resource, "import"), "upload")


async def _records(view: RecordView, request: Request, text: str) -> Section | None:
    if not view.searches:
        return None
    records = await _matching(view, request, text)
    if not records:
        return None
    hits = [_hit(view, request, each) for each in records]
    hits.sort(key=lambda each: not each.label.casefold().startswith(text.casefold()))
    more = url_of(request, view.resource, q=text) if len(hits) > MOST_RECORDS else None
    return Section(str(view.menu_label), hits[:MOST_RECORDS], more)


def _hit(view: RecordView, request: Request, record: Any) -> Hit:
    url = url_of(request, view.resource, "detail", pk=view.keys.of(record))
    return Hit(view.named(request, record), url, view.icon or "table")


async def _matching(view: RecordView, request: Request, text: str) -> Sequence[Any]:
    """One more than is shown, at most."""
    most = MOST_RECORDS + 1
    columns = [getattr(view.model, each) for each in view.keys.names]
    seen = view.undeleted(view.within(request, select(*columns), "view"))
    newest = seen.where(searching(view, request, text), among_newest(view, _NEWEST))
    ways = [newest.order_by(*(each.desc() for each in columns))]
    if swift := [*by_index(view, request, text), *_keyed(view, request, text)]:
        ways.append(seen.where(or_(*swift)))
    keys = union(*(select(each.limit(most).subquery()) for each in ways)).subquery()
    among = columns[0].in_(select(*keys.c)) if len(columns) == 1 else None
    if among is None:
        among = tuple_(*columns).in_(select(*keys.c))
    query = view.get_detail_query(request).where(among).limit(most)
    query = query.order_by(*(each.desc() for each in columns))
    return list((await view.executed(request, query)).scalars().unique())


def _keyed(view: RecordView, request: Request, text: str) -> list[Any]:
    """The condition of the record with that key, where keys may be seen and it is one."""
    readable = {each.name for each in view.fields if view.is_readable(request, each)}
    if not readable.issuperset(view.keys.names) or view.keys.read(text) is None:
        return []
    return [view.keys.clause(text)]


def _within(label: str) -> str:
    """A label within a sentence; API keys stay API keys."""
    return label if label[:2].isupper() else label[:1].lower() + label[1:]
