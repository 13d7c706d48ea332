"""Chips: what a list is searched and filtered by, in words, each with its own way off."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette_admin.fields import BaseField
from starlette_admin.types import ListParams

from backoffice.admin.facets import Facet
from backoffice.admin.fields import Reference
from backoffice.admin.filter_words import on_chip
from backoffice.admin.list_addresses import here
from backoffice.admin.presentation import other_view
from backoffice.admin.records import RecordView
from backoffice.admin.visits import visit_of

#: The words, and the address of the list without it.
Chip = tuple[str, str]
#: A condition of the builder, or a group of them, as starlette-admin reads it.
Node = dict[str, Any]
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
    return [*searched, *_built(view, request, names), *chosen]


def _built(view: RecordView, request: Request, names: Names) -> Iterator[Chip]:
    """Of the builder: a condition, or a group of them as it stands."""
    nodes, says = _conditions(view, request), Words(view, request, names)
    for index, node in enumerate(nodes):
        left = [*nodes[:index], *nodes[index + 1 :]]
        text = view._serialize_filter_string({"logic": "and", "rules": left}) if left else None
        yield says.of(node), here(request, filter=text)


class Words:
    """Says what conditions of the builder mean."""

    def __init__(self, view: RecordView, request: Request, names: Names) -> None:
        self._view, self._request, self._names = view, request, names
        self._fields = {each.name: each for each in view.get_fields_list(request)}

    def of(self, node: Node) -> str:
        """Of a condition, or of a group."""
        if "rules" in node:
            joint = " or " if node.get("logic") == "or" else " and "
            parts = (
                f"({self.of(each)})" if "rules" in each else self.of(each) for each in node["rules"]
            )
            return joint.join(parts)
        field = self._fields.get(str(node.get("field")))
        if field is None:
            return str(node.get("field"))
        name = str(node.get("filter"))
        kind = self._view.get_filter_registry().get_filter(field, name)
        values = [self._value(field, kind, node.get(each)) for each in ("value", "value2")]
        return f"{field.label}: {on_chip(name, getattr(kind, 'label', name), *values)}"

    def _value(self, field: BaseField, kind: Any, value: Any) -> str | None:
        if value is None:
            return None
        if isinstance(value, list):
            return ", ".join(str(self._value(field, kind, each)) for each in value)
        text = str(value)
        # Of several values each has its quotes still.
        text = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
        labels = self._view._filter_value_labels(field, kind, self._request) or {}
        return self._names.get((field.name, text)) or str(labels.get(text, text))


async def referred(view: RecordView, request: Request) -> dict[tuple[str, str], str]:
    """What those records are called that the builder's conditions name by their key."""
    nodes = _conditions(view, request)
    if not nodes:
        return {}
    fields = {each.name: each for each in view.get_fields_list(request)}
    wanted: dict[str, set[str]] = {}
    for node in _leaves(nodes):
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


def _conditions(view: RecordView, request: Request) -> list[Node]:
    """The conditions of the builder that all have to hold, as they are written.

    `asked` has refused what cannot be read.
    """
    text = request.query_params.get("filter", "")
    if not text:
        return []
    data: Node = view._parse_filter_string(text)
    return [data] if data.get("logic") == "or" else data.get("rules", [data])


def _leaves(nodes: Sequence[Node]) -> Iterator[Node]:
    for each in nodes:
        if "rules" in each:
            yield from _leaves(each["rules"])
        else:
            yield each
