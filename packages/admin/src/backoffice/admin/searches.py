"""A search of a list: each word is in one of its columns, its own or those of related records."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import and_, false, or_, select
from sqlalchemy import inspect as inspected
from sqlalchemy.orm import RelationshipDirection
from starlette.requests import Request

from backoffice.admin.options import Search
from backoffice.admin.rules import RuledView
from backoffice.admin.searching import meets, met_by_index, words_of
from backoffice.admin.sight import page_of
from backoffice.admin.visits import visit_of

Met = Callable[[Any], Any]


def searching(view: RuledView, request: Request, text: str) -> Any:
    """The clause that finds each word of the text in one of the columns that may be read."""
    ways = [each for each in view.searches if _is_open(view, request, each)]
    words = words_of(text)
    if not ways or not words:
        return false()
    return and_(*(or_(*(_meets(view, request, each, word) for each in ways)) for word in words))


def by_index(view: RuledView, request: Request, text: str) -> list[Any]:
    """Conditions of what indexes find by the text, one for each column of the model's own."""
    dialect = visit_of(request).services.database.dialect
    own = [each for each in view.searches if not each.hops and _is_open(view, request, each)]
    columns = (getattr(view.model, each.name) for each in own)
    found = (met_by_index(each, text, dialect) for each in columns)
    return [each for each in found if each is not None]


def _is_open(view: RuledView, request: Request, search: Search) -> bool:
    """Whether all that the search goes through may be seen: nothing is found by what is hidden."""
    for hop in search.hops:
        if _reading(view, hop) & view.hidden(request):
            return False
        other = related_page(view, hop)
        if other is None or not other.may(request, "view"):
            return False
        view = other
    return search.name in {each.name for each in view.fields if view.is_readable(request, each)}


def _meets(view: RuledView, request: Request, search: Search, word: str) -> Any:
    dialect = visit_of(request).services.database.dialect
    return _along(
        view,
        request,
        search.hops,
        search.name,
        lambda each: meets(each, search.lookup, word, dialect),
    )


def _along(view: RuledView, request: Request, hops: Sequence[str], name: str, met: Met) -> Any:
    if not hops:
        return met(getattr(view.model, name))
    other = related_page(view, hops[0])
    assert other is not None  # noqa: S101 - `_is_open` has gone the same way
    inner = _along(other, request, hops[1:], name, met)
    relation = inspected(view.model).relationships[hops[0]]
    single = len(relation.local_remote_pairs) == 1
    if relation.direction is RelationshipDirection.MANYTOONE and single:
        # A list of keys, which an index over the column that refers to them finds.
        ((local, remote),) = relation.local_remote_pairs
        return local.in_(other.within(request, select(remote), "view").where(inner))
    found = other.within(request, select(other.model), "view").where(inner).whereclause
    attribute = getattr(view.model, hops[0])
    return attribute.any(found) if relation.uselist else attribute.has(found)


def related_page(view: RuledView, hop: str) -> RuledView | None:
    """The page of what a relationship leads to, if there is one."""
    return page_of(view, inspected(view.model).relationships[hop].mapper.class_)


def _reading(view: RuledView, hop: str) -> set[str]:
    """The fields by which a relationship is read: hidden where one of them is."""
    columns = inspected(view.model).relationships[hop].local_columns
    names = {each.key for each in inspected(view.model).column_attrs if each.columns[0] in columns}
    return {hop, *names}
