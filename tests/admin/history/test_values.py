"""Values as the history keeps them: what comes back is what was there, of the same type."""

import json
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import ARRAY, String
from sqlalchemy import Enum as EnumType
from sqlalchemy.dialects.postgresql import Range

from backoffice.admin.history.values import LONGEST, is_kept, restored, stored


class Colour(Enum):
    red = 1


class Word(StrEnum):
    first = "is first"


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        10**30,
        1.0,
        0.1,
        float("inf"),
        "",
        'half "quoted" \u00e9\U0001f40d',
        Decimal("10.50"),
        Decimal("1E+2"),
        datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2))),
        datetime(2026, 1, 2),  # noqa: DTZ001
        date(2026, 1, 2),
        time(1, 2, 3, 4),
        timedelta(days=-1, microseconds=7),
        UUID("f53c8cff-37e7-495d-a65a-a823bcdd92e5"),
        b"\x00\xff",
        {"$": "decimal", "v": {"deep": [1, "a", None, {"v": 2.5}]}},
        [Decimal(1), [date(2026, 1, 1)]],
        Range(1, 5, bounds="[)"),
        Range(None, Decimal("2.5"), bounds="()"),
    ],
    ids=repr,
)
def test_it_comes_back_exactly(value: Any) -> None:
    """Through the text of JSON, and with its type."""
    made = json.loads(json.dumps(stored(value)))
    found = restored(made)
    assert (found, type(found)) == (value, type(value))
    assert is_kept(made)


def test_an_enum_comes_back_by_its_column() -> None:
    """Whatever its values are; in an array as well."""
    assert restored(stored(Colour.red), EnumType(Colour)) is Colour.red
    assert restored(stored(Word.first), EnumType(Word)) is Word.first
    assert restored(stored([Colour.red]), ARRAY(EnumType(Colour))) == [Colour.red]


def test_of_a_long_value_a_digest_is_kept() -> None:
    """Two long values differ still; neither is said to come back."""
    one, other = stored("a" * LONGEST), stored("b" * LONGEST)
    assert one != other
    assert not is_kept(one)
    assert len(json.dumps(one)) < 200
    assert restored(stored("a" * (LONGEST - 2)), String()) == "a" * (LONGEST - 2)


def test_of_what_is_of_an_unknown_type_the_text_is_kept() -> None:
    """To be read, and not to be set back."""
    made = stored(1 + 2j)
    assert made == {"$": "text", "v": "(1+2j)"}
    assert not is_kept(made)
    assert not is_kept(stored([1 + 2j]))
