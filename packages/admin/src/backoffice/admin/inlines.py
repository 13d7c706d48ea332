"""Inlines: records that refer to another, edited in its form."""

from collections.abc import Sequence
from typing import ClassVar

from sqlmodel import SQLModel

MOST_INLINE = 100


class Inline:
    """Records of another model that refer to the one in the form; for `ModelAdmin.inlines`.

    The other model has a page of its own: what may be done to its records there may be done here.
    """

    #: The SQLModel table of the records.
    model: ClassVar[type[SQLModel]]
    #: The column that refers to the record of the form; to be said where there are several.
    fk_name: ClassVar[str] = ""
    #: The columns to fill in; all but the one that refers, when empty.
    fields: ClassVar[Sequence[str]] = ()
    #: Columns that are left out.
    exclude: ClassVar[Sequence[str]] = ()
    #: Columns that are shown and never written here.
    readonly_fields: ClassVar[Sequence[str]] = ()
    #: Empty rows for new records.
    extra: ClassVar[int] = 1
    #: Records that may be edited here; a record with more is told to have its own list.
    max_num: ClassVar[int] = 20
    #: Whether they may be deleted here.
    can_delete: ClassVar[bool] = True
    #: The heading; that of the model's own page when empty.
    label: ClassVar[str] = ""
    #: Whether each record is a block of its own rather than a row of a table.
    stacked: ClassVar[bool] = False


class TabularInline(Inline):
    """Each record a row of a table."""


class StackedInline(Inline):
    """Each record a block with its fields below each other."""

    stacked: ClassVar[bool] = True
