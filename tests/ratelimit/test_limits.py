"""How a limit is written."""

import pytest

from backoffice.core import SetupError
from backoffice.ratelimit import Limit, RateLimit, limits
from backoffice.ratelimit.limits import Kind

SECOND = 10**6
MINUTE = 60 * SECOND
DAY = 1440 * MINUTE


@pytest.mark.parametrize(
    ("written", "limit"),
    [
        ("20/minute", Limit(20, MINUTE, 20)),
        ("20 / minute", Limit(20, MINUTE, 20)),
        ("1/second", Limit(1, 10**6, 1)),
        ("100/hours", Limit(100, 60 * MINUTE, 100)),
        ("500/day", Limit(500, 1440 * MINUTE, 500)),
        ("5/10 seconds", Limit(5, 10**7, 5)),
        ("5/10second", Limit(5, 10**7, 5)),
        ("20/minute;burst=5", Limit(20, MINUTE, 5)),
        ("1/minute; burst = 3", Limit(1, MINUTE, 3)),
        ("100/week", Limit(100, 7 * DAY, 100)),
        ("20/minute;strict", Limit(20, MINUTE, 20, "strict")),
        ("20/10 minutes ; strict", Limit(20, 10 * MINUTE, 20, "strict")),
        ("9/hour;calendar", Limit(9, 60 * MINUTE, 9, "calendar")),
        ("1000/day;calendar", Limit(1000, DAY, 1000, "calendar")),
        ("1000/week;calendar", Limit(1000, 7 * DAY, 1000, "calendar")),
        ("1000/month;calendar", Limit(1000, 31 * DAY, 1000, "calendar")),
        ("5 concurrent", Limit(5, MINUTE, 5, "concurrent")),
        ("5 concurrent; lease = 30 seconds", Limit(5, 30 * SECOND, 5, "concurrent")),
        ("5 concurrent;lease=hour", Limit(5, 60 * MINUTE, 5, "concurrent")),
    ],
)
def test_a_limit_is_read(written: str, limit: Limit) -> None:
    assert limits(written) == (limit,)


@pytest.mark.parametrize(
    "written",
    [
        *("", "20", "20/", "/minute", "20/fortnight", "20 per minute", "-1/minute", "1.5/minute"),
        *("20/minute;burst=", "20/minute;burst=-1", "20/minute;speed=5", "20/minute, 5/second"),
        *("²/minute", "9999999999999/minute", "20/minute;", "20/minute;strict;strict"),
        *("20/minute;strict=1", "20/minute;calendar;strict", "20/minute;strict;burst=5"),
        *("20/day;calendar;burst=5", "20/minute;lease=3 seconds", "5 concurrent;strict"),
        *("5 concurrent;burst=3", "5 concurrent;lease=", "5 concurrent;lease=1 month"),
        *("concurrent", "5 concurrents", "5/concurrent"),
    ],
)
def test_what_is_not_a_limit_is_refused_with_an_example(written: str) -> None:
    with pytest.raises(SetupError, match='write it as "20/minute"'):
        limits(written)


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("0/minute", "lets nobody through"),
        ("20/minute;burst=0", "lets nobody through"),
        ("5/0 seconds", "lets nobody through"),
        ("1000001/second", "finer than microseconds"),
        ("1/4000 days", "more than ten years"),
        ("1/day;burst=4000", "more than ten years"),
        ("0 concurrent", "lets nobody through"),
        ("5 concurrent;lease=0 seconds", "lets nobody through"),
        ("5 concurrent;lease=4000 days", "more than ten years"),
        ("5/month", 'write "5/month;calendar" or "5/30 days"'),
        ("5/month;strict", 'write "5/month;calendar" or "5/30 days"'),
        ("5/minute;calendar", "take one hour, day, week or month"),
        ("5/2 days;calendar", "a calendar has no multiples"),
    ],
)
def test_a_limit_that_cannot_be_kept_is_refused(written: str, fault: str) -> None:
    with pytest.raises(SetupError, match=fault):
        limits(written)


def test_a_limit_is_refused_where_it_is_written_not_when_it_is_reached() -> None:
    with pytest.raises(SetupError, match="fortnight"):
        RateLimit("20/fortnight")


def test_a_rate_limit_has_at_least_one_limit_and_none_twice() -> None:
    with pytest.raises(SetupError, match="without a limit"):
        RateLimit()
    with pytest.raises(SetupError, match="named twice"):
        RateLimit("60/minute", "60/60 seconds")


@pytest.mark.parametrize(
    "written",
    [
        *("20/minute", "5/10 seconds", "1/2 days", "20/minute;burst=5", "5/2 weeks"),
        *("20/minute;strict", "5/10 seconds;strict", "9/hour;calendar", "9/month;calendar"),
        *("5 concurrent", "5 concurrent;lease=30 seconds", "5 concurrent;lease=1 hour"),
    ],
)
def test_a_limit_speaks_as_it_is_written(written: str) -> None:
    assert tuple(map(str, limits(written))) == (written,)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (("strict", 5, MINUTE), "has no burst"),
        (("calendar", 20, 90 * MINUTE), "take one hour, day, week or month"),
        (("strict", 20, 999), "too short to be strict"),
    ],
)
def test_a_limit_made_by_hand_is_no_less_checked(given: tuple[Kind, int, int], fault: str) -> None:
    kind, burst, period = given
    with pytest.raises(SetupError, match=fault):
        Limit(20, period, burst, kind)


def test_a_unit_never_comes_back_early() -> None:
    """Seven a second is one each 142857.14 microseconds: 142857 would let more through."""
    (seven,) = limits("7/second")
    assert seven.emission == 142858
