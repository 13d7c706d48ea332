"""`ModelAdmin`: what an app says about the page of one of its models."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlmodel import SQLModel

from backoffice.admin.actions import Action
from backoffice.admin.computed import ComputedColumn
from backoffice.admin.inlines import Inline
from backoffice.admin.labels import plural, resource_of, words
from backoffice.core import SetupError


@dataclass(frozen=True)
class Fieldset:
    """Fields of a form under a heading; for `ModelAdmin.fieldsets`."""

    #: The heading; none when empty.
    label: str
    fields: Sequence[str | ComputedColumn[Any] | Callable[[Any], Any]]
    #: A sentence below the heading.
    description: str = ""
    #: Whether it is opened by a click.
    collapsed: bool = False


class ModelAdmin:
    """The page of one model; subclass it and set what should differ. For `Admin(models=[...])`.

    Names of fields are those of the model's columns; a column that refers to another record may
    be named by its relationship too (`author` for `author_id`).
    """

    #: The SQLModel table; the one thing that has to be said.
    model: ClassVar[type[SQLModel]]

    #: Columns of the list: names of fields, and functions made by `@column`; the first eight that
    #: are short when empty.
    list_display: ClassVar[Sequence[str | ComputedColumn[Any] | Callable[[Any], Any]]] = ()
    #: Fields that the list offers to be filtered by.
    list_filter: ClassVar[Sequence[str]] = ()
    #: Text columns that a search looks into: `title` for any part of it, `^title` for how it
    #: begins, `=isbn` for the whole, `author__name` for that of what it refers to. All text
    #: columns when None, no search when empty.
    search_fields: ClassVar[Sequence[str] | None] = None
    #: Fields to sort the list by, each with a `-` in front for the largest first.
    ordering: ClassVar[Sequence[str]] = ()
    #: Records on one page of the list; the setting's when 0.
    list_per_page: ClassVar[int] = 0
    #: A date or time by whose years, months and days the list is narrowed; it has an index.
    date_hierarchy: ClassVar[str] = ""

    #: The fields of the form and of the page of a record, in this order; all when empty.
    fields: ClassVar[Sequence[str]] = ()
    #: The same under headings: `Fieldset("Price", ("price", "currency"))`, or as Django's.
    fieldsets: ClassVar[Sequence[Fieldset | tuple[str | None, Mapping[str, Any]]]] = ()
    #: Fields that are nowhere: in no list, form, search, filter or export.
    exclude: ClassVar[Sequence[str]] = ()
    #: Fields that are shown and never written; computed columns as well.
    readonly_fields: ClassVar[Sequence[str | ComputedColumn[Any] | Callable[[Any], Any]]] = ()
    #: References that are found by typing alone, with no list of the first to choose from.
    autocomplete_fields: ClassVar[Sequence[str]] = ()
    #: Records that refer to this one, edited in its form.
    inlines: ClassVar[Sequence[type[Inline]]] = ()
    #: Whether the form of a record can be saved as a new one.
    save_as: ClassVar[bool] = False

    #: What may be done to records, beside deleting them: functions made by `@action`.
    actions: ClassVar[Sequence[Action[Any]]] = ()
    #: What the password is asked for again before, if it was given a while ago: `add`, `change`,
    #: `delete`, or the name of an action.
    dangerous: ClassVar[Sequence[str]] = ()
    #: The column that says that a record was deleted and is kept: `deleted_at` or `is_deleted` if
    #: there is one of them when None, none when empty.
    soft_delete: ClassVar[str | None] = None
    #: Where the record is met in the app: `/books/{id}`, of fields of the record, or a function of
    #: the record that gives the address, or None.
    view_on_site: ClassVar[str | Callable[..., str | None]] = ""

    #: The name of the page, in the plural; made from the model's name when empty.
    label: ClassVar[str] = ""
    #: The name of one record; made from the model's name when empty.
    singular: ClassVar[str] = ""
    #: An icon of `static/icons.svg`, such as `book`.
    icon: ClassVar[str] = "table"
    #: The heading in the side bar that its page stands under; `Records` when empty.
    menu_group: ClassVar[str] = ""
    #: The name in addresses and permissions; made from the model's name when empty.
    resource: ClassVar[str] = ""

    @classmethod
    def resource_name(cls) -> str:
        """The name in addresses and permissions."""
        return cls.resource or resource_of(cls.model)

    @classmethod
    def plural_label(cls) -> str:
        """The name of the page."""
        return cls.label or plural(words(cls.model.__name__))

    @classmethod
    def singular_label(cls) -> str:
        """The name of one record."""
        return cls.singular or words(cls.model.__name__)


def model_admin(given: type[SQLModel] | type[ModelAdmin]) -> type[ModelAdmin]:
    """The ModelAdmin of an entry of `models=[...]`; SetupError if it is neither."""
    if isinstance(given, type) and issubclass(given, ModelAdmin):
        if not _is_table(getattr(given, "model", None)):
            raise SetupError(f"{given.__name__}.model is not a SQLModel class with table=True")
        return given
    if _is_table(given):
        return type(f"{given.__name__}Admin", (ModelAdmin,), {"model": given})
    raise SetupError(
        f"Admin(models=[...]) takes SQLModel classes with table=True and ModelAdmin classes, "
        f"not {given!r}"
    )


def _is_table(given: object) -> bool:
    return isinstance(given, type) and issubclass(given, SQLModel) and hasattr(given, "__table__")
