"""What a ModelAdmin may say: wrong names and values are refused before the app starts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from string import Formatter
from typing import Any, Literal

from sqlalchemy import Date, DateTime, Table
from sqlalchemy import inspect as inspected
from sqlmodel import SQLModel

from backoffice.admin.actions import Action
from backoffice.admin.columns import bare_type, column_of, holds_text, looks_secret, secrets_of
from backoffice.admin.computed import ComputedColumn, of_function
from backoffice.admin.inlines import Inline
from backoffice.admin.model_admin import Fieldset, ModelAdmin
from backoffice.core import SetupError

Lookup = Literal["contains", "startswith", "exact"]

_LOOKUPS: Mapping[str, Lookup] = {"^": "startswith", "=": "exact"}
_NAMES = (
    "list_display",
    "list_filter",
    "search_fields",
    "ordering",
    "fields",
    "fieldsets",
    "exclude",
    "readonly_fields",
    "autocomplete_fields",
    "inlines",
    "actions",
    "dangerous",
)
_MOST_ON_A_PAGE = 1_000


@dataclass(frozen=True)
class Search:
    """One of `search_fields`: the relationships that lead to a text column, and how it is met."""

    hops: tuple[str, ...]
    name: str
    lookup: Lookup = "contains"


def check(options: type[ModelAdmin]) -> None:
    """SetupError for what is wrong whatever the model is."""
    _check_spelling(options)
    for name in _NAMES:
        given = getattr(options, name)
        if isinstance(given, str) or not isinstance(given, Sequence | None):
            raise refused(options, name, f"takes a tuple, such as ({given!r},), not {given!r}")
    if not 0 <= options.list_per_page <= _MOST_ON_A_PAGE:
        raise refused(options, "list_per_page", f"takes 1 to {_MOST_ON_A_PAGE}")
    if options.fields and options.fieldsets:
        raise refused(options, "fieldsets", "and fields say the same; set one of them")
    _check_kinds(options, "actions", Action, "functions made by @action")
    for each in options.inlines:
        if not (isinstance(each, type) and issubclass(each, Inline)):
            raise refused(options, "inlines", f"takes subclasses of Inline, not {each!r}")
    _check_address(options)


def refused(options: type[ModelAdmin], name: str, what: str) -> SetupError:
    """The error of an option."""
    return SetupError(f"{options.__name__}.{name} {what}")


def fieldsets(options: type[ModelAdmin]) -> list[Fieldset]:
    """The groups of the form, whichever way they were written."""
    return [_fieldset(options, each) for each in options.fieldsets]


def computed_columns(options: type[ModelAdmin]) -> dict[str, ComputedColumn[Any]]:
    """Name to column, of those that functions make."""
    found: dict[str, ComputedColumn[Any]] = {}
    for each in (*options.list_display, *options.readonly_fields):
        made = _computed(options, each)
        if made is not None and found.setdefault(made.name, made) != made:
            raise refused(options, "list_display", f"has two columns called {made.name!r}")
        if made is not None:
            check_computed(options, made)
    return found


def check_computed(options: type[ModelAdmin], column: ComputedColumn[Any]) -> None:
    """SetupError for a column that names what the model does not have."""
    mapper = inspected(options.model)
    if column.name in mapper.attrs:
        raise refused(options, "list_display", f"{column.name!r} is a field already")
    if column.ordering and column_of(options.model, column.ordering) is None:
        raise refused(options, "list_display", f"cannot be sorted by {column.ordering!r}")
    for each in column.relations:
        if each not in mapper.relationships:
            raise refused(options, "list_display", f"{each!r} is no relationship")


def name_of(given: object) -> object:
    """The name of what an option lists: of a column that a function makes, that."""
    if isinstance(given, ComputedColumn):
        return given.name
    return of_function(given).name if callable(given) else given


def searches(options: type[ModelAdmin]) -> list[Search]:
    """How `search_fields` are searched; all text columns where it is None."""
    model = options.model
    if options.search_fields is None:
        keys = [each.key for each in inspected(model).column_attrs]
        return [Search((), each) for each in keys if _is_searchable(options, model, each)]
    return [_search(options, each) for each in options.search_fields]


def related_model(model: type[SQLModel], name: str) -> type[SQLModel] | None:
    """The model that a relationship leads to."""
    found = inspected(model).relationships.get(name)
    return None if found is None else found.mapper.class_


def check_date_hierarchy(options: type[ModelAdmin]) -> None:
    """It is a date or a time, and found by an index: nobody reads a whole table for a menu."""
    name = options.date_hierarchy
    column = column_of(options.model, name)
    if column is None or not isinstance(bare_type(column.type), Date | DateTime):
        raise refused(options, "date_hierarchy", f"takes a date or a time, not {name!r}")
    table: Table = options.model.__table__  # type: ignore[attr-defined]
    if not any(next(iter(each.columns)) is column for each in table.indexes):
        raise refused(options, "date_hierarchy", f"needs an index that begins with {name}")


def _check_spelling(options: type[ModelAdmin]) -> None:
    """A misspelt option would be one that says nothing."""
    known = [each for each in dir(ModelAdmin) if not each.startswith("_")]
    for kind in options.__mro__[: options.__mro__.index(ModelAdmin)]:
        for name in vars(kind):
            near = get_close_matches(name, known, 1, 0.8)
            if near and name not in known and not name.startswith("_"):
                raise refused(options, name, f"is no option; did you mean {near[0]}?")


def _check_kinds(options: type[ModelAdmin], name: str, kind: type[Any], told: str) -> None:
    given = getattr(options, name)
    for each in given:
        if not isinstance(each, kind):
            raise refused(options, name, f"takes {told}, not {each!r}")
    names = [each.name for each in given]
    if double := {each for each in names if names.count(each) > 1}:
        raise refused(options, name, f"has two called {', '.join(sorted(double))}")


def _check_address(options: type[ModelAdmin]) -> None:
    given = options.view_on_site
    if callable(given) or not given:
        return
    if not given.startswith(("/", "https://", "http://")) or given.startswith("//"):
        raise refused(options, "view_on_site", "takes a path or an address that begins with https")
    for _, name, _, _ in Formatter().parse(given):
        if name is None:
            continue
        if column_of(options.model, name) is None or name in secrets_of(options.model):
            raise refused(options, "view_on_site", f"names {name!r}, which is no column")


def _fieldset(options: type[ModelAdmin], given: object) -> Fieldset:
    if isinstance(given, Fieldset):
        return given
    match given:
        case (str() | None as label, {"fields": [*fields]}):
            others: Any = given[1]
            collapsed = "collapse" in others.get("classes", ())
            return Fieldset(label or "", fields, str(others.get("description", "")), collapsed)
    raise refused(options, "fieldsets", f"takes Fieldset('Price', ('price', ...)), not {given!r}")


def _computed(options: type[ModelAdmin], given: object) -> ComputedColumn[Any] | None:
    if isinstance(given, ComputedColumn):
        return given
    if callable(given):
        return of_function(given)
    if not isinstance(given, str) or given in set(inspected(options.model).attrs.keys()):
        return None
    # Of an object, so that a method of the class finds its `self`.
    own = getattr(options(), given, None)
    if isinstance(own, ComputedColumn):
        return own
    if callable(own) and given not in dir(ModelAdmin):
        return of_function(own, name=given)
    return _attribute(options.model, given)


def _attribute(model: type[SQLModel], name: str) -> ComputedColumn[Any] | None:
    """A property of the model, or a method that takes nothing."""
    found = getattr(model, name, None)
    if isinstance(found, property):
        return of_function(lambda record: getattr(record, name), name=name)
    if callable(found) and name not in dir(SQLModel) and not name.startswith("_"):
        return of_function(lambda record: getattr(record, name)(), name=name)
    return None


def _search(options: type[ModelAdmin], given: str) -> Search:
    lookup = _LOOKUPS.get(given[:1], "contains")
    *hops, name = given.lstrip("^=").split("__")
    model: type[SQLModel] | None = options.model
    for each in hops:
        model = model and related_model(model, each)
    if model is None:
        known = ", ".join(inspected(options.model).relationships.keys()) or "none"
        raise refused(
            options, "search_fields", f"{given!r} follows no relationship; there are {known}"
        )
    _check_searched(options, model, name, given)
    return Search(tuple(hops), name, lookup)


def _check_searched(
    options: type[ModelAdmin], model: type[SQLModel], name: str, given: str
) -> None:
    column = column_of(model, name)
    left_out = model is options.model and name in options.exclude
    if column is None or looks_secret(column) or left_out:
        what = f"{given!r}: {model.__name__} has no field {name!r}"
        raise refused(options, "search_fields", what)
    if not holds_text(column):
        raise refused(options, "search_fields", f"{given!r} holds no text")


def _is_searchable(options: type[ModelAdmin], model: type[SQLModel], name: str) -> bool:
    column = column_of(model, name)
    return (
        column is not None
        and holds_text(column)
        and not looks_secret(column)
        and name not in options.exclude
    )


def doubles(names: Iterable[str]) -> list[str]:
    """Those that are there twice."""
    seen = list(names)
    return sorted({each for each in seen if seen.count(each) > 1})
