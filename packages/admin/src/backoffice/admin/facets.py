"""Facets: what `list_filter` offers above a list, as a form that needs no scripts.

A facet speaks through parameters of its own, `is.status`, `since.added_at`, `until.added_at`, and
becomes conditions like those of the builder: counts, exports and look-ups know no difference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette_admin.fields import BaseField, BooleanField, DateField, DateTimeField, EnumField
from starlette_admin.filters import FilterGroup, FilterRule, FilterValidationError

from backoffice.admin.columns import column_of
from backoffice.admin.fields import Reference, References
from backoffice.admin.list_filters import PERIODS
from backoffice.admin.rules import RuledView
from backoffice.admin.stretches import WITHIN
from backoffice.admin.visits import visit_of

IS, SINCE, UNTIL, FIND = "is.", "since.", "until.", "find."
#: What is chosen for "none at all"; no record has it for a key.
NONE = "__none__"
_MOST_FOUND = 50


@dataclass(frozen=True)
class Option:
    """One of the choices of a facet."""

    value: str
    label: str
    chosen: bool = False


@dataclass(frozen=True)
class Facet:
    """A field to filter by, with what is chosen of it now."""

    name: str
    label: str
    kind: str
    options: Sequence[Option] = ()
    value: str = ""
    since: str = ""
    until: str = ""
    #: Whether it finds its options by typing, and in which page.
    resource: str = ""

    @property
    def parameters(self) -> list[str]:
        """Those by which it speaks."""
        return [kind + self.name for kind in (IS, SINCE, UNTIL, FIND)]

    @property
    def chosen(self) -> str:
        """What is chosen, in words; empty if nothing is."""
        labels = [each.label for each in self.options if each.chosen] or [self.value]
        since = self.since and f"from {self.since}"
        until = self.until and f"to {self.until}"
        return ", ".join(each for each in (*labels, since, until) if each)


def facet_rules(view: RuledView, request: Request, query: Mapping[str, str]) -> list[FilterRule]:
    """The conditions of all facets; 400 for a value that is none."""
    return [
        _rule(view, each, parameter, value)
        for each in _fields(view, request)
        for parameter in (IS, SINCE, UNTIL)
        if (value := query.get(parameter + each.name, ""))
    ]


def with_facets(
    view: RuledView, request: Request, query: Mapping[str, str], filters: FilterGroup | None
) -> FilterGroup:
    """The conditions of the builder and of the facets, all of which have to hold."""
    rules = [*facet_rules(view, request, query), *_within(view, request, query)]
    present = filters or FilterGroup()
    if not rules:
        return present
    return FilterGroup("and", [*rules, *([] if present.is_empty() else [present])])


def _within(view: RuledView, request: Request, query: Mapping[str, str]) -> list[FilterRule]:
    """The condition of the calendar."""
    text, name = query.get(WITHIN, ""), view.options.date_hierarchy
    found = [each for each in view.fields if each.name == name and view.is_readable(request, each)]
    return [_rule(view, each, f"{WITHIN}.", text) for each in found if text]


async def facets(view: RuledView, request: Request) -> list[Facet]:
    """What the page offers."""
    return [await _facet(view, request, each) for each in _fields(view, request)]


def parameters(view: RuledView) -> list[str]:
    """The parameters of all facets of a page."""
    kinds = (IS, SINCE, UNTIL, FIND)
    return [WITHIN, *(kind + name for name in view.list_filter for kind in kinds)]


def _fields(view: RuledView, request: Request) -> list[BaseField]:
    """Those that may be read; of a reference, those whose records may be seen."""
    readable = {each.name: each for each in view.fields if view.is_readable(request, each)}
    found = [readable[each] for each in view.list_filter if each in readable]
    visit = visit_of(request)
    return [
        each
        for each in found
        if not isinstance(each, Reference | References) or visit.may(each.resource, "view")
    ]


def _rule(view: RuledView, each: BaseField, parameter: str, value: str) -> FilterRule:
    registry = view.get_filter_registry()
    operator, given = _meant(each, value) if parameter == IS else (parameter[:-1], value)
    made = registry.get_filter(each, operator)
    if made is None:
        raise HTTPException(400, f"{each.label} cannot be filtered so.")
    try:
        return FilterRule(each.name, operator, given and made().parse_value(given))
    except (ValueError, TypeError, FilterValidationError):
        raise HTTPException(400, f"{each.label} holds no such value.") from None


def _meant(each: BaseField, value: str) -> tuple[str, str | None]:
    """The filter and its value that a choice stands for."""
    if value == NONE:
        return "is_null", None
    if isinstance(each, BooleanField):
        return {"yes": "is_true", "no": "is_false"}.get(value, ""), None
    if isinstance(each, DateField | DateTimeField):
        return value if value in {period.name for period in PERIODS} else "", None
    return ("has" if isinstance(each, References) else "eq"), value


async def _facet(view: RuledView, request: Request, each: BaseField) -> Facet:
    query = request.query_params
    value = query.get(IS + each.name, "")
    options, resource = _options(view, request, each), ""
    if isinstance(each, Reference | References):
        resource = each.resource
        options = [*await _related(view, request, each, value), *options]
    kind = _kind(each)
    return Facet(
        each.name,
        str(each.label),
        kind,
        [Option(name, label, name == value) for name, label in options],
        value,
        query.get(SINCE + each.name, "") if kind == "moment" else "",
        query.get(UNTIL + each.name, "") if kind == "moment" else "",
        resource,
    )


def _kind(each: BaseField) -> str:
    if isinstance(each, Reference | References):
        return "reference"
    if isinstance(each, DateField | DateTimeField):
        return "moment"
    return "choice" if isinstance(each, EnumField | BooleanField) else "text"


def _options(view: RuledView, request: Request, each: BaseField) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if isinstance(each, BooleanField):
        found = [("yes", "Yes"), ("no", "No")]
    elif isinstance(each, DateField | DateTimeField):
        found = [(period.name, _sentence(str(period.label))) for period in PERIODS]
    elif isinstance(each, EnumField):
        found = [(str(value), str(label)) for value, label in each._get_choices(request) or ()]
    column = column_of(view.model, each.name)
    may_lack = column is None or column.nullable
    if may_lack and view.get_filter_registry().get_filter(each, "is_null") is not None:
        found.append((NONE, "None"))
    return found


async def _related(
    view: RuledView, request: Request, each: Reference | References, value: str
) -> list[tuple[str, str]]:
    """What is chosen, and what was found by typing where no script does it."""
    other: Any = view._find_foreign_view(each.resource)
    found = list(await other.find_by_pks(request, [value] if value and value != NONE else []))
    if text := request.query_params.get(FIND + each.name, "").strip():
        listed = await other.find_all(request, limit=_MOST_FOUND, q=text)
        found += [record for record in listed if record not in found]
    return [(other.keys.of(record), other.named(request, record)) for record in found]


def _sentence(label: str) -> str:
    text = label.removeprefix("is ").removeprefix("in ")
    return text[:1].upper() + text[1:]
