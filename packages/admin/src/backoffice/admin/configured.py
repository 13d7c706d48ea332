"""A view of starlette-admin as a ModelAdmin says: its fields, columns, searches and order."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from sqlalchemy import Enum as EnumType
from sqlalchemy import String
from sqlmodel import SQLModel
from starlette.requests import Request
from starlette_admin.contrib.sqlmodel import ModelView
from starlette_admin.export import BaseExporter
from starlette_admin.export.csv import CsvExporter
from starlette_admin.fields import BaseField, TextAreaField

from backoffice.admin.columns import Columns, Resources, column_of, fields_of, is_generated
from backoffice.admin.fields import DocumentField, References
from backoffice.admin.keys import Keys
from backoffice.admin.model_admin import ModelAdmin
from backoffice.auth.permissions import parsed
from backoffice.core import InvalidInput, SetupError

_MOST_COLUMNS = 8


class ConfiguredView(ModelView):
    """The page of one model; SetupError where its options name what is not there."""

    actions: Sequence[str] | None = ("delete",)
    row_actions: Sequence[str] | None = ()
    importers: Sequence[Any] = ()
    exporters: Sequence[BaseExporter | str] = (CsvExporter(escape_formulas=True), "json")
    page_size_options: Sequence[int] = (10, 25, 50, 100)
    #: The permission that an action needs; `change` for those not named.
    action_verbs: ClassVar[Mapping[str, str]] = {"delete": "delete", "export": "export"}

    def __init__(self, options: type[ModelAdmin], resources: Resources) -> None:
        self.options = options
        self.resource = _checked_resource(options)
        self.keys = Keys(options.model)
        self.fields = self.made_fields(options.model, resources)
        super().__init__(
            options.model,
            icon=options.icon,
            display_name=options.singular_label(),
            menu_label=options.plural_label(),
            key=self.resource,
            converter=Columns(),
        )
        self._apply_options()

    def made_fields(self, model: type[SQLModel], resources: Resources) -> list[BaseField]:
        """The fields of this view."""
        return fields_of(model, resources)

    def columns(self, request: Request) -> list[BaseField]:
        """The fields of the list."""
        shown = {each.name: each for each in self.get_fields_list(request)}
        return [shown[each] for each in self._list_display if each in shown]

    def _default_sort(self) -> list[tuple[str, bool]]:
        ordering = [(each.lstrip("-"), each.startswith("-")) for each in self.options.ordering]
        return [(self._named(name), largest) for name, largest in ordering] or [
            (each, False) for each in self.keys.names
        ]

    def _apply_options(self) -> None:
        for each in self.fields:
            column = column_of(self.model, each.name)
            each.searchable = column is not None
            each.orderable = column is not None and not isinstance(each, DocumentField)
            if column is not None and column.primary_key:
                each.exclude_from_edit = True
                each.exclude_from_create = is_generated(self.model, column)
        for name in self.options.readonly_fields:
            self._field(name).read_only = True
        self._list_display = [self._field(each).name for each in self.options.list_display]
        self._list_display = self._list_display or self._default_columns()
        self.search_fields = self._searched()
        self._default_sort()

    def _searched(self) -> list[str]:
        texts = [each.name for each in self.fields if _is_text(self.model, each.name)]
        if self.options.search_fields is None:
            return texts
        names = [self._field(each).name for each in self.options.search_fields]
        if others := [each for each in names if each not in texts]:
            raise SetupError(
                f"{self.options.__name__}.search_fields: {', '.join(others)} holds no text"
            )
        return names

    def _default_columns(self) -> list[str]:
        plain = [
            each.name
            for each in self.fields
            if not isinstance(each, TextAreaField | DocumentField | References)
        ]
        return plain[:_MOST_COLUMNS]

    def _named(self, name: str) -> str:
        return self._field(name).name

    def _field(self, name: object) -> BaseField:
        """The field of that name, or of the relationship that it is read by; SetupError."""
        for each in self.fields:
            if name in (each.name, getattr(each, "relation", None)):
                return each
        names = ", ".join(each.name for each in self.fields)
        raise SetupError(
            f"{self.options.__name__}: {self.options.model.__name__} has no field {name!r}; "
            f"there are {names}"
        )


def _checked_resource(options: type[ModelAdmin]) -> str:
    name = options.resource_name()
    try:
        parsed(f"{name}:view")
    except InvalidInput:
        raise SetupError(
            f"{options.__name__}: {name!r} cannot be the name of a resource; set "
            "resource = '...' to letters, digits and hyphens in lower case"
        ) from None
    return name


def _is_text(model: type[SQLModel], name: str) -> bool:
    column = column_of(model, name)
    kind = None if column is None else getattr(column.type, "impl_instance", column.type)
    return isinstance(kind, String) and not isinstance(kind, EnumType)
