"""The values of computed columns, made of nothing that their reader may not read."""

import logging
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect as inspected
from sqlalchemy import or_, select
from sqlalchemy.orm import selectinload
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette_admin.fields import BaseField

from backoffice.admin.computed import ColumnField, ComputedColumn
from backoffice.admin.searches import related_page
from backoffice.admin.sight import sees_related
from backoffice.admin.values import FAILED
from backoffice.admin.veils import Hidden, Veil, Veiled
from backoffice.admin.visits import visit_of

if TYPE_CHECKING:
    from backoffice.admin.reading import ReadableView

log = logging.getLogger(__name__)

Veils = Mapping[str, Veil]
_TOLD = "backoffice_told_failures"


async def computed_values(
    view: "ReadableView", request: Request, fields: Sequence[BaseField], records: Sequence[Any]
) -> dict[str, dict[str, Any]]:
    """Field to record's key to value, of the fields that functions make.

    What a function fails at is FAILED, and told in the log once for each answer.
    """
    columns = [each.column for each in fields if isinstance(each, ColumnField) and each.column]
    if not columns or not records:
        return {}
    relations = {name for each in columns for name in each.relations}
    await _load(view, request, relations, records)
    veils = {name: await _veil(view, request, name, records) for name in sorted(relations)}
    keys = [view.keys.of(each) for each in records]
    found: dict[str, dict[str, Any]] = {}
    for each in columns:
        if each.of_many:
            values = await _of_all(view, request, each, records)
        else:
            values = _of_each(view, request, each, veils, records)
        found[each.name] = dict(zip(keys, values, strict=True))
    return found


async def _of_all(
    view: "ReadableView", request: Request, column: ComputedColumn[Any], records: Sequence[Any]
) -> Sequence[Any]:
    function: Any = column.function
    try:
        async with _apart(view.session(request)):
            values: Sequence[Any] = await function(records, view.session(request))
    except Exception as error:  # noqa: BLE001 - the app's own, and no reason to show nothing else
        tell_failure(view, request, column.name, error)
        return [FAILED] * len(records)
    if len(values) != len(records):
        told = f"it gave {len(values)} values for {len(records)} records"
        tell_failure(view, request, column.name, ValueError(told))
        return [FAILED] * len(records)
    return values


@asynccontextmanager
async def _apart(session: AsyncSession) -> AsyncIterator[None]:
    """What fails here leaves the rest of the transaction as it is."""
    connection = await session.connection()
    if connection.dialect.name == "sqlite":  # which takes up a lock of writing for a savepoint
        yield
        return
    async with connection.begin_nested():
        yield


def _of_each(
    view: "ReadableView",
    request: Request,
    column: ComputedColumn[Any],
    veils: Veils,
    records: Sequence[Any],
) -> list[Any]:
    seen: Sequence[Any] = records
    hidden, related = view.hidden(request), {name: veils[name] for name in column.relations}
    if hidden or any(related.values()) or not sees_related(view, request):
        seen = [Veiled(each, hidden, related) for each in records]
    return [_value(view, request, column, each) for each in seen]


def _value(view: "ReadableView", request: Request, column: ComputedColumn[Any], record: Any) -> Any:
    function: Any = column.function
    try:
        found = function(record)
        return str(found) if type(found) is Veiled else found
    except Hidden:
        return None
    except Exception as error:  # noqa: BLE001 - the app's own, and no reason to show nothing else
        tell_failure(view, request, column.name, error)
        return FAILED


def tell_failure(view: "ReadableView", request: Request, name: str, error: Exception) -> None:
    """Write what a function of the app failed at into the log, once for each request."""
    told: set[tuple[str, str]] = getattr(request.state, _TOLD, set())
    if (view.resource, name) not in told:
        log.error("%s of %s could not be worked out", name, view.resource, exc_info=error)
    setattr(request.state, _TOLD, told | {(view.resource, name)})


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
    if isinstance(value, Mapping):
        return list(value.values())
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
