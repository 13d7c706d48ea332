"""Sight: whether what somebody may not read shows through what they may."""

from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect as inspected
from sqlalchemy.orm import Mapper
from starlette.requests import Request

from backoffice.admin.derived import Source, Sources
from backoffice.admin.visits import visit_of
from backoffice.auth.permissions import EVERYTHING

if TYPE_CHECKING:
    from backoffice.admin.rules import RuledView

_SEES = "backoffice_sees_related"


def telling(view: "RuledView", request: Request, sources: Sources) -> frozenset[str]:
    """The derived values that tell of a column or a table that they may not read."""
    return frozenset(
        name
        for name, each in sources.items()
        if not all(_shown(view, request, one) for one in each)
    )


def sees_related(view: "RuledView", request: Request) -> bool:
    """Whether they may read all that a record of this page leads to, however far away."""
    known: dict[str, bool] = getattr(request.state, _SEES, {})
    if view.resource not in known:
        related = _related(inspected(view.model))
        known[view.resource] = all(_sees_all(view, request, each) for each in related)
        setattr(request.state, _SEES, known)
    return known[view.resource]


def _related(mapper: Mapper[Any]) -> set[type[Any]]:
    found: set[Mapper[Any]] = set()
    following = {mapper}
    while following:
        following = {each.mapper for one in following for each in one.relationships} - found
        found |= following
    return {each.class_ for each in found}


def _sees_all(view: "RuledView", request: Request, model: type[Any]) -> bool:
    """Whether they may read every record of a model, and every field of it."""
    return _sees_rows(view, request, model) and not _unreadable(view, request, model)


def _sees_rows(view: "RuledView", request: Request, model: type[Any]) -> bool:
    visit, page = visit_of(request), page_of(view, model)
    if visit.principal.can(EVERYTHING):
        return True
    if page is None:
        return visit.services.policies.find(model, "view") is None
    return page.may(request, "view") and not page.has_policy(request, "view")


def _unreadable(view: "RuledView", request: Request, model: type[Any]) -> frozenset[str]:
    visit, page = visit_of(request), page_of(view, model)
    if page is not None:
        return page.unreadable(request)
    return visit.services.fields.unreadable(model, visit.principal)


def _shown(view: "RuledView", request: Request, source: Source) -> bool:
    """Whether they may read this much of a table; of all rows of it, if it is another one."""
    for mapper in inspected(view.model).registry.mappers:
        if source.table not in mapper.tables:
            continue
        model = mapper.class_
        if not source.is_own and not _sees_rows(view, request, model):
            return False
        hidden = _unreadable(view, request, model)
        if source.column is None or not hidden:
            continue
        if mapper.get_property_by_column(source.column).key in hidden:
            return False
    return True


def page_of(view: "RuledView", model: type[Any]) -> "RuledView | None":
    """The page of another model, if there is one."""
    views: Any = view._admin._model_views if view._admin is not None else ()
    return next((each for each in views if each.model is model), None)
