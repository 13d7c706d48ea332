"""A calendar above a list: the years, months and days of one of its dates, to narrow it by."""

import calendar
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from starlette.requests import Request

from backoffice.admin.reading import ReadableView
from backoffice.admin.stretches import WITHIN, Stretch, is_stretch, parts_of

_MOST_YEARS = 60


@dataclass(frozen=True)
class Calendar:
    """Where the list is, from a year down, and what there is to choose next."""

    path: list[Stretch]
    choices: list[Stretch]


async def calendar_of(view: ReadableView, request: Request) -> Calendar | None:
    """The calendar of a list; None if it has none, or nothing to choose."""
    name = view.options.date_hierarchy
    if not name or name not in {each.name for each in view.get_fields_list(request)}:
        return None
    chosen = request.query_params.get(WITHIN, "")
    path = [Stretch(each) for each in _path(chosen)] if is_stretch(chosen) else []
    bounds = await _bounds(view, request, getattr(view.model, name))
    if bounds is None:
        return None
    choices = _choices(path[-1].text if path else "", *bounds)
    return Calendar(path, [Stretch(each) for each in choices])


def _path(text: str) -> list[str]:
    parts = text.split("-")
    return ["-".join(parts[: count + 1]) for count in range(len(parts))]


def _choices(chosen: str, first: date, last: date) -> list[str]:
    if len(chosen) == len("2026-11-22"):
        return []
    if not chosen:
        years = range(max(first.year, last.year - _MOST_YEARS + 1), last.year + 1)
        return [f"{each:04}" for each in years]
    year, month, _ = parts_of(chosen)
    if month:
        days = calendar.monthrange(year, month)[1]
        found = [date(year, month, each) for each in range(1, days + 1)]
        return [each.isoformat() for each in found if first <= each <= last]
    months = [date(year, each, 1) for each in range(1, 13)]
    return [f"{each:%Y-%m}" for each in months if first.replace(day=1) <= each <= last]


async def _bounds(view: ReadableView, request: Request, column: Any) -> tuple[date, date] | None:
    """The first and the last day that there is, each from an end of the index."""
    found: list[date] = []
    query = view.get_list_query(request).with_only_columns(column).where(column.is_not(None))
    for end in (column.asc(), column.desc()):
        value = (await view.executed(request, query.order_by(end).limit(1))).scalar()
        if value is None:
            return None
        found.append(value.date() if isinstance(value, datetime) else value)
    return found[0], found[1]
