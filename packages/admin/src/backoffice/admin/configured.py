"""A view of starlette-admin as a ModelAdmin says: its fields, columns, searches and order."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from sqlmodel import SQLModel
from starlette.requests import Request
from starlette_admin.actions import action as action_of_engine
from starlette_admin.contrib.sqlmodel import ModelView
from starlette_admin.export import BaseExporter
from starlette_admin.export.csv import CsvExporter
from starlette_admin.fields import BaseField, TextAreaField
from starlette_admin.widgets import BaseWidget, FieldRef

from backoffice.admin.actions import Action, perform
from backoffice.admin.columns import Columns, Resources, column_of, fields_of, is_generated
from backoffice.admin.computed import ColumnField
from backoffice.admin.fields import DocumentField, Reference, References
from backoffice.admin.fieldsets import FieldsetSection
from backoffice.admin.inlines import Bound
from backoffice.admin.keys import Keys
from backoffice.admin.kinds import UNORDERED
from backoffice.admin.model_admin import ModelAdmin
from backoffice.admin.options import (
    check,
    check_date_hierarchy,
    computed_columns,
    doubles,
    fieldsets,
    name_of,
    refused,
    searches,
)
from backoffice.admin.soft_deletion import PURGE, RESTORE, SoftDeletion
from backoffice.auth.permissions import parsed
from backoffice.core import InvalidInput, SetupError

if TYPE_CHECKING:
    from backoffice.admin.records import RecordView

_MOST_COLUMNS = 8


class ConfiguredView(ModelView):
    """The page of one model; SetupError where its options name what is not there."""

    actions: Sequence[str] | None = ("delete",)
    row_actions: Sequence[str] | None = ()
    importers: Sequence[Any] = ()
    exporters: Sequence[BaseExporter | str] = (CsvExporter(escape_formulas=True), "json")
    page_size_options: Sequence[int] = (10, 25, 50, 100)
    #: The permission that an action needs; `change` for those not named.
    action_verbs: ClassVar[Mapping[str, str]] = {
        "delete": "delete",
        "export": "export",
        "import": "import",
        "import-check": "import",
    }
    #: Verbs that are asked for on this kind of page beside those of all pages.
    own_verbs: ClassVar[Sequence[str]] = ()
    #: Actions that are done to one record at a time, and never in the background.
    singly: ClassVar[frozenset[str]] = frozenset()
    #: Whether actions are done in the transaction of the request, all of it or nothing.
    in_transaction: ClassVar[bool] = True

    #: Whether a record is written column by column, and by nothing else.
    is_written_plainly: ClassVar[bool] = True

    def __init__(self, options: type[ModelAdmin], resources: Resources) -> None:
        check(options)
        self.options = options
        #: The records that are edited in the form of one of this page; `inlines.bind` sets them.
        self.inline_pages: list[Bound] = []
        self.resource = _checked_resource(options)
        self.keys = Keys(options.model)
        self.fields = self._arranged(self.made_fields(options.model, resources))
        super().__init__(
            options.model,
            icon=options.icon,
            display_name=options.singular_label(),
            menu_label=options.plural_label(),
            key=self.resource,
            converter=Columns(),
        )
        self._add_actions()
        #: How its records are deleted and kept; None where they are deleted for good.
        self.soft_deletion = SoftDeletion.of(options)
        if self.soft_deletion is not None:
            self.actions = (*(self.actions or ()), RESTORE, PURGE)
        self._apply_options()

    def made_fields(self, model: type[SQLModel], resources: Resources) -> list[BaseField]:
        """The fields of this view."""
        return fields_of(model, resources)

    def columns(self, request: Request) -> list[BaseField]:
        """The fields of the list."""
        shown = {each.name: each for each in self.get_fields_list(request)}
        return [shown[each] for each in self._list_display if each in shown]

    def own_action(self, name: str) -> Action[Any] | None:
        """The action of the app with that name."""
        return next((each for each in self.options.actions if each.name == name), None)

    def _default_sort(self) -> list[tuple[str, bool]]:
        ordering = [(each.lstrip("-"), each.startswith("-")) for each in self.options.ordering]
        return [(self._named(name), largest) for name, largest in ordering] or [
            (each, False) for each in self.keys.names
        ]

    def _arranged(self, made: list[BaseField]) -> list[BaseField]:
        """The fields that there are at all, those of the form in its order."""
        self.fields = [*made, *map(ColumnField.of, computed_columns(self.options).values())]
        excluded = {self._named(each) for each in self.options.exclude}
        self.fields = [each for each in self.fields if each.name not in excluded]
        self._sets = fieldsets(self.options)
        listed = [name for each in self._sets for name in each.fields]
        given: Sequence[object] = self.options.fields or listed
        if not given:
            return list(self.fields)
        chosen = [self._field(each) for each in given]
        if twice := doubles(each.name for each in chosen):
            raise refused(self.options, "fields", f"has {', '.join(twice)} twice")
        for each in (others := [each for each in self.fields if each not in chosen]):
            each.exclude_from_create = each.exclude_from_edit = each.exclude_from_detail = True
        return [*chosen, *others]

    def _add_actions(self) -> None:
        self.actions = (*(self.actions or ()), *(each.name for each in self.options.actions))
        for each in self.options.actions:
            made = action_of_engine(
                each.name, each.label, each.confirmation, submit_btn_text=each.label
            )(partial(perform, cast("RecordView", self), each))
            self._actions[each.name] = made._action
            self._actions_handlers[each.name] = made

    def _apply_options(self) -> None:
        options = self.options
        for each in self.fields:
            column = column_of(self.model, each.name)
            each.searchable = column is not None
            each.orderable = column is not None and not isinstance(each, UNORDERED)
            if column is not None and column.primary_key:
                each.exclude_from_edit = True
                each.exclude_from_create = is_generated(self.model, column)
            if self.soft_deletion is not None and each.name == self.soft_deletion.name:
                # Deleting and restoring have permissions of their own, and are no edit.
                each.read_only = each.exclude_from_create = True
                each.exclude_from_edit = True
                each.exclude_from_list = each.name not in options.list_display
        for given in options.readonly_fields:
            self._make_readonly(self._field(given))
        self._list_display = [self._field(each).name for each in options.list_display]
        self._list_display = self._list_display or self._default_columns()
        self.searches = searches(options)
        self.search_fields = [each.name for each in self.searches if not each.hops]
        self.form_layout = self._layout()
        self._init_form_layout()
        self._default_sort()
        self._check_names()

    def _make_readonly(self, field: BaseField) -> None:
        field.read_only = True
        if isinstance(field, ColumnField):
            field.exclude_from_edit = False

    def _layout(self) -> list[BaseWidget]:
        return [
            FieldsetSection(
                each.label,
                [FieldRef(self._named(name)) for name in each.fields],
                description=each.description,
                collapsed=each.collapsed,
            )
            for each in self._sets
        ]

    def _check_names(self) -> None:
        options = self.options
        self.list_filter = [self._field(each).name for each in options.list_filter]
        for name in options.autocomplete_fields:
            if not isinstance(self._field(name), Reference | References):
                raise refused(options, "autocomplete_fields", f"takes references, not {name!r}")
        if options.date_hierarchy:
            self._field(options.date_hierarchy)
            check_date_hierarchy(options)
        verbs = {"add", "change", "delete", *(self.actions or ())}
        if unknown := [each for each in options.dangerous if each not in verbs]:
            names = ", ".join(sorted(verbs))
            raise refused(options, "dangerous", f"names {unknown[0]!r}; there are {names}")

    def _default_columns(self) -> list[str]:
        plain = [
            each.name
            for each in self.fields
            if not isinstance(each, TextAreaField | DocumentField | References | ColumnField)
        ]
        return plain[:_MOST_COLUMNS]

    def _named(self, name: object) -> str:
        return self._field(name).name

    def _field(self, given: object) -> BaseField:
        """The field of that name, or of the relationship that it is read by; SetupError."""
        name = name_of(given)
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
