"""Filters that starlette-admin has not, or not so that an index serves them."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar

from sqlalchemy import Date, and_, not_
from starlette.requests import Request
from starlette_admin.contrib.sqla.filters import (
    ContainsFilter,
    EndsWithFilter,
    EqualFilter,
    IsNotNullFilter,
    IsNullFilter,
    NotContainsFilter,
    NotEqualFilter,
    StartsWithFilter,
)
from starlette_admin.fields import BaseField, DateField, DateTimeField, StringField, TextAreaField
from starlette_admin.filters import FilterApplyContext, FilterDataType, filters
from starlette_admin.filters.base import BaseFilter

from backoffice.admin.fields import References
from backoffice.admin.filtering import Filters, fit
from backoffice.admin.searching import ending, meets
from backoffice.admin.stretches import days_of
from backoffice.admin.visits import visit_of

Period = tuple[date, date]


class Contains(ContainsFilter):
    """Any part of the text, whatever its letters' size; a percent sign is a percent sign."""

    def apply(self, ctx: FilterApplyContext) -> Any:
        """The condition."""
        return meets(_column(ctx), "contains", ctx.value, _dialect(ctx))


class ContainsNot(NotContainsFilter):
    """No part of the text."""

    def apply(self, ctx: FilterApplyContext) -> Any:
        """The condition."""
        return not_(meets(_column(ctx), "contains", ctx.value, _dialect(ctx)))


class StartsWith(StartsWithFilter):
    """How it begins."""

    def apply(self, ctx: FilterApplyContext) -> Any:
        """The condition."""
        return meets(_column(ctx), "startswith", ctx.value, _dialect(ctx))


class EndsWith(EndsWithFilter):
    """How it ends."""

    def apply(self, ctx: FilterApplyContext) -> Any:
        """The condition."""
        return ending(_column(ctx), ctx.value, _dialect(ctx))


class Since(EqualFilter):
    """On that day or later."""

    name = "since"
    label = "is on or after"
    data_type = FilterDataType.DATE

    def parse_value(self, raw: str) -> date:
        """The day; ValueError."""
        return date.fromisoformat(raw)

    def apply(self, ctx: FilterApplyContext) -> Any:
        """The condition."""
        return _column(ctx) >= _begin(ctx, ctx.value)


class Until(Since):
    """On that day or earlier."""

    name = "until"
    label = "is on or before"

    def parse_value(self, raw: str) -> date:
        """The day; ValueError, also for the last of all: it ends where the next one begins."""
        day = super().parse_value(raw)
        if day == date.max:
            raise ValueError("no day comes after this one")
        return day

    def apply(self, ctx: FilterApplyContext) -> Any:
        """The condition."""
        return _column(ctx) < _begin(ctx, ctx.value + timedelta(days=1))


class Within(Since):
    """In a year, a month, or on a day."""

    name = "within"
    label = "is within"

    def parse_value(self, raw: str) -> Any:
        """The first and the last day; ValueError."""
        return days_of(raw)

    def apply(self, ctx: FilterApplyContext) -> Any:
        """The condition."""
        first, last = ctx.value
        column = _column(ctx)
        since = column >= _begin(ctx, first)
        if last == date.max:
            return since
        return and_(since, column < _begin(ctx, last + timedelta(days=1)))


class InPeriod(BaseFilter):
    """Within days that are counted from today, in UTC."""

    data_type = FilterDataType.NONE
    days: ClassVar[int] = 1

    @classmethod
    def period(cls, today: date) -> Period:
        """The first day, and the day after the last."""
        return today - timedelta(days=cls.days - 1), today + timedelta(days=1)

    def apply(self, ctx: FilterApplyContext) -> Any:
        """The condition."""
        first, end = self.period(datetime.now(UTC).date())
        column = _column(ctx)
        return and_(column >= _begin(ctx, first), column < _begin(ctx, end))


class Today(InPeriod):
    """Of today."""

    name = "today"
    label = "is today"


class Yesterday(InPeriod):
    """Of the day before."""

    name = "yesterday"
    label = "is yesterday"

    @classmethod
    def period(cls, today: date) -> Period:
        """That day alone."""
        return today - timedelta(days=1), today


class Past7Days(InPeriod):
    """Of today and six days before."""

    name = "past_7_days"
    label = "is in the past 7 days"
    days = 7


class Past30Days(InPeriod):
    """Of today and 29 days before."""

    name = "past_30_days"
    label = "is in the past 30 days"
    days = 30


class ThisMonth(InPeriod):
    """Of the month that it is."""

    name = "this_month"
    label = "is in this month"

    @classmethod
    def period(cls, today: date) -> Period:
        """From the first of the month to that of the next."""
        first = today.replace(day=1)
        return first, (first + timedelta(days=31)).replace(day=1)


class LastMonth(InPeriod):
    """Of the month before this one."""

    name = "last_month"
    label = "is in last month"

    @classmethod
    def period(cls, today: date) -> Period:
        """From the first of that month to the first of this one."""
        first = today.replace(day=1)
        return (first - timedelta(days=1)).replace(day=1), first


class ThisYear(InPeriod):
    """Of the year that it is."""

    name = "this_year"
    label = "is in this year"

    @classmethod
    def period(cls, today: date) -> Period:
        """From one first of January to the next."""
        return date(today.year, 1, 1), date(today.year + 1, 1, 1)


class Has(EqualFilter):
    """Of a relation to several: one of them is this."""

    name = "has"
    label = "has"

    def apply(self, ctx: FilterApplyContext) -> Any:
        """The condition."""
        # Any: the views of the site are ours, starlette-admin knows its own.
        view: Any = ctx.view
        field = next(each for each in view.fields if each.name == ctx.field_name)
        other = view._find_foreign_view(field.resource)
        return getattr(view.model, ctx.field_name).any(other.keys.clause(str(ctx.value)))


PERIODS: tuple[type[InPeriod], ...] = (
    Today,
    Yesterday,
    Past7Days,
    Past30Days,
    ThisMonth,
    LastMonth,
    ThisYear,
)
_NULLS: tuple[type[BaseFilter], ...] = (IsNullFilter, IsNotNullFilter)
_TEXT: tuple[type[BaseFilter], ...] = (Contains, ContainsNot, StartsWith, EndsWith)


class ListFilters(Filters):
    """The filters of each kind of field."""

    @filters(StringField)
    def string_filters(self, field: BaseField) -> list[type[BaseFilter]]:  # noqa: ARG002
        """By any part of it, or all."""
        return [*_TEXT, EqualFilter, NotEqualFilter, *_NULLS]

    @filters(TextAreaField)
    def textarea_filters(self, field: BaseField) -> list[type[BaseFilter]]:  # noqa: ARG002
        """By any part of it."""
        return [*_TEXT, *_NULLS]

    @filters(DateField)
    def date_filters(self, _: BaseField) -> list[type[BaseFilter]]:
        """And by periods."""
        return [*super().date_filters(_), Since, Until, Within, *PERIODS]

    @filters(DateTimeField)
    def datetime_filters(self, _: BaseField) -> list[type[BaseFilter]]:
        """And by periods."""
        return [*super().datetime_filters(_), Since, Until, Within, *PERIODS]

    @filters(References)
    def references_filters(self, _: BaseField) -> list[type[BaseFilter]]:
        """By one of them."""
        return [Has, *_NULLS]


def _column(ctx: FilterApplyContext) -> Any:
    return getattr(ctx.view.model, ctx.field_name)  # type: ignore[union-attr]


def _dialect(ctx: FilterApplyContext) -> str:
    request: Request = ctx.request  # type: ignore[assignment]
    return visit_of(request).services.database.dialect


def _begin(ctx: FilterApplyContext, day: date) -> Any:
    """The first moment of a day as the column holds it, in UTC."""
    kind = _column(ctx).type
    bare = getattr(kind, "impl_instance", kind)
    return day if isinstance(bare, Date) else fit(kind, datetime.combine(day, time(), UTC))
