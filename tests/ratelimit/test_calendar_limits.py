"""A calendar limit: all of it comes back when the next hour, day, week or month begins in UTC."""

import calendar
from datetime import UTC, datetime, timedelta

import pytest

from backoffice.ratelimit import limits
from tests.ratelimit.counters import Counters, charge

LAST = timedelta(microseconds=1)

pytestmark = pytest.mark.anyio


def at(text: str) -> datetime:
    """A moment of UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("unit", "begins", "ends"),
    [
        ("hour", "2026-03-29T01:00", "2026-03-29T02:00"),
        # The nights in which most of Europe sets its clocks: a day of UTC has 24 hours.
        ("day", "2026-03-29", "2026-03-30"),
        ("day", "2026-10-25", "2026-10-26"),
        ("day", "2026-12-31", "2027-01-01"),
        ("week", "2026-09-28", "2026-10-05"),
        ("week", "2026-12-28", "2027-01-04"),
        ("month", "2026-01-01", "2026-02-01"),
        ("month", "2026-02-01", "2026-03-01"),
        ("month", "2028-02-01", "2028-03-01"),
        ("month", "2026-04-01", "2026-05-01"),
        ("month", "2026-12-01", "2027-01-01"),
        ("month", "2100-02-01", "2100-03-01"),
    ],
)
async def test_a_window_holds_from_its_first_to_its_last_microsecond(
    counters: Counters, unit: str, begins: str, ends: str
) -> None:
    (two,) = limits(f"2/{unit};calendar")
    counters.move_to(at(begins) - LAST)
    assert (await charge(counters, two, 2)).standings[0].reset == 1
    counters.move_to(at(begins))
    first = await charge(counters, two)
    assert (first.allowed, first.standings[0].remaining) == (True, 1)
    assert timedelta(microseconds=first.standings[0].reset) == at(ends) - at(begins)
    counters.move_to(at(ends) - LAST)
    assert (await charge(counters, two)).allowed
    refused = await charge(counters, two)
    assert (refused.allowed, refused.standings[0].wait) == (False, 1)
    counters.move_to(at(ends))
    assert (await charge(counters, two)).standings[0].remaining == 1


async def test_months_are_those_of_the_calendar_for_a_hundred_years(
    counters: Counters,
) -> None:
    (one,) = limits("1/month;calendar")
    for year in range(1970, 2100):
        for month in (1, 2, 3, 12):
            days = calendar.monthrange(year, month)[1]
            counters.move_to(datetime(year, month, days, 23, 59, 59, tzinfo=UTC))
            verdict = await charge(counters, one)
            assert (verdict.allowed, verdict.standings[0].reset) == (True, 1_000_000)


async def test_all_of_it_may_be_spent_at_once_and_no_more(counters: Counters) -> None:
    (thousand,) = limits("1000/day;calendar")
    assert (await charge(counters, thousand, 1000)).allowed
    assert not (await charge(counters, thousand)).allowed


async def test_what_was_spent_yesterday_is_not_given_back_today(counters: Counters) -> None:
    (ten,) = limits("10/day;calendar")
    counters.move_to(at("2026-05-05T23:59:50"))
    await charge(counters, ten, 5)
    counters.move_to(at("2026-05-06T00:00:10"))
    await charge(counters, ten, 3)
    late = await charge(counters, ten, -5, "settle", age=20_000_000)
    assert late.standings[0].remaining == 7
    soon = await charge(counters, ten, -2, "settle", age=10_000_000)
    assert soon.standings[0].remaining == 9
