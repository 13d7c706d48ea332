"""What somebody is told before a deletion, and why they may not do it.

Whoever deletes a record has to hold what its cascades need as well: `delete` on what goes with it,
`change` on what loses its reference, of each of those records. Accounts are deleted by services
that have rules of their own, so what goes with one is told and not judged.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Table, or_, select
from sqlalchemy import inspect as inspected
from starlette.requests import Request

from backoffice.admin.cascades import Effect, Reach, Rows, outside
from backoffice.admin.counts import Count, counted
from backoffice.admin.labels import column_label, plural, words

if TYPE_CHECKING:
    from backoffice.admin.deleting import DeletingView

#: What the page of a deletion calls the digest of what it told.
TOLD = ".told"
_MOST_NAMED = 5
_MOST_COUNTED = 10_000
_VERBS: dict[Effect, str] = {"goes": "delete", "emptied": "change", "stops": "view"}


@dataclass(frozen=True)
class Affected:
    """Records of one table that a deletion reaches, as far as somebody may see them."""

    effect: Effect
    label: str
    count: Count | None
    #: Key and name of the first few; the resource of their page, if they have one.
    named: Sequence[tuple[str, str]] = ()
    resource: str | None = None
    #: Whether there are others that may not be seen.
    unseen: bool = False
    #: Why this may not be done.
    refusal: str | None = None

    def __str__(self) -> str:
        """`Books by Author: 3`."""
        return self.label if self.count is None else f"{self.label}: {self.count}"


@dataclass(frozen=True)
class Deletion:
    """All that a deletion reaches."""

    affected: Sequence[Affected] = field(default_factory=list)

    def of(self, effect: Effect) -> list[Affected]:
        """Those that go, that lose their reference, or that hold it back."""
        return [each for each in self.affected if each.effect == effect]

    @property
    def refusals(self) -> list[str]:
        """Why nothing will be deleted, in sentences; none where it may be done."""
        stops = self.of("stops")
        seen = ", ".join(str(each) for each in stops if each.count is not None)
        found = ["other records refer to what was to go" + (f" ({seen})" if seen else "")]
        found = found if stops else []
        return found + [each.refusal for each in self.affected if each.refusal]

    @property
    def digest(self) -> str:
        """By which it is known whether somebody was told of just this."""
        told = [[each.effect, str(each), each.unseen] for each in self.affected]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]


async def deletion_of(view: "DeletingView", request: Request, records: Sequence[Any]) -> Deletion:
    """What the deletion of these records reaches."""
    chosen = or_(*(view.keys.clause(view.keys.of(each)) for each in records))
    # What refers to an account is deleted by its service.
    others = _tables(view) if view.judges_cascades else None
    reach = Reach(inspected(view.model), chosen, others)
    await reach.explore(view.session(request))
    affected = [
        await _affected(view, request, table, rows, condition)
        for table, rows, condition in reach.tables("goes", "emptied", "stops")
    ]
    return Deletion([each for each in affected if each is not None])


async def _affected(
    view: "DeletingView",
    request: Request,
    table: Table,
    rows: Rows,
    condition: ColumnElement[bool],
) -> Affected | None:
    other = _view_of(view, table)
    if other is None:
        count = await counted(view.session(request), select(table).where(condition), _MOST_COUNTED)
        return Affected(rows.effect, _label(view, table), count) if count else None
    if not other.is_accessible(request) or _is_hidden(view, other, request, rows):
        unseen = await _is_any(view, request, table, condition)
        refusal = _refusal(view, rows, "records that you may not see")
        label = "Records that you may not see"
        return Affected(rows.effect, label, None, refusal=refusal) if unseen else None
    return await _seen(view, other, request, table, rows, condition)


async def _seen(
    view: "DeletingView",
    other: "DeletingView",
    request: Request,
    table: Table,
    rows: Rows,
    condition: ColumnElement[bool],
) -> Affected | None:
    query = other.within(request, select(other.model).where(condition), "view")
    count = await counted(view.session(request), query, _MOST_COUNTED)
    unseen = other.has_policy(request, "view") and await _is_outside(
        other, request, table, condition, "view"
    )
    if not count and not unseen:
        return None
    keys = [getattr(other.model, each) for each in other.keys.names]
    first = await other._all(request, query.order_by(*keys).limit(_MOST_NAMED))
    return Affected(
        rows.effect,
        _field_label(other, rows),
        count,
        [(other.keys.of(each), other.named(request, each)) for each in first],
        other.resource,
        unseen,
        await _judged(view, other, request, table, rows, condition),
    )


async def _judged(
    view: "DeletingView",
    other: "DeletingView",
    request: Request,
    table: Table,
    rows: Rows,
    condition: ColumnElement[bool],
) -> str | None:
    """Why the cascade may not be set off by this person."""
    verb, label = _VERBS[rows.effect], str(other.menu_label).lower()
    if rows.effect == "stops":
        return None
    if not other.may(request, verb) or not _is_writable(other, request, rows):
        return _refusal(view, rows, label)
    judged = [each for each in ("view", verb) if other.has_policy(request, each)]
    if judged and await _is_outside(other, request, table, condition, *judged):
        return _refusal(view, rows, f"some of the {label}")
    return None


def _refusal(view: "DeletingView", rows: Rows, what: str) -> str | None:
    if not view.judges_cascades or rows.effect == "stops":
        return None
    done = "delete" if rows.effect == "goes" else "change"
    return f"you may not {done} {what} that would be reached by it"


async def _is_outside(
    other: "DeletingView",
    request: Request,
    table: Table,
    condition: ColumnElement[bool],
    *verbs: str,
) -> bool:
    """Whether the cascade reaches records on which they may not do all of this."""
    keys = [getattr(other.model, each) for each in other.keys.names]
    permitted = other.within(request, select(*keys), *verbs)
    return await _is_any(other, request, table, outside(condition, keys, permitted))


async def _is_any(
    view: "DeletingView", request: Request, table: Table, condition: ColumnElement[bool]
) -> bool:
    query = select(select(table).where(condition).exists())
    return bool((await view.executed(request, query)).scalar_one())


def _tables(view: "DeletingView") -> list[Table]:
    views: Sequence[Any] = view._admin._model_views if view._admin is not None else ()
    found = (inspected(each.model).local_table for each in views)
    return [each for each in found if isinstance(each, Table)]


def _view_of(view: "DeletingView", table: Table) -> "DeletingView | None":
    """The page of a table."""
    views: Sequence[Any] = view._admin._model_views if view._admin is not None else ()
    return next((each for each in views if inspected(each.model).local_table is table), None)


def _field_of(other: "DeletingView", rows: Rows) -> Any:
    mapper, columns = inspected(other.model), rows.table.columns
    names = {mapper.get_property_by_column(columns[each]).key for each in rows.columns}
    return next((each for each in other.fields if each.name in names), None)


def _is_hidden(view: "DeletingView", other: "DeletingView", request: Request, rows: Rows) -> bool:
    """Whether they may not know which records refer to what, from either side."""
    found = _field_of(other, rows)
    if found is not None and not other.is_readable(request, found):
        return True
    columns = {rows.table.columns[each] for each in rows.columns}
    relations = inspected(view.model).relationships
    read_by = {str(each.key) for each in relations if columns & set(each.remote_side)}
    return not read_by.isdisjoint(view.hidden(request))


def _is_writable(other: "DeletingView", request: Request, rows: Rows) -> bool:
    found = _field_of(other, rows)
    return rows.effect != "emptied" or found is None or other.is_writable(request, found)


def _field_label(other: "DeletingView", rows: Rows) -> str:
    label, found = str(other.menu_label), _field_of(other, rows)
    return label if rows.effect == "goes" or found is None else f"{label} by {found.label}"


def _label(view: "DeletingView", table: Table) -> str:
    """The name of a table that has no page."""
    for each in inspected(view.model).registry.mappers:
        if each.local_table is table:
            return plural(words(each.class_.__name__))
    return column_label(table.name)
