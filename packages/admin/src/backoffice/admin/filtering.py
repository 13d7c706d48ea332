"""Filters and searches: what a list's address asks for, in values that the columns understand."""

import math
import re
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    Date,
    DateTime,
    Enum,
    Float,
    Integer,
    Interval,
    Numeric,
    Text,
    Uuid,
    and_,
    cast,
    or_,
)
from sqlalchemy.dialects.postgresql import CIDR, INET, INTERVAL
from sqlalchemy.types import TypeEngine
from sqlmodel import SQLModel
from starlette.exceptions import HTTPException
from starlette_admin.contrib.sqla.filters import (
    DateBetweenFilter,
    DateEqualFilter,
    DateInFutureFilter,
    DateInPastFilter,
    DateTimeBetweenFilter,
    DateTimeEqualFilter,
    EqualFilter,
    InFilter,
    IsNotNullFilter,
    IsNullFilter,
    NotEqualFilter,
    NotInFilter,
    SqlaFilterRegistry,
)
from starlette_admin.fields import BaseField, DateField, DateTimeField, EnumField, UUIDField
from starlette_admin.filters import FilterApplyContext, FilterGroup, FilterRule, filters
from starlette_admin.filters.base import BaseFilter

from backoffice.admin.columns import column_of
from backoffice.admin.fields import DocumentField, Reference
from backoffice.admin.kinds import (
    ArrayField,
    DurationField,
    NetworkField,
    OpaqueField,
    RangeField,
    duration,
    network,
)
from backoffice.auth.user_keys import UserKey

#: What both databases keep in a whole number.
LARGEST = 2**63 - 1
_COMPARING = {"eq", "neq", "in", "not_in", "gt", "gte", "lt", "lte", "between"}
_NUMBER = re.compile(r"\d{1,18}")


class PastFilter(DateInPastFilter):
    """Before now, by our clock: what a database calls now has another shape in each."""

    def apply(self, ctx: FilterApplyContext) -> Any:
        """The condition."""
        column, now = _moment(ctx)
        return column < now


class FutureFilter(DateInFutureFilter):
    """After now."""

    def apply(self, ctx: FilterApplyContext) -> Any:
        """The condition."""
        column, now = _moment(ctx)
        return column > now


class NoDocumentFilter(IsNullFilter):
    """Neither there, nor the null of JSON, as which SQLAlchemy stores None."""

    def apply(self, ctx: FilterApplyContext) -> Any:
        """The condition."""
        column = _filtered(ctx)
        return or_(column.is_(None), cast(column, Text) == "null")


class SomeDocumentFilter(IsNotNullFilter):
    """There, and not the null of JSON."""

    def apply(self, ctx: FilterApplyContext) -> Any:
        """The condition."""
        column = _filtered(ctx)
        return and_(column.is_not(None), cast(column, Text) != "null")


class LongerFilter(EqualFilter):
    """Of spans of time."""

    name = "gt"
    label = "is longer than"

    def apply(self, ctx: FilterApplyContext) -> Any:
        """The condition."""
        return _filtered(ctx) > ctx.value


class ShorterFilter(EqualFilter):
    """Of spans of time."""

    name = "lt"
    label = "is shorter than"

    def apply(self, ctx: FilterApplyContext) -> Any:
        """The condition."""
        return _filtered(ctx) < ctx.value


def _filtered(ctx: FilterApplyContext) -> Any:
    return getattr(ctx.view.model, ctx.field_name)  # type: ignore[union-attr]


def _moment(ctx: FilterApplyContext) -> tuple[Any, Any]:
    column: Any = getattr(ctx.view.model, ctx.field_name)  # type: ignore[union-attr]
    now = datetime.now(UTC)
    return column, now.date() if isinstance(column.type, Date) else fit(column.type, now)


class Filters(SqlaFilterRegistry):
    """starlette-admin's filters, for our fields too."""

    @filters(Reference)
    def reference_filters(self, _: BaseField) -> list[type[BaseFilter]]:
        """By the key of the other record."""
        return [EqualFilter, NotEqualFilter, IsNullFilter, IsNotNullFilter]

    @filters(UUIDField)
    def uuid_filters(self, _: BaseField) -> list[type[BaseFilter]]:
        """Whole ones only: databases keep them in different spellings."""
        return [EqualFilter, NotEqualFilter, IsNullFilter, IsNotNullFilter]

    @filters(DateField)
    def date_filters(self, _: BaseField) -> list[type[BaseFilter]]:
        """On a day, between two, before today, after it."""
        return [
            DateEqualFilter,
            DateBetweenFilter,
            PastFilter,
            FutureFilter,
            IsNullFilter,
            IsNotNullFilter,
        ]

    @filters(DateTimeField)
    def datetime_filters(self, _: BaseField) -> list[type[BaseFilter]]:
        """At a moment, between two, before now, after it."""
        return [
            DateTimeEqualFilter,
            DateTimeBetweenFilter,
            PastFilter,
            FutureFilter,
            IsNullFilter,
            IsNotNullFilter,
        ]

    @filters(DurationField)
    def duration_filters(self, _: BaseField) -> list[type[BaseFilter]]:
        """Of a length, longer, shorter."""
        compared: list[type[BaseFilter]] = [EqualFilter, LongerFilter, ShorterFilter]
        return [*compared, IsNullFilter, IsNotNullFilter]

    @filters(NetworkField)
    def network_filters(self, _: BaseField) -> list[type[BaseFilter]]:
        """Whole ones."""
        return [EqualFilter, NotEqualFilter, IsNullFilter, IsNotNullFilter]

    @filters(DocumentField)
    def document_filters(self, _: BaseField) -> list[type[BaseFilter]]:
        """Whether there is any."""
        return [NoDocumentFilter, SomeDocumentFilter]

    @filters(ArrayField, RangeField, OpaqueField)
    def opaque_filters(self, _: BaseField) -> list[type[BaseFilter]]:
        """Whether there is any."""
        return [IsNullFilter, IsNotNullFilter]

    @filters(EnumField)
    def enum_filters(self, _: BaseField) -> list[type[BaseFilter]]:
        """Those of one value or of several."""
        of_one: list[type[BaseFilter]] = [EqualFilter, NotEqualFilter, InFilter, NotInFilter]
        return [*of_one, IsNullFilter, IsNotNullFilter]


def fitted(group: FilterGroup, model: type[SQLModel]) -> FilterGroup:
    """The same filters with values of their columns' types; 400 for one that is none."""
    rules = [
        fitted(rule, model) if isinstance(rule, FilterGroup) else _fitted_rule(rule, model)
        for rule in group.rules
    ]
    return FilterGroup(group.logic, rules)


def fit(kind: TypeEngine[Any], value: Any) -> Any:
    """The value as the column's type reads it; ValueError for one that it does not hold."""
    if isinstance(value, list | tuple):
        # starlette-admin leaves the quotes of each of several values where they are.
        return [fit(kind, _unquoted(each)) for each in value]
    bare: Any = getattr(kind, "impl_instance", kind)
    # SQLAlchemy makes a moment of it where a database knows no such type.
    if isinstance(kind, Interval | INTERVAL):
        return duration(str(value))
    if isinstance(value, datetime):
        aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        return aware if getattr(bare, "timezone", False) else aware.replace(tzinfo=None)
    if isinstance(bare, Enum):
        return _member(bare, str(value))
    if isinstance(kind, UserKey) and _NUMBER.fullmatch(str(value)):
        return int(value)  # of an adopted table
    if isinstance(bare, Uuid):
        return uuid.UUID(str(value))
    if isinstance(bare, Integer | Numeric | Float):
        return _number(bare, value)
    if isinstance(bare, INET | CIDR):
        return network(str(value), isinstance(bare, CIDR))
    if isinstance(bare, DateTime) or (isinstance(value, str) and "\0" in value):
        raise ValueError(f"{value!r} does not fit")
    return value


def _fitted_rule(rule: FilterRule, model: type[SQLModel]) -> FilterRule:
    column = column_of(model, rule.field)
    if column is None or rule.filter not in _COMPARING:
        return rule
    try:
        value, value2 = (
            None if each is None else fit(column.type, each) for each in (rule.value, rule.value2)
        )
    except (ValueError, ArithmeticError):
        raise HTTPException(400, f"{rule.field} holds no such value.") from None
    return FilterRule(rule.field, rule.filter, value, value2)


def _unquoted(value: Any) -> Any:
    quoted = isinstance(value, str) and len(value) > 1 and value[0] == value[-1] == '"'
    return value[1:-1] if quoted else value


def _member(kind: Enum, text: str) -> Any:
    if kind.enum_class is None:
        if text not in kind.enums:
            raise ValueError(text)
        return text
    for member in kind.enum_class:
        if str(member.value) == text:
            return member
    raise ValueError(text)


def _number(kind: TypeEngine[Any], value: Any) -> Any:
    number: Any = value if isinstance(value, int | float | Decimal) else float(str(value))
    if not math.isfinite(number):
        raise ValueError("a number must be finite")
    if isinstance(kind, Float):
        return float(number)
    if abs(number) > LARGEST:
        raise ValueError("no column holds a number of this size")
    if isinstance(kind, Numeric):
        return Decimal(str(number))
    return int(number) if number == int(number) else float(number)
