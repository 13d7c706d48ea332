"""`ModelAdmin`: what an app says about the page of one of its models."""

from collections.abc import Sequence
from typing import ClassVar

from sqlmodel import SQLModel

from backoffice.admin.labels import plural, resource_of, words
from backoffice.core import SetupError


class ModelAdmin:
    """The page of one model; subclass it and set what should differ. For `Admin(models=[...])`.

    Names of fields are those of the model's columns; a column that refers to another record may
    be named by its relationship too (`author` for `author_id`).
    """

    #: The SQLModel table; the one thing that has to be said.
    model: ClassVar[type[SQLModel]]
    #: Columns of the list; all of them when empty.
    list_display: ClassVar[Sequence[str]] = ()
    #: Text columns that a search looks into; all of them when None, none when empty.
    search_fields: ClassVar[Sequence[str] | None] = None
    #: Fields to sort the list by, each with a `-` in front for the largest first.
    ordering: ClassVar[Sequence[str]] = ()
    #: Fields that are shown and never written.
    readonly_fields: ClassVar[Sequence[str]] = ()
    #: What the password is asked for again before, if it was given a while ago: `add`, `change`,
    #: `delete`, or the name of an action.
    dangerous: ClassVar[Sequence[str]] = ()
    #: The name of the page, in the plural; made from the model's name when empty.
    label: ClassVar[str] = ""
    #: The name of one record; made from the model's name when empty.
    singular: ClassVar[str] = ""
    #: An icon of `static/icons.svg`, such as `book`.
    icon: ClassVar[str] = "table"
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
