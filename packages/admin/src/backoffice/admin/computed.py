"""Computed columns: what a list shows of a record that is no column of its table."""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette_admin.fields import BaseField

from backoffice.admin.labels import column_label
from backoffice.auth.permissions import parsed
from backoffice.core import InvalidInput, SetupError

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
