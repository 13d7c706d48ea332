"""The fields of draft-ietf-httpapi-ratelimit-headers-11, letter by letter."""

from backoffice.ratelimit import Decision, Limit, Standing, limits
from backoffice.ratelimit.headers import Headers

fields = Headers().fields


def standing(written: str, spent: int, wait: int = 0) -> Standing:
    (limit,) = limits(written)
    return Standing(limit, limit.burst - spent, wait, spent * limit.emission)


def test_an_allowed_request_is_told_what_is_left() -> None:
    decision = Decision("GET /", True, 1, (standing("20/minute", 1), standing("500/day", 1)))
    assert fields([decision]) == {
        "RateLimit-Policy": '"20/minute";q=20;w=60, "500/day";q=500;w=86400',
        "RateLimit": '"20/minute";r=19;t=57, "500/day";r=499;t=86228',
    }


def test_a_spent_limit_says_when_the_next_unit_comes() -> None:
    decision = Decision("GET /", False, 1, (standing("20/minute", 20), standing("500/day", 30)))
    assert fields([decision])["RateLimit"] == '"20/minute";r=0;t=3, "500/day";r=470;t=81216'


def test_a_refused_cost_says_when_it_fits() -> None:
    decision = Decision("GET /", False, 5, (standing("20/minute", 17, wait=6_000_000),))
    assert fields([decision])["RateLimit"] == '"20/minute";r=3;t=6'


def test_a_burst_above_the_limit_is_not_promised() -> None:
    """`r` and `t` stay within `q` and `w`."""
    decision = Decision("GET /", True, 1, (standing("2/minute;burst=9", 1),))
    assert fields([decision])["RateLimit"] == '"2/minute;burst=9";r=2;t=60'


def test_a_window_below_a_second_is_told_as_one() -> None:
    limit = Limit(count=5, period=500_000, burst=5)
    decision = Decision("GET /", True, 1, (Standing(limit, 4, 0, 100_000),))
    assert fields([decision]) == {
        "RateLimit-Policy": '"5/500000 microseconds";q=5;w=1',
        "RateLimit": '"5/500000 microseconds";r=4;t=1',
    }


def test_several_checks_of_one_request_are_one_list_with_distinct_names() -> None:
    app = Decision("app", True, 1, (standing("100/minute", 1),))
    route = Decision("GET /", True, 1, (standing("100/minute", 3),))
    assert fields([app, route]) == {
        "RateLimit-Policy": '"100/minute";q=100;w=60, "100/minute#2";q=100;w=60',
        "RateLimit": '"100/minute";r=99;t=60, "100/minute#2";r=97;t=59',
    }


def test_a_check_that_no_store_answered_promises_nothing() -> None:
    assert fields([Decision("GET /", True, 1, ())]) == {}
