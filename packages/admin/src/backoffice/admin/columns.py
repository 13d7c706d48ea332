"""The fields of a model: one for each column, but those that look like secrets."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import ARRAY, Boolean, Column, Date, DateTime, Enum, Interval, String, Time
from sqlalchemy import inspect as inspected
from sqlalchemy.dialects.postgresql import CIDR, TSTZRANGE
from sqlalchemy.orm import ColumnProperty, Mapper, RelationshipDirection
from sqlalchemy.types import TypeEngine
from sqlmodel import SQLModel
from starlette_admin.contrib.sqla.converters import ModelConverter
from starlette_admin.contrib.sqla.exceptions import NotSupportedColumn
from starlette_admin.converters import converts
from starlette_admin.fields import BaseField, EnumField, FloatField

from backoffice.admin.derived import sources_of
from backoffice.admin.fields import DocumentField, MomentField, Reference, References
from backoffice.admin.kinds import (
    ArrayField,
    DurationField,
    NetworkField,
    OpaqueField,
    RangeField,
    bound_of,
)
from backoffice.admin.labels import column_label

#: Model to the name by which its view is addressed.
Resources = Mapping[type[SQLModel], str]

_SECRET = re.compile(
    r"password|passwd|secret|token|hash|digest|salt|api_?key|private_?key|credential|(^|_)otp(_|$)",
    re.IGNORECASE,
)
#: What only tells whether or when, such as `password_changed_at`, gives nothing away.
_HARMLESS = (Boolean, Date, DateTime, Time, Interval)


def looks_secret(column: Column[Any]) -> bool:
    """Whether the column's name and type are those of something that nobody should read."""
    return bool(_SECRET.search(column.name)) and not isinstance(bare_type(column.type), _HARMLESS)


def secrets_of(model: type[SQLModel]) -> frozenset[str]:
    """The attributes that look like secrets, or are made of a column that does."""
    columns = {each.key: each.columns[0] for each in inspected(model).column_attrs}
    found = {
        key for key, each in columns.items() if isinstance(each, Column) and looks_secret(each)
    }
    for key, sources in sources_of(model).items():
        harmless = isinstance(bare_type(columns[key].type), _HARMLESS)
        made_of = [each.column for each in sources if each.column is not None]
        if not harmless and any(map(looks_secret, made_of)):
            found.add(key)
    return frozenset(found)


def holds_text(column: Column[Any]) -> bool:
    """Whether a search can look into it."""
    kind = bare_type(column.type)
    return isinstance(kind, String) and not isinstance(kind, Enum)


def fields_of(model: type[SQLModel], resources: Resources) -> list[BaseField]:
    """The fields of a model, in the order of its columns, then its many-to-many relations."""
    mapper: Mapper[Any] = inspected(model)
    columns = [_field(model, each, resources) for each in _column_properties(mapper)]
    return [*columns, *_many_to_many(mapper, resources)]


def column_of(model: type[SQLModel], name: str) -> Column[Any] | None:
    """The column behind an attribute; None for a relation or a computed one."""
    found = inspected(model).attrs.get(name)
    if not isinstance(found, ColumnProperty) or not isinstance(found.columns[0], Column):
        return None
    return found.columns[0]


def is_generated(model: type[SQLModel], column: Column[Any]) -> bool:
    """Whether a key is made without anybody's doing: counted up, or by a default."""
    if column.server_default is not None or column.default is not None:
        return True
    info = model.model_fields.get(column.key)
    if info is not None and info.default_factory is not None:
        return True
    return column is model.__table__.autoincrement_column  # type: ignore[attr-defined]


class Columns(ModelConverter):
    """starlette-admin's converter, for the types of SQLAlchemy 2.1 and SQLModel 0.0.50."""

    def convert(self, *args: Any, **kwargs: Any) -> BaseField:
        """The field for a column; text to read for one of a type that no form can hold."""
        try:
            return super().convert(*args, **kwargs)
        except NotSupportedColumn:
            return self.conv_unknown(*args, **kwargs)

    @converts("sqlalchemy.sql.sqltypes.Float")
    def conv_float(self, *args: Any, **kwargs: Any) -> BaseField:
        """Float is no Numeric any more in SQLAlchemy 2.1."""
        return FloatField(**self._field_common(*args, **kwargs), input_type="number")

    @converts("DateTime", "sqlmodel.sql.sqltypes.UTCDateTime")
    def conv_datetime(self, *args: Any, **kwargs: Any) -> BaseField:
        """SQLModel's plain datetime keeps UTC, and refuses a time without a zone."""
        aware = bool(getattr(bare_type(kwargs["type"]), "timezone", False))
        return MomentField(aware=aware, **self._field_common(*args, **kwargs))

    @converts("Enum")
    def conv_enum(self, *args: Any, **kwargs: Any) -> BaseField:
        """Of an enum class, or of plain names."""
        kind: Enum = kwargs["type"]
        common = self._field_common(*args, **kwargs)
        if kind.enum_class is not None:
            return EnumField(**common, enum=kind.enum_class)
        return EnumField(**common, choices=[(each, each) for each in kind.enums])

    @converts("JSON", "sqlalchemy.dialects.postgresql.hstore.HSTORE")
    def conv_json(self, *args: Any, **kwargs: Any) -> BaseField:
        """As text: it works without scripts."""
        return DocumentField(**self._field_common(*args, **kwargs))

    @converts("Interval", "INTERVAL")
    def conv_interval(self, *args: Any, **kwargs: Any) -> BaseField:
        """As ISO 8601, such as PT15M."""
        return DurationField(**self._field_common(*args, **kwargs))

    @converts(
        "sqlalchemy.dialects.postgresql.base.INET",
        "sqlalchemy.dialects.postgresql.types.INET",
        "sqlalchemy.dialects.postgresql.types.CIDR",
        "CIDR",
    )
    def conv_ip_address(self, *args: Any, **kwargs: Any) -> BaseField:
        """An address or a network."""
        whole = isinstance(kwargs["type"], CIDR)
        return NetworkField(whole=whole, **self._field_common(*args, **kwargs))

    @converts("AbstractRange")
    def conv_range(self, *args: Any, **kwargs: Any) -> BaseField:
        """As PostgreSQL writes it; several in one are shown alone."""
        kind = kwargs["type"]
        bound = bound_of(kind)
        if bound is None:
            return self.conv_unknown(*args, **kwargs)
        aware = isinstance(kind, TSTZRANGE)
        return RangeField(bound=bound, aware=aware, **self._field_common(*args, **kwargs))

    @converts("ARRAY")
    def conv_array(self, *args: Any, **kwargs: Any) -> BaseField:
        """As lines."""
        kind: ARRAY[Any] = kwargs["type"]
        nested = (kind.dimensions or 1) > 1
        return ArrayField(
            items=Any if nested else _python_type(kind.item_type),
            nullable=bool(kwargs["column"].nullable),
            nested=nested,
            **self._field_common(*args, **kwargs) | {"required": False},
        )

    @converts("Boolean")
    def conv_boolean(self, *args: Any, **kwargs: Any) -> BaseField:
        """Not PostgreSQL's BIT, which is a row of them."""
        return super().conv_boolean(*args, **kwargs)

    @converts("LargeBinary", "PickleType", "BIT")
    def conv_unknown(self, *args: Any, **kwargs: Any) -> BaseField:
        """What is shown and never written."""
        common = self._field_common(*args, **kwargs) | {"required": False}
        return OpaqueField(**common)


def _python_type(kind: TypeEngine[Any]) -> Any:
    try:
        return bare_type(kind).python_type
    except NotImplementedError:
        return str


def bare_type(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """The type below a TypeDecorator."""
    found: Any = getattr(kind, "impl_instance", kind)
    return found if isinstance(found, TypeEngine) else kind


def _column_properties(mapper: Mapper[Any]) -> Iterator[ColumnProperty[Any]]:
    secret = secrets_of(mapper.class_)
    return (each for each in mapper.column_attrs if each.key not in secret)


def _field(model: type[SQLModel], found: ColumnProperty[Any], resources: Resources) -> BaseField:
    column = found.columns[0]
    if not isinstance(column, Column):
        return OpaqueField(found.key, label=column_label(found.key))
    field = _reference(model, found.key, column, resources) or Columns().convert(
        name=found.key, type=column.type, column=column
    )
    _complete(field, model, column)
    return field


def _complete(field: BaseField, model: type[SQLModel], column: Column[Any]) -> None:
    """Take over what pydantic knows of the field."""
    # An adopted class may be SQLAlchemy's alone.
    info = getattr(model, "model_fields", {}).get(field.name)
    field.label = field.label if isinstance(field, Reference) else column_label(field.name)
    if column.computed is not None or (column.identity is not None and column.identity.always):
        field.read_only, field.required = True, False
    if field.read_only:
        return
    if info is not None:
        field.default = None if column.primary_key else _default(info)
        field.required = info.is_required() and not column.nullable
        # Nothing chosen is a value of these.
        without = isinstance(bare_type(column.type), Boolean | ARRAY)
        field.required = field.required and not without
        field.help_text = info.description or field.help_text


def _default(info: Any) -> Any:
    if info.default_factory is not None:
        return info.default_factory if not info.default_factory_takes_validated_data else None
    return None if info.is_required() else info.default


def _reference(
    model: type[SQLModel], name: str, column: Column[Any], resources: Resources
) -> Reference | None:
    """The field for a column that holds the key of a record of another view."""
    if len(column.foreign_keys) != 1:
        return None
    target = next(iter(column.foreign_keys)).column
    for other, resource in resources.items():
        keys = list(inspected(other).primary_key)
        if keys == [target]:
            relation = _relation_by(model, column)
            label = column_label(relation or re.sub(r"_(id|pk|key|uuid)$", "", name))
            return Reference(name, label=label, resource=resource, relation=relation)
    return None


def _relation_by(model: type[SQLModel], column: Column[Any]) -> str | None:
    for each in inspected(model).relationships:
        if each.direction is RelationshipDirection.MANYTOONE and each.local_columns == {column}:
            return str(each.key)
    return None


def _many_to_many(mapper: Mapper[Any], resources: Resources) -> Iterator[References]:
    for each in mapper.relationships:
        resource = resources.get(each.mapper.class_)
        if len(each.mapper.primary_key) > 1:  # A choice in a form has one key.
            continue
        if each.direction is RelationshipDirection.MANYTOMANY and resource and not each.viewonly:
            yield References(each.key, label=column_label(each.key), resource=resource)
