"""Inlines: records that refer to another, edited in its form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from sqlmodel import SQLModel
from starlette_admin.fields import BaseField

from backoffice.admin.fields import Reference
from backoffice.core import SetupError

if TYPE_CHECKING:
    from backoffice.admin.records import RecordView

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


@dataclass(frozen=True)
class Bound:
    """An Inline on the page that it belongs to: the page of its own records, and its reference."""

    inline: type[Inline]
    view: "RecordView"
    reference: BaseField

    @property
    def prefix(self) -> str:
        """What the names of its inputs begin with; no name of a field has a dot."""
        return f"{self.view.resource}.{self.reference.name}"

    @property
    def label(self) -> str:
        """The heading."""
        return self.inline.label or str(self.view.menu_label)


def bind(views: Sequence["RecordView"]) -> None:
    """Tie the inlines of all pages to the pages of their records; SetupError."""
    by_model = {each.model: each for each in views}
    for view in views:
        view.inline_pages = [_bound(view, each, by_model) for each in view.options.inlines]
        prefixes = [each.prefix for each in view.inline_pages]
        if len(prefixes) != len(set(prefixes)):
            raise SetupError(f"{view.options.__name__}.inlines has the same records twice")


def _bound(
    view: "RecordView", inline: type[Inline], by_model: Mapping[type[SQLModel], "RecordView"]
) -> Bound:
    model = getattr(inline, "model", None)
    other = None if model is None else by_model.get(model)
    if other is None:
        raise SetupError(f"{inline.__name__}.model is not among Admin(models=[...]): {model!r}")
    if not other.is_written_plainly:
        raise SetupError(f"{inline.__name__}: {other.menu_label} are changed on their own page")
    if not 0 <= inline.extra <= inline.max_num or not 1 <= inline.max_num <= MOST_INLINE:
        raise SetupError(f"{inline.__name__}: max_num takes 1 to {MOST_INLINE}, extra at most that")
    for name in (*inline.fields, *inline.exclude, *inline.readonly_fields):
        other._field(name)
    return Bound(inline, other, _reference(view, inline, other))


def _reference(view: "RecordView", inline: type[Inline], other: "RecordView") -> BaseField:
    """The field by which the records refer to that of the page."""
    found = [
        each
        for each in other.fields
        if isinstance(each, Reference)
        and each.resource == view.resource
        and inline.fk_name in ("", each.name, each.relation)
    ]
    if len(view.keys.names) == 1 and len(found) == 1:
        return found[0]
    names = ", ".join(each.name for each in found) or "none"
    raise SetupError(
        f"{inline.__name__}: {other.model.__name__} needs one column that refers to "
        f"{view.model.__name__}, there is {names}; set fk_name = '...'"
    )
