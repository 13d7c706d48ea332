"""Chips: what a list is searched and filtered by, in words, each with its own way off."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette_admin.types import ListParams

from backoffice.admin.facets import Facet
from backoffice.admin.fields import Reference
from backoffice.admin.list_addresses import here
from backoffice.admin.presentation import other_view, url_of
from backoffice.admin.records import RecordView
from backoffice.admin.visits import visit_of

#: The words, and the address of the list without it.
Chip = tuple[str, str]
#: (field, key) to what the record is called.
Names = Mapping[tuple[str, str], str]


def chips(
    view: RecordView,
    request: Request,
    params: ListParams,
    facets: Sequence[Facet],
    names: Names,
) -> list[Chip]:
    """All of them: the search, the conditions of the builder, and what is chosen of the facets."""
    searched = [(f"Search: {params.q}", here(request, q=None))] if params.q else []
    chosen = [
        (f"{each.label}: {each.chosen}", here(request, **dict.fromkeys(each.parameters)))
        for each in facets
        if each.chosen
    ]
    return [*searched, *_built(view, request, params, names), *chosen]


def _built(view: RecordView, request: Request, params: ListParams, names: Names) -> Iterator[Chip]:
    if not request.query_params.get("filter"):
        return
    _, found = view._active_filter_chips(request, params)
    path = url_of(request, view.resource)
    for each, node in zip(found, _nodes(view, request), strict=True):
        name = names.get((str(node.get("field")), str(node.get("value"))))
        label = each.label
        if name is not None:
            label = label.removesuffix(str(node["value"])) + name
        yield label, f"{path}?{each.remove_url.partition('?')[2]}"


async def referred(view: RecordView, request: Request) -> dict[tuple[str, str], str]:
    """What those records are called that the builder's conditions name by their key."""
    if not request.query_params.get("filter"):
        return {}
    fields = {each.name: each for each in view.get_fields_list(request)}
    wanted: dict[str, set[str]] = {}
    for node in _leaves(_nodes(view, request)):
        field, value = fields.get(str(node.get("field"))), node.get("value")
        may_see = isinstance(field, Reference) and visit_of(request).may(field.resource, "view")
        if may_see and isinstance(value, str):
            wanted.setdefault(str(node["field"]), set()).add(value)
    found: dict[tuple[str, str], str] = {}
    for name, keys in wanted.items():
        field = fields[name]
        assert isinstance(field, Reference)  # noqa: S101 - no other is wanted
        other = other_view(view, field.resource)
        for record in await other.find_by_pks(request, sorted(keys)):
            found[name, other.keys.of(record)] = other.named(request, record)
    return found


def _nodes(view: RecordView, request: Request) -> list[dict[str, Any]]:
    """The conditions at the top of the builder's, as they were written."""
    # `asked` has refused what cannot be read.
    data = view._parse_filter_string(request.query_params.get("filter", ""))
    rules: list[dict[str, Any]] = data.get("rules", [data])
    return rules


def _leaves(nodes: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for each in nodes:
        if "rules" in each:
            yield from _leaves(each["rules"])
        else:
            yield each
