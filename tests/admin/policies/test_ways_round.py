"""What may not be seen is not found out in a roundabout way either."""

import base64
import json
import re
from datetime import date

import pytest
from sqlmodel import SQLModel

from backoffice.admin.labels import record_label
from backoffice.admin.veils import Hidden, Veiled
from tests.admin.library import Book
from tests.admin.policies.ruled import RuledHouse, narrowed, titles


def test_a_place_made_by_hand_does_not_tell_where_a_hidden_record_stands(ruled: RuledHouse) -> None:
    """A place may say that its record be asked: a record that may not be seen has no answer."""
    narrowed(ruled)
    ruled.add(Book(id=99, title="Title15x", isbn="x", author_id=1, published=date(2030, 1, 1)))
    ruled.add(*(_seen(number) for number in range(100, 110)))
    first = ruled.open("/books?sort=title__asc&page_size=10").text
    token = re.search(r"after=([\w-]+)", first)
    assert token is not None
    name, position, *_ = json.loads(base64.urlsafe_b64decode(token[1] + "=="))

    def shown(key: int, end: str) -> set[str]:
        place = json.dumps([name, position, {"of": "record"}, key]).encode()
        text = base64.urlsafe_b64encode(place).decode().rstrip("=")
        return titles(ruled.open(f"/books?sort=title__asc&page_size=10&{end}={text}").text)

    assert shown(15, "after") >= {"Title16", "Title17", "Title18"}
    assert "Title15" not in shown(15, "after")
    for end in ("after", "before"):
        assert shown(99, end) == shown(9_999, end)


class Priced(SQLModel):
    """With a property of what may be hidden, which its name is made of."""

    price: int
    stock: int = 0

    @property
    def dear(self) -> str:
        return f"dear {self.price}"

    def __str__(self) -> str:
        return self.dear


def test_a_property_tells_nothing_of_what_it_may_not_be_read_from() -> None:
    """Neither in a column nor in the name of a record."""
    record = Priced(price=9)
    veiled = Veiled(record, {"price"})
    with pytest.raises(Hidden):
        _ = veiled.dear
    assert record_label(record, "1", {"price"}) == "Priced 1"
    assert Veiled(record, {"stock"}).dear == "dear 9"


def _seen(number: int) -> Book:
    return Book(
        id=number,
        title=f"Z{number}",
        isbn=f"seen{number}",
        author_id=1,
        published=date(2025, 1, 1),
    )
