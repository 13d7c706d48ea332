"""Computed columns: what a list shows of a record that is no column of its table."""

import inspect
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import or_, select
from sqlalchemy.orm import selectinload
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette_admin.fields import BaseField

from backoffice.admin.labels import Hidden, Veiled, column_label
from backoffice.auth.permissions import parsed
from backoffice.core import InvalidInput, SetupError

if TYPE_CHECKING:
    from backoffice.admin.reading import ReadableView

T = TypeVar("T")

OfOne = Callable[[T], Any]
OfMany = Callable[[Sequence[T], AsyncSession], Awaitable[Sequence[Any]]]


@dataclass(frozen=True)
class ComputedColumn(Generic[T]):
    """A column that a function makes; by `@column(...)`, for `ModelAdmin.list_display`."""

    function: OfOne[T] | OfMany[T]
    #: The head of the column.
    label: str
    #: The name of the column, in exports too.
    name: str
    #: The column of the table that the list is sorted by in its stead, if it may be sorted.
    ordering: str = ""
    #: The permission that somebody needs to see it, beside that of the page.
    permission: str = ""
    #: Relationships that the function reads, to be loaded with the records.
    relations: Sequence[str] = ()

    @property
    def of_many(self) -> bool:
        """Whether the function takes all records of a page at once, and the session."""
        return inspect.iscoroutinefunction(self.function)


def column(
    label: str = "",
    *,
    name: str = "",
    ordering: str = "",
    permission: str = "",
    relations: Sequence[str] = (),
) -> Callable[[OfOne[T] | OfMany[T]], ComputedColumn[T]]:
    """Make a column of `def margin(book: Book) -> Decimal`.

    What has to be asked of the database is asked once for all records of a page, by
    `async def sold(books: Sequence[Book], session: AsyncSession) -> Sequence[int]`: a value for
    each of them, in their order.
    """

    def made(function: OfOne[T] | OfMany[T]) -> ComputedColumn[T]:
        return of_function(
            function,
            label=label,
            name=name,
            ordering=ordering,
            permission=permission,
            relations=tuple(relations),
        )

    return made


def of_function(function: Any, **given: Any) -> ComputedColumn[Any]:
    """The column that a function makes, decorated or not; SetupError."""
    called = getattr(function, "__name__", "")
    name = given.pop("name", "") or called.strip("_")
    if not name.isidentifier():
        raise SetupError(f"@column: {function!r} has no name; give name='...'")
    label = given.pop("label", "") or column_label(name)
    found = ComputedColumn(function, name=name, label=label, **given)
    if found.permission:
        try:
            parsed(found.permission)
        except InvalidInput as error:
            raise SetupError(f"@column {found.name}: {error.message}") from None
    return found


@dataclass
class ColumnField(BaseField):
    """A column of a list that a function makes; shown, never written, searched or filtered by."""

    column: ComputedColumn[Any] | None = field(default=None, compare=False)

    @classmethod
    def of(cls, column: ComputedColumn[Any]) -> "ColumnField":
        """The field of a column."""
        return cls(
            column.name,
            label=column.label,
            column=column,
            read_only=True,
            exclude_from_create=True,
            exclude_from_edit=True,
        )


async def computed_values(
    view: "ReadableView", request: Request, fields: Sequence[BaseField], records: Sequence[Any]
) -> dict[str, dict[str, Any]]:
    """Field to record's key to value, of the fields that functions make."""
    columns = [each.column for each in fields if isinstance(each, ColumnField) and each.column]
    if not columns or not records:
        return {}
    await _load(view, request, {name for each in columns for name in each.relations}, records)
    keys, hidden = [view.keys.of(each) for each in records], view.hidden(request)
    found: dict[str, dict[str, Any]] = {}
    for each in columns:
        values = await _values(each, view.session(request), hidden, records)
        found[each.name] = dict(zip(keys, values, strict=True))
    return found


async def _values(
    column: ComputedColumn[Any],
    session: AsyncSession,
    hidden: Collection[str],
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
    return [_value(function, each, hidden) for each in records]


def _value(function: Callable[[Any], Any], record: Any, hidden: Collection[str]) -> Any:
    try:
        return function(Veiled(record, hidden) if hidden else record)
    except Hidden:
        return None


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
