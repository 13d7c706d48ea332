"""The values of computed columns, made of nothing that their reader may not read."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect as inspected
from sqlalchemy import or_, select
from sqlalchemy.orm import selectinload
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette_admin.fields import BaseField

from backoffice.admin.computed import ColumnField, ComputedColumn
from backoffice.admin.labels import Hidden, Veil, Veiled
from backoffice.admin.searches import related_page
from backoffice.admin.visits import visit_of
from backoffice.core import SetupError

if TYPE_CHECKING:
    from backoffice.admin.reading import ReadableView

Veils = Mapping[str, Veil]


async def computed_values(
    view: "ReadableView", request: Request, fields: Sequence[BaseField], records: Sequence[Any]
) -> dict[str, dict[str, Any]]:
    """Field to record's key to value, of the fields that functions make."""
    columns = [each.column for each in fields if isinstance(each, ColumnField) and each.column]
    if not columns or not records:
        return {}
    relations = {name for each in columns for name in each.relations}
    await _load(view, request, relations, records)
    veils = {name: await _veil(view, request, name, records) for name in sorted(relations)}
    keys, hidden = [view.keys.of(each) for each in records], view.hidden(request)
    found: dict[str, dict[str, Any]] = {}
    for each in columns:
        values = await _values(each, view.session(request), hidden, veils, records)
        found[each.name] = dict(zip(keys, values, strict=True))
    return found


async def _values(
    column: ComputedColumn[Any],
    session: AsyncSession,
    hidden: Collection[str],
    veils: Veils,
    records: Sequence[Any],
) -> Sequence[Any]:
    function: Any = column.function
    if column.of_many:
        values: Sequence[Any] = await function(records, session)
        if len(values) != len(records):
            raise SetupError(
                f"@column {column.name} gave {len(values)} values for {len(records)} records"
            )
        return values
    related = {name: veils[name] for name in column.relations}
    if not hidden and not any(related.values()):
        return [function(each) for each in records]
    return [_value(function, Veiled(each, hidden, related)) for each in records]


def _value(function: Callable[[Any], Any], record: Veiled) -> Any:
    try:
        return function(record)
    except Hidden:
        return None


async def _veil(view: "ReadableView", request: Request, name: str, records: Sequence[Any]) -> Veil:
    """What may not be read of the records that a relationship leads to."""
    others = {id(each): each for record in records for each in _several(getattr(record, name))}
    found, page = list(others.values()), related_page(view, name)
    if page is None:
        visit, model = visit_of(request), inspected(view.model).relationships[name].mapper.class_
        hidden = visit.services.fields.unreadable(model, visit.principal)
        policies, session = visit.services.policies, view.session(request)
        seen: Sequence[bool] = await policies.among(visit.principal, "view", found, session)
    else:
        hidden = page.hidden(request)
        may = page.may(request, "view")
        seen = await page.judged(request, "view", found) if may else [False] * len(found)
    unseen = {key for key, may_see in zip(others, seen, strict=True) if not may_see}
    return Veil(frozenset(hidden), frozenset(unseen))


def _several(value: Any) -> Collection[Any]:
    if value is None:
        return ()
    return value if isinstance(value, list | set | tuple) else (value,)


async def _load(
    view: "ReadableView", request: Request, relations: Collection[str], records: Sequence[Any]
) -> None:
    """Load what the functions read of other tables, once for all records."""
    if not relations:
        return
    loads = [selectinload(getattr(view.model, each)) for each in sorted(relations)]
    same = or_(*(view.keys.clause(view.keys.of(each)) for each in records))
    found = await view.executed(request, select(view.model).where(same).options(*loads))
    found.scalars().unique().all()
