"""Which changes of a type write a table anew, beyond those that the oracle measures."""

import pytest

from backoffice.migrations.lint.expressions import volatile
from backoffice.migrations.lint.types import rewrites


@pytest.mark.parametrize(
    ("old", "new", "anew"),
    [
        ("VARCHAR(50)", "character varying(60)", False),
        ("varchar(50)", "varchar(40)", True),
        ("int4", "integer", False),
        ("serial", "integer", False),
        ("timestamptz", "TIMESTAMP WITH TIME ZONE", False),
        ("cidr", "inet", False),
        ("integer", "bigint", True),
        ("text[]", "text[]", False),
        ("json", "jsonb", True),
        ("", "text", True),
    ],
)
def test_a_type_that_is_stored_otherwise_is_written_anew(old: str, new: str, anew: bool) -> None:
    assert rewrites(old, new) is anew


def test_a_time_zone_costs_nothing_in_a_session_in_utc() -> None:
    assert rewrites("timestamp", "timestamptz")
    assert not rewrites("timestamp", "timestamptz", utc=True)


@pytest.mark.parametrize(
    ("expression", "each_row"),
    [
        ("now()", False),
        ("CURRENT_TIMESTAMP", False),
        ("'x(y)'", False),
        ("'a'::character varying(20)", False),
        ("timezone('utc'::text, now())", False),
        ("gen_random_uuid()", True),
        ("public.own_function()", True),
        ("nextval('seq'::regclass)", True),
        ("lower(random()::text)", True),
    ],
)
def test_a_default_is_computed_for_each_row_where_it_may_vary(
    expression: str, each_row: bool
) -> None:
    assert volatile(expression) is each_row
